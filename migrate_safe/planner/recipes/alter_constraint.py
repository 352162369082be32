"""Change when a foreign key is checked.

Harm of the plain form: none by its lock, an instant. But an app that gets its errors at COMMIT instead of at the
statement, or that may no longer SET CONSTRAINTS DEFERRED, notices. Phases: expand where it only may be deferred from
now on, which no statement notices by itself; contract otherwise. One step takes it back.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-ALTER-CONSTRAINT
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Constraint
from migrate_safe.planner.draft import Outcome, Rank, draft, sql


class AlterConstraint(Struct, frozen=True):
    """A foreign key as it is `before` and `after`."""

    table: Name
    before: Constraint
    after: Constraint

    def steps(self) -> Outcome:
        """Plan the change."""
        name = quote_ident(self.before.name or "")
        alter = f"ALTER TABLE {self.table} ALTER CONSTRAINT {name}"
        unnoticed = self.after.deferrable and self.after.deferred == self.before.deferred
        made = draft(
            Rank.SHAPE if unnoticed else Rank.ENFORCE,
            "alter-constraint",
            f"{self.table}.{name}",
            f"make {name} {_timing(self.after).lower()}",
            sql(f"{alter} {_timing(self.after)}"),
            sql(f"{alter} {_timing(self.before)}"),
        )
        far = self.before.references
        touches = (self.table,) if far is None else (self.table, far.table)
        return Outcome((made,), f"change when {name} of {self.table} is checked", (), touches)


def _timing(constraint: Constraint) -> str:
    if not constraint.deferrable:
        return "NOT DEFERRABLE"
    return "DEFERRABLE INITIALLY DEFERRED" if constraint.deferred else "DEFERRABLE INITIALLY IMMEDIATE"
