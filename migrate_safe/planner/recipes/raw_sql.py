"""Run a statement as it stands, taken back as its author says.

Harm of the plain form: the server cannot undo a change of data, and for some statements no safe road is known here;
without a way back a failed release ends in a restore. The author gives the undo in a comment
(`-- migrate-safe: undo DELETE FROM plans WHERE code = 'free';`), and the phase where it is not expand
(`-- migrate-safe: phase contract`). In purge nothing can be undone.

https://www.postgresql.org/docs/current/sql-begin.html
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.model.plan import Phase
from migrate_safe.planner.draft import PURGE_WINDOW, Outcome, Rank, draft, sql

_RANKS = {
    Phase.EXPAND: Rank.SHAPE,
    Phase.MIGRATE: Rank.HOLD,
    Phase.CONTRACT: Rank.ENFORCE,
    Phase.PURGE: Rank.DROP,
}
_SHOWN = 60


class RawSql(Struct, frozen=True):
    """A statement with its undo (empty: nothing to take back). `line` says where it stands in the migration."""

    statement: str
    undo: tuple[str, ...]
    line: int
    phase: Phase = Phase.EXPAND
    touches: tuple[Name, ...] = ()

    def steps(self) -> Outcome:
        """Plan the statement."""
        purges = self.phase is Phase.PURGE
        made = draft(
            _RANKS[self.phase],
            "run-sql",
            f"line-{self.line}",
            f"run {self._short}; its author says how it is taken back" if not purges else f"run {self._short}",
            sql(self.statement),
            None if purges else sql(*self.undo),
            not_before=PURGE_WINDOW if purges else None,
            irreversible="its author gives no undo" if purges else None,
        )
        return Outcome((made,), f"run {self._short}", (), self.touches)

    @property
    def _short(self) -> str:
        words = " ".join(_without_comments(self.statement.splitlines()))
        return words if len(words) <= _SHOWN else f"{words[:_SHOWN].rstrip()} ..."


def _without_comments(lines: Iterable[str]) -> Iterable[str]:
    return (" ".join(line.split()) for line in lines if not line.strip().startswith("--"))
