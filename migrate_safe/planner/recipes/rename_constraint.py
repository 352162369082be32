"""Rename a constraint.

Harm of the plain form: none by its lock, an instant. But ON CONFLICT ON CONSTRAINT and code that reads the names of
constraints in errors know one name only. Phases: contract, when the old app is gone; one step takes it back.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-RENAME
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.planner.draft import Outcome, Rank, draft, sql


class RenameConstraint(Struct, frozen=True):
    """A constraint of `table` to rename from `old` to `new`."""

    table: Name
    old: str
    new: str

    def steps(self) -> Outcome:
        """Plan the rename."""
        old, new = quote_ident(self.old), quote_ident(self.new)
        made = draft(
            Rank.HIDE,
            "rename-constraint",
            f"{self.table}.{old}",
            f"rename constraint {old} to {new}; the old app may know it by its old name",
            sql(f"ALTER TABLE {self.table} RENAME CONSTRAINT {old} TO {new}"),
            sql(f"ALTER TABLE {self.table} RENAME CONSTRAINT {new} TO {old}"),
        )
        note = f"{self.table}: until contract, ON CONFLICT ON CONSTRAINT and names in errors say {old}, not {new}"
        return Outcome((made,), f"rename constraint {old} of {self.table} to {new}", (note,), (self.table,))
