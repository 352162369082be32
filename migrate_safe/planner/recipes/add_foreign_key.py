"""Add a foreign key.

Harm of the plain form: ADD FOREIGN KEY checks every row while it holds SHARE ROW EXCLUSIVE on both tables, so that
nobody can write to either. Phases: NOT VALID (an instant on both tables), then VALIDATE, which blocks nobody. A row
of the old app may break it, so it comes in contract; in migrate when it is on new columns and their default, or
NULL, keeps it, or when the migration says so (`-- migrate-safe: old-app-keeps REASON`).

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Constraint
from migrate_safe.model.values import replace
from migrate_safe.planner.constraints import Held, body_of, hold, offending_rows
from migrate_safe.planner.draft import Draft, Outcome, Rank, draft, sql


class AddForeignKey(Struct, frozen=True):
    """A foreign key to add to `table`: `constraint` has its final name, and a qualified far table.

    `kept` says why the old app cannot break it, None when it can. `keys` find a row. `leaves` are the partitions that
    get it one by one, where the partitioned table itself cannot have it NOT VALID: it takes theirs over, unread.
    """

    table: Name
    constraint: Constraint
    keys: str
    kept: str | None = None
    leaves: tuple[Name, ...] = ()

    def steps(self) -> Outcome:
        """Plan the foreign key."""
        name = self.constraint.name or ""
        held = Held(
            self.table,
            name,
            body_of(self.constraint),
            self.constraint.validated,
            offending_rows(self.table, self.constraint, self.keys),
        )
        rank = Rank.ENFORCE if self.kept is None else Rank.HOLD
        far = self.constraint.references.table if self.constraint.references is not None else self.table
        why = self.kept or f"the old app may write rows that are not in {far}, so it comes after the old app is gone"
        summary = f"add foreign key {quote_ident(name)} to {self.table}"
        if not self.leaves:
            return Outcome(hold(held, rank, why), summary, (), (self.table, far))
        each = tuple(d for leaf in self.leaves for d in hold(self._on(leaf, held), rank, why))
        return Outcome((*each, self._gather(held, each)), summary, (), (self.table, *self.leaves, far))

    def _on(self, leaf: Name, held: Held) -> Held:
        return replace(held, table=leaf, offending=offending_rows(leaf, self.constraint, self.keys))

    def _gather(self, held: Held, each: tuple[Draft, ...]) -> Draft:
        """Make the step by which the partitioned table takes the keys of its partitions over."""
        name, alter = quote_ident(held.name), f"ALTER TABLE {self.table}"
        return draft(
            each[0].rank,
            "gather-constraint",
            f"{self.table}.{name}",
            f"make {name} a constraint of the whole table; no row is read, for every partition has it",
            sql(f"{alter} ADD CONSTRAINT {name} {held.definition}"),
            sql(f"{alter} DROP CONSTRAINT {name}"),
            takes_back=each,
        )
