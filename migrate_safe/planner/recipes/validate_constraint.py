"""Validate a constraint that was added NOT VALID.

Harm of the plain form: none; VALIDATE blocks neither reads nor writes, and fails on the first row that breaks it.
Phases: migrate, after a look for such rows, which are counted and shown. The way back adds it NOT VALID again.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-VALIDATE-CONSTRAINT
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Constraint
from migrate_safe.planner.draft import Outcome, Rank, draft, sql


class ValidateConstraint(Struct, frozen=True):
    """A constraint to prove; `definition` is its text behind the name, with NOT VALID.

    `drop` is the statement that drops it. `offending` finds rows that break it; `remarks` are its comments.
    """

    table: Name
    constraint: Constraint
    definition: str
    drop: str
    offending: Requirement | None = None
    remarks: tuple[str, ...] = ()

    def steps(self) -> Outcome:
        """Plan the proof."""
        name, alter = quote_ident(self.constraint.name or ""), f"ALTER TABLE {self.table}"
        made = draft(
            Rank.HOLD,
            "validate-constraint",
            f"{self.table}.{name}",
            f"prove {name} of every row, while clients read and write",
            sql(
                f"{alter} VALIDATE CONSTRAINT {name}",
                require=() if self.offending is None else (self.offending,),
            ),
            sql(self.drop, f"{alter} ADD CONSTRAINT {name} {self.definition}", *self.remarks),
        )
        far = self.constraint.references
        touches = (self.table,) if far is None else (self.table, far.table)
        return Outcome((made,), f"validate constraint {name} of {self.table}", (), touches)
