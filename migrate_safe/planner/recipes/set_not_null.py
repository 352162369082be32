"""Make a column NOT NULL.

Harm of the plain form: SET NOT NULL reads the whole table under ACCESS EXCLUSIVE, so that nobody can read or write.
Phases: a helper CHECK without a look at old rows, its VALIDATE while clients work, then SET NOT NULL, which the
proof makes instant. Old writers may send NULL, so all this comes in contract; in migrate when the old app cannot
write the column, or when the migration says so (`-- migrate-safe: old-app-keeps REASON`).

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Verify
from migrate_safe.planner.draft import Outcome, Rank, column_target, draft
from migrate_safe.planner.proofs import NotNull, prove


class SetNotNull(Struct, frozen=True):
    """A column to make NOT NULL. `word` makes helper names unique, `keys` find a row.

    `kept` says why the old app never writes NULL, None when it may. `declared` is the constraint as ADD names it.
    """

    table: Name
    column: str
    word: str
    keys: str
    kept: str | None = None
    declared: str | None = None

    def steps(self) -> Outcome:
        """Plan the NOT NULL."""
        rank = Rank.ENFORCE if self.kept is None else Rank.HOLD
        it = NotNull(self.table, self.column, self.word, self.keys, self.declared)
        name = quote_ident(self.column)
        checked = draft(
            Rank.RECHECK if self.kept is None else Rank.PROVE,
            "verify-not-null",
            column_target(self.table, self.column),
            f"prove that every row has {name}, before anything is changed",
            Verify(self.table, f"{name} IS NOT NULL", f"{self.table} has rows without {name}: fill them first"),
        )
        summary = f"make {name} of {self.table} NOT NULL"
        return Outcome((checked, *prove(it, rank)), summary, (), (self.table,))
