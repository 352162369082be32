"""Add a CHECK constraint.

Harm of the plain form: ADD CHECK reads the whole table under ACCESS EXCLUSIVE, so that nobody can read or write.
Phases: NOT VALID (an instant), then VALIDATE, which blocks nobody. Rows that the old app writes may break it, so it
comes in contract; in migrate when it is on new columns and their default, or NULL, keeps it, or when the migration
says so (`-- migrate-safe: old-app-keeps REASON`).

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Constraint
from migrate_safe.planner.constraints import Held, body_of, hold, offending_rows
from migrate_safe.planner.draft import Outcome, Rank


class AddCheck(Struct, frozen=True):
    """A CHECK to add to `table`: `constraint` has its final name. `kept` says why the old app cannot break it."""

    table: Name
    constraint: Constraint
    keys: str
    kept: str | None = None

    def steps(self) -> Outcome:
        """Plan the CHECK."""
        name = self.constraint.name or ""
        held = Held(
            self.table,
            name,
            body_of(self.constraint),
            self.constraint.validated,
            offending_rows(self.table, self.constraint, self.keys),
        )
        rank = Rank.ENFORCE if self.kept is None else Rank.HOLD
        why = self.kept or "the old app may write rows that break it, so it comes after the old app is gone"
        return Outcome(hold(held, rank, why), f"add check {quote_ident(name)} to {self.table}", (), (self.table,))
