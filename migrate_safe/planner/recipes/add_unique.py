"""Add a unique constraint.

Harm of the plain form: ADD UNIQUE builds its index under ACCESS EXCLUSIVE, so that nobody can read or write until it
has read the whole table. Phases: the index is built CONCURRENTLY under the constraint's name, then the constraint
takes it over, an instant. Writes of the old app may break it, so it comes in contract unless the old app cannot.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Constraint, ConstraintKind, Index
from migrate_safe.planner.draft import Draft, Outcome, Rank, draft, sql
from migrate_safe.planner.recipes.create_index import CreateIndex


class AddUnique(Struct, frozen=True):
    """A unique constraint to add: `index` bears its name, `statement` builds it CONCURRENTLY.

    `kept` says why the old app cannot break it, None when it can.
    """

    table: Name
    constraint: Constraint
    index: Index
    statement: str
    kept: str | None = None

    def steps(self) -> Outcome:
        """Plan the constraint."""
        built = CreateIndex(self.table, self.index, self.statement, Rank.COPY, self.kept).steps()
        attached = attach(self.table, self.constraint, built.drafts[-1])
        name = quote_ident(self.index.name or "")
        return Outcome((*built.drafts, attached), f"add unique constraint {name} to {self.table}", (), (self.table,))


def attach(table: Name, constraint: Constraint, built: Draft) -> Draft:
    """Make the step by which a constraint takes over the index of its name; its undo drops both."""
    name = quote_ident(constraint.name or "")
    primary = constraint.kind is ConstraintKind.PRIMARY
    kind = "PRIMARY KEY" if primary else "UNIQUE"
    timing = " DEFERRABLE" * constraint.deferrable + " INITIALLY DEFERRED" * constraint.deferred
    return draft(
        built.rank,
        "attach-key" if primary else "attach-unique",
        f"{table}.{name}",
        f"make the unique index {name} {'the primary key' if primary else 'a constraint'}",
        sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name}{timing}"),
        sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}"),
        takes_back=(built,),
    )
