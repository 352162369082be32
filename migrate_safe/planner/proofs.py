"""NOT NULL without a scan under an exclusive lock: proven first by a CHECK that is validated while clients work.

From PostgreSQL 12 on SET NOT NULL skips its scan when a valid CHECK already says that the column is not null.
https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Backfill, Requirement
from migrate_safe.planner.draft import NOTHING, Draft, Rank, column_target, draft, sql
from migrate_safe.planner.identifiers import proof
from migrate_safe.planner.null_names import if_constraint


class NotNull(Struct, frozen=True):
    """A column that is to be, or was, NOT NULL. `word` makes the helper's name unique; `keys` find a row.

    `declared` is the constraint as ADD names it, where its name is given.
    """

    table: Name
    column: str
    word: str
    keys: str
    declared: str | None = None

    @property
    def helper(self) -> str:
        """The quoted name of the helper CHECK."""
        return quote_ident(proof(self.column, self.word))

    @property
    def add(self) -> str:
        """Write the statement that adds the helper, without looking at rows that exist."""
        return f"{self._alter} ADD CONSTRAINT {self.helper} CHECK ({quote_ident(self.column)} IS NOT NULL) NOT VALID"

    @property
    def validate(self) -> str:
        """Write the statement that proves the helper for all rows; it blocks neither reads nor writes."""
        return f"{self._alter} VALIDATE CONSTRAINT {self.helper}"

    def drop(self, *, if_exists: bool = False) -> str:
        """Write the statement that drops the helper."""
        return f"{self._alter} DROP CONSTRAINT {'IF EXISTS ' if if_exists else ''}{self.helper}"

    @property
    def set(self) -> str:
        """Write SET NOT NULL, or the ADD CONSTRAINT that does the same."""
        if self.declared is not None:
            return f"{self._alter} ADD {self.declared}"
        return f"{self._alter} ALTER COLUMN {quote_ident(self.column)} SET NOT NULL"

    @property
    def relax(self) -> str:
        """Write DROP NOT NULL."""
        return f"{self._alter} ALTER COLUMN {quote_ident(self.column)} DROP NOT NULL"

    @property
    def requirement(self) -> Requirement:
        """Select the rows that are NULL."""
        query = f"SELECT {self.keys} FROM {self.table} WHERE {quote_ident(self.column)} IS NULL"
        return Requirement(query, f"{self.table} has rows without {quote_ident(self.column)}: fill them first")

    @property
    def _alter(self) -> str:
        return f"ALTER TABLE {self.table}"


def prove(it: NotNull, rank: Rank) -> tuple[Draft, ...]:
    """Make the steps that end in NOT NULL; the undo of the last one takes them all back at once."""
    target = column_target(it.table, it.column)
    added = draft(
        rank,
        "add-not-null-check",
        target,
        f"refuse new rows without {quote_ident(it.column)}, leaving old ones unread",
        sql(it.add, require=(it.requirement,)),
        sql(it.drop()),
    )
    validated = draft(
        rank,
        "validate-not-null-check",
        target,
        "prove it of every row, while clients read and write",
        sql(it.validate),
    )
    enforced = draft(
        rank,
        "set-not-null",
        target,
        f"make {quote_ident(it.column)} NOT NULL; the proof saves the scan",
        sql(it.set, it.drop()),
        sql(it.relax),
        takes_back=(added, validated),
    )
    return added, validated, enforced


def lift(it: NotNull, rank: Rank, does: str, named: tuple[str, ...] = ()) -> tuple[Draft, ...]:
    """Make the steps that lift NOT NULL, and on the way back prove it before it is set again.

    The first three do their work on the way back, in reverse: refuse new rows without a value, prove it of the
    old ones, set NOT NULL. They stand before the step that lifts it, and nothing in their undo needs that step to
    have run, so that every position among them leads both ways. `named` gives the constraint its old name back.
    """
    target, name = column_target(it.table, it.column), quote_ident(it.column)
    restored = draft(
        rank,
        "restore-not-null",
        target,
        f"nothing; on the way back, makes {name} NOT NULL again, which the proof makes instant",
        NOTHING,
        sql(it.set, it.drop(if_exists=True), *named),
    )
    validated = draft(
        rank,
        "prove-not-null",
        target,
        f"nothing; on the way back, proves {name} NOT NULL of every row",
        NOTHING,
        sql(if_constraint(it.table, proof(it.column, it.word), it.validate)),
    )
    guarded = draft(
        rank,
        "guard-not-null",
        target,
        f"nothing new; on the way back, refuses new rows without {name} before the proof",
        sql(it.drop(if_exists=True)),
        sql(it.add, require=(it.requirement,)),
    )
    return restored, validated, guarded, draft(rank, "quiet-column", target, does, sql(it.relax))


def refill(it: NotNull, rank: Rank, source: str) -> Draft:
    """Make the step that, on the way back, fills what a write that went round the triggers left empty."""
    name = quote_ident(it.column)
    return draft(
        rank,
        "refill-column",
        column_target(it.table, it.column),
        f"nothing; on the way back, fills {name} where a write went round the triggers",
        NOTHING,
        Backfill(it.table, ((it.column, source),), f"{name} IS NULL AND {source} IS NOT NULL"),
    )
