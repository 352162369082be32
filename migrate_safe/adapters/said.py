"""One message of a client, statement by statement, and what became of each."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.adapters.wire import Sent
from migrate_safe.model.errors import UsageError
from migrate_safe.model.statement import Action, Dml, DmlKind, Statement, Transaction, TransactionVerb, Unparsed
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_statements
from migrate_safe.sql.pieces import takes_data

_SYNTAX_ERROR = "42601"
_CIRCUMSTANCES = ("08", "40", "53", "57", "55P03", "25P02", "25P03", "25P04")
"""SQLSTATEs, and classes of them, that come of what else went on, not of the statement: timeouts, deadlocks."""


class Said(Struct, frozen=True):
    """One statement as a message of its own; `skipped` says that one that came with it had failed before it."""

    sent: Sent
    verb: TransactionVerb | None = None
    skipped: bool = False
    chain: bool = False

    @property
    def did_nothing(self) -> bool:
        """Whether it never ran, or failed by circumstances: to run it again would show as done what was not."""
        cut_short = bool(self.sent.copied) and self.sent.ended is None
        return (
            self.skipped
            or cut_short
            or bool(self.sent.of_protocol)
            or (self.sent.sqlstate or "").startswith(_CIRCUMSTANCES)
        )

    @property
    def fate(self) -> str:
        """What the command was told."""
        if self.skipped:
            return "it stood behind a statement that failed for the command"
        if self.sent.of_protocol:
            return f'"{self.sent.of_protocol}" was made by a message of the protocol'
        if self.sent.error is None:
            return "the command left before it ended"
        return f"it failed for the command: {' '.join(self.sent.error.split())}, {self.sent.sqlstate}"


def said_by(sent: Sent) -> tuple[Said, ...]:
    """Take a message apart."""
    try:
        statements = parse_statements(sent.text)
    except UsageError:
        return (Said(sent),)
    parts = list(zip(_texts(sent.text, statements), (s.action for s in statements), strict=True))
    wrong = [text for text, action in parts if isinstance(action, Unparsed)]
    if wrong and sent.sqlstate == _SYNTAX_ERROR and not sent.tags:  # all of a message is read before any of it is run
        return (Said(replace(sent, text=wrong[0])),)
    together = len(parts) > 1 and not sent.extended
    failed = len(sent.tags) if sent.error is not None and together else len(parts) - 1
    fed = [isinstance(a, Dml) and a.kind is DmlKind.COPY_FROM and takes_data(t) for t, a in parts]
    return tuple(
        replace(
            _part(sent, text, action, done=n != failed or sent.error is None, place=n, fed=fed),
            skipped=n > failed,
        )
        for n, (text, action) in enumerate(parts)
    )


def _texts(text: str, statements: tuple[Statement, ...]) -> list[str]:
    """Cut a message behind each statement; comments stay with the statement that they stand before."""
    ends = [s.span.end for s in statements]
    return [text[start:end].lstrip("; \t\r\n") for start, end in zip([0, *ends], ends, strict=False)]


def _part(sent: Sent, text: str, action: Action, *, done: bool, place: int, fed: list[bool]) -> Said:
    """Make a message of the statement at a place of another; `fed` says which of its statements take data."""
    tag = sent.tags[place : place + 1]
    before = sum(fed[:place])
    verb = action.verb if isinstance(action, Transaction) else None
    chain = isinstance(action, Transaction) and action.chain
    if verb is TransactionVerb.COMMIT and tag == ["ROLLBACK"]:
        text = f"ROLLBACK{' AND CHAIN' if chain else ''}"
        verb = TransactionVerb.ROLLBACK  # so the server takes COMMIT when something had failed
    if verb is TransactionVerb.COMMIT and not done and (sent.sqlstate or "").startswith(_CIRCUMSTANCES):
        text, verb, done = "ROLLBACK", TransactionVerb.ROLLBACK, True
    one = replace(sent, text=text, tags=tag, copied=sent.copied[before : before + 1] if fed[place] else [])
    if done:
        one.error = one.sqlstate = None
    return Said(one, verb, chain=chain)
