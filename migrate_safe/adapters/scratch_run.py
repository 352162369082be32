"""Run what leads from one schema state to the next on a scratch database, where nobody else is."""

from __future__ import annotations

from typing import Any, assert_never

import psycopg
from psycopg.pq import TransactionStatus

from migrate_safe.compat.states import Placed, State
from migrate_safe.executor.compose import count_query
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Backfill, BuildIndex, DropIndexConcurrently, Requirement, Sql, Verify, Work, markers
from migrate_safe.sql.queries import relations_of

JOURNAL_SCHEMA = "CREATE SCHEMA IF NOT EXISTS migrate_safe"
"""Where the functions of a plan live."""

_REFUSES_ROWS = ("22", "23")
"""Classes of errors that values can be to blame for: data exceptions, which name no table, and violations.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

_LEFTOVERS = """
SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 WHERE NOT i.indisvalid AND c.relkind = 'i'
"""
"""Indexes of tables; those of partitioned ones are invalid until all their parts are attached."""

Connection = psycopg.Connection[tuple[Any, ...]]


class RowsInTheWay(UsageError):
    """A step that fails because of rows; `tables` are those whose rows it may refuse, `words` the server's message."""

    def __init__(self, message: str, *, place: str, words: str, tables: tuple[Name, ...]) -> None:
        super().__init__(message, place=place, next_move="see that the rows before the migration satisfy it")
        self.words = words
        self.tables = tables


def reach(connection: Connection, state: State) -> None:
    """Bring the database from the state before into this one; nothing of a failed transaction stays.

    Raises UsageError with the statement's place and the server's message, RowsInTheWay where sample rows are to blame.
    """
    if state.work is not None:
        run_work(connection, state.work, f'step "{state.id}"')
    elif state.transaction:
        with connection.transaction():
            _run_statements(connection, state.statements)
    else:
        _run_statements(connection, state.statements)


def run_work(connection: Connection, work: Work, place: str) -> None:
    """Do what a step, or its undo, says, where rows do not hinder it. Errors as of `reach`."""
    match work:
        case Sql(statements=statements, require=require):
            for requirement in require:
                _must_be_none(connection, requirement.query, requirement.message, place)
            with connection.transaction():
                _run_statements(connection, tuple(Placed(sql, place) for sql in statements))
        case BuildIndex(statement=statement):
            _run(connection, Placed(statement, place))
        case DropIndexConcurrently(index=index):
            _run(connection, Placed(f"DROP INDEX CONCURRENTLY IF EXISTS {index}", place))
        case Backfill():
            with connection.transaction():
                for marker in markers(work):
                    _run(connection, Placed(marker, place))
                _run(connection, Placed(_whole_update(work), place))
        case Verify(table=table, holds=holds, message=message):
            _must_be_none(connection, f"SELECT FROM {table} WHERE ({holds}) IS NOT TRUE", message, place)
        case _:
            assert_never(work)


def _must_be_none(connection: Connection, query: str, message: str, place: str) -> None:
    """Refuse rows as `apply` does: a step is not done while they are there."""
    offending = _run(connection, Placed(count_query(Requirement(query, message)), place)).fetchone()
    if offending and offending[0]:
        raise RowsInTheWay(message, place=place, words=message, tables=relations_of(query))


def _whole_update(work: Backfill) -> str:
    assignments = ", ".join(f"{quote_ident(column)} = ({value})" for column, value in work.assign)
    return f"UPDATE {work.table} SET {assignments} WHERE {work.unset}"


def _run_statements(connection: Connection, statements: tuple[Placed, ...]) -> None:
    for statement in statements:
        _run(connection, statement)


def _run(connection: Connection, statement: Placed) -> psycopg.Cursor[tuple[Any, ...]]:
    try:
        return connection.execute(statement.sql.encode())
    except psycopg.Error as error:
        if error.sqlstate is None:  # not the statement's fault: the connection is gone
            raise
        refusal = explained(error, statement)
        if isinstance(refusal, RowsInTheWay) and connection.info.transaction_status is TransactionStatus.IDLE:
            _drop_leftovers(connection)
        raise refusal from None


def _drop_leftovers(connection: Connection) -> None:
    """Drop what CONCURRENTLY left behind when it failed, so that the statement can be run again."""
    for (index,) in connection.execute(_LEFTOVERS).fetchall():
        connection.execute(f"DROP INDEX {index}".encode())


def explained(error: psycopg.Error, statement: Placed) -> UsageError:
    """Say what the server refused, where, and what to do."""
    reason = error.diag.message_primary or str(error)
    words = f"the server refuses this: {reason}"
    if (error.sqlstate or "").startswith(_REFUSES_ROWS):
        schema, table = error.diag.schema_name, error.diag.table_name
        tables = (Name(schema, table),) if table else relations_of(statement.sql)
        return RowsInTheWay(words, place=statement.place, words=reason, tables=tables)
    detail = f" ({error.diag.message_detail})" if error.diag.message_detail else ""
    return UsageError(
        words + detail,
        place=statement.place,
        next_move="give the schema that the migration starts from with --schema FILE|DIR|DSN, or correct the statement",
    )
