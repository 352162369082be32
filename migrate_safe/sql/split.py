"""Cut a text into its SQL statements."""

from __future__ import annotations

from migrate_safe.model.errors import UsageError
from migrate_safe.model.statement import PsqlCommand, Statement, Transaction, Unparsed
from migrate_safe.sql.parse import parse_statements


def split_statements(text: str) -> tuple[str, ...]:
    """Give the statements of a text in order, without their semicolons and the comments between them.

    Raises UsageError when the text is not PostgreSQL's SQL.
    """
    return tuple(map(_text, parse_statements(text)))


def transaction_control(text: str) -> str | None:
    """Give the first statement of a text that begins, ends or splits a transaction; None where there is none."""
    return next((s.text for s in parse_statements(text) if isinstance(s.action, Transaction)), None)


def _text(statement: Statement) -> str:
    match statement.action:
        case Unparsed(reason=reason):
            raise UsageError(f"sql cannot be read: {reason}", next_move="correct the statement")
        case PsqlCommand(command=command):
            raise UsageError(f'"\\{command}" is a command of psql, not sql', next_move="write sql in its place")
        case _:
            return statement.text
