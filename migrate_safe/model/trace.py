"""What came of a migration that ran on a scratch server, statement by statement, beside what was predicted."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.effect import Analysed, Observed
from migrate_safe.model.finding import LintReport


class Traced(Struct, frozen=True):
    """One statement: its prediction, what was seen, and where the two differ.

    `observed` is None for what only steers the session (BEGIN, SET) and for what did not run; `note` says why.
    `transaction` numbers transactions from 1. `parameters` are those of the extended protocol, as text for people.
    """

    analysed: Analysed
    observed: Observed | None
    transaction: int
    differences: tuple[str, ...] = ()
    note: str = ""
    parameters: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether all that was seen had been predicted."""
        return not self.differences


class TraceReport(Struct, frozen=True):
    """A trace: of what, on which server, after which migrations, with how many rows in each table.

    `lint` holds the findings on the same statements. `command_code` is the exit code of the command that was traced.
    """

    subject: str
    server: str
    provider: str
    base: tuple[str, ...]
    rows: int
    statements: tuple[Traced, ...]
    lint: LintReport
    notes: tuple[str, ...] = ()
    command_code: int | None = None

    @property
    def failed(self) -> tuple[Traced, ...]:
        """Statements that the server refused."""
        return tuple(t for t in self.statements if t.observed is not None and t.observed.effect.fails)

    @property
    def differing(self) -> tuple[Traced, ...]:
        """Statements that did something else than was predicted."""
        return tuple(t for t in self.statements if not t.agrees)
