"""Change how a column is analysed and stored: statistics target, storage, compression, options.

Harm of the plain form: none; an instant, and only later ANALYZE and later writes notice. Phases: expand. The way back
says what was set before.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-STATISTICS
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Column
from migrate_safe.planner.draft import Outcome, Rank, column_target, draft, sql

_USUAL = {"SET STATISTICS": "SET STATISTICS -1", "SET COMPRESSION": "SET COMPRESSION default"}
_STARTS = ("SET STATISTICS", "SET STORAGE", "SET COMPRESSION", "SET (")


class ColumnSetting(Struct, frozen=True):
    """What is set for a column, `before` and after `statement`; `storage` is that which its type has by itself.

    `unset` requires that nothing was set, where no server was asked.
    """

    table: Name
    statement: str
    before: Column
    after: Column
    storage: str
    unset: Requirement | None = None

    def steps(self) -> Outcome:
        """Plan the change."""
        name = quote_ident(self.before.name)
        made = draft(
            Rank.SHAPE,
            "set-column",
            column_target(self.table, self.before.name),
            f"change how {name} is analysed or stored; rows that are there stay as they are",
            sql(self.statement, require=(self.unset,) if self.unset is not None else ()),
            sql(*(f"ALTER TABLE {self.table} ALTER COLUMN {name} {text}" for text in self._back())),
        )
        return Outcome((made,), f"set {name} of {self.table}", (), (self.table,))

    def _back(self) -> tuple[str, ...]:
        usual = {**_USUAL, "SET STORAGE": f"SET STORAGE {self.storage}"}
        changed = [s for s in _STARTS if _held(self.before, s) != _held(self.after, s)]
        return tuple(text for start in changed for text in self._restored(start, usual))

    def _restored(self, start: str, usual: dict[str, str]) -> tuple[str, ...]:
        before, after = _held(self.before, start), _held(self.after, start)
        if start != "SET (":
            return (before or usual[start],)
        gone = ", ".join(pair.partition("=")[0].strip() for pair in after[5:-1].split(",")) if after else ""
        return (*((f"RESET ({gone})",) if gone else ()), *((before,) if before else ()))


def _held(column: Column, start: str) -> str:
    return next((s for s in column.settings if s.startswith(start)), "")
