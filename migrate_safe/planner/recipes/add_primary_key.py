"""Add a primary key.

Harm of the plain form: ADD PRIMARY KEY reads the table for NOT NULL and builds its index under ACCESS EXCLUSIVE: nobody
can read or write. Phases: each column is proven NOT NULL by a CHECK that is validated while clients work, the
index is built CONCURRENTLY under the key's name, then the constraint takes it over, an instant. Writes of the old app
may break it, so it comes in contract unless the old app cannot.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Constraint, Index
from migrate_safe.planner.draft import Outcome, Rank
from migrate_safe.planner.recipes.add_unique import attach
from migrate_safe.planner.recipes.create_index import CreateIndex
from migrate_safe.planner.recipes.set_not_null import SetNotNull


class AddPrimaryKey(Struct, frozen=True):
    """A primary key to add: `index` bears its name, `statement` builds it CONCURRENTLY.

    `nullable` are its columns that may be NULL so far. `kept` says why the old app cannot break it, None when it can.
    """

    table: Name
    constraint: Constraint
    index: Index
    statement: str
    nullable: tuple[SetNotNull, ...]
    kept: str | None = None

    def steps(self) -> Outcome:
        """Plan the key; NOT NULL is proven before the constraint takes over the index, or that would read the table."""
        proofs = tuple(d for column in self.nullable for d in column.steps().drafts)
        built = CreateIndex(self.table, self.index, self.statement, Rank.HOLD, self.kept).steps()
        attached = attach(self.table, self.constraint, built.drafts[-1])
        name = quote_ident(self.index.name or "")
        drafts = (*proofs, *built.drafts, attached)
        return Outcome(drafts, f"add primary key {name} to {self.table}", (), (self.table,))
