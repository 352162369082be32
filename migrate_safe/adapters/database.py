"""The executor's session: one direct connection, whole messages, and errors sorted by what to do about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

from migrate_safe.adapters.postgres import connect, legible
from migrate_safe.executor.compose import BEGIN, FENCE_STATE, GUARD_STATE, Session, terminated
from migrate_safe.executor.intents import Busy, FailedClean, LeaseLost, LostConnection, NotAsPlanned, ReadOnly
from migrate_safe.model.errors import TryLater, UsageError
from migrate_safe.model.names import quote_ident

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")
Rows = list[tuple[Any, ...]]

LOOK_MS = 1000
"""Longest wait for a table that somebody holds against readers, before it is said who."""
APPLICATION = "migrate-safe"
SETTLE = """
SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1;
SET lock_timeout = 0; SET statement_timeout = 0; SET idle_session_timeout = 0;
SET idle_in_transaction_session_timeout = '20s';
SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout';
SET synchronous_commit = local; SET client_min_messages = warning; SET standard_conforming_strings = on;
SET row_security = off; SET quote_all_identifiers = off;
"""
"""What a role or database may set otherwise: it would change what the server answers, or cut it off."""
# synchronous_commit = local: what is committed is on disk, where the role has it otherwise too; and no commit waits for
# a standby while it holds locks (see `await_standbys`), which no timeout bounds.
# transaction_timeout is reset where the server knows it (from PostgreSQL 17 on).
# idle_in_transaction_session_timeout: an executor that is put to sleep while it reads in a transaction keeps a
# snapshot, for which the concurrent build of its successor would wait for ever; by then its lease has run out.
# row_security = off: what a policy would hide from a backfill or a proof is an error instead of a row left out.
_LOCKED = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
_OTHERWISE = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedObject,
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
    errors.DuplicateTable,
    errors.DuplicateColumn,
    errors.DuplicateObject,
    errors.DuplicateFunction,
    errors.WrongObjectType,
    errors.DependentObjectsStillExist,
)
"""What is there or is not there, against what the plan was made for: somebody has changed it since."""
_KNOWN = """
SELECT current_setting('search_path'), setting::bigint FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'
"""
_GONE_POLL = 0.05


class Database:
    """A session that can be opened anew. `pid` is its backend, `search_path` the one that messages pin.

    `opened` counts how often it was opened.
    """

    def __init__(self, dsn: str, *, role: str | None = None, patience: float = 60.0) -> None:
        self.dsn, self.role, self.patience = dsn, role, patience
        self.connection, self.opened = open_session(dsn, role), 1
        self.pid = self.connection.info.backend_pid
        self.major = self.connection.info.server_version // 10000
        path, deadlock_ms = self.query(_KNOWN)[0]
        self.search_path, self.deadlock_ms = str(path), int(deadlock_ms)

    def session(self, token: int) -> Session:
        """Give what messages must know of this session."""
        return Session(token, self.search_path, self.major, self.deadlock_ms)

    def query(self, sql: str, parameters: Sequence[object] | Mapping[str, object] | None = None) -> Rows:
        """Run one statement and give its rows."""
        with self._sorted():
            cursor = self.connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description is not None else []

    def send(self, message: str) -> list[Rows]:
        """Send a message of several statements at once and give the rows of each that has any.

        Without parameters psycopg uses the simple protocol, in which the server runs them in one go.
        """
        with self._sorted():
            cursor = self.connection.execute(message)
            found = []
            while True:
                if cursor.description is not None:
                    found.append(cursor.fetchall())
                if not cursor.nextset():
                    return found

    def look(self, query: str) -> Rows:
        """Run a query on somebody's tables; raises Busy when one of them is locked against readers for long."""
        patience = max(1, min(LOOK_MS, int(self.patience * 1000)))
        return self.send(f"{BEGIN}\nSET LOCAL lock_timeout = {patience};\n{terminated(query)}\nCOMMIT;")[-1]

    def reopen(self) -> None:
        """Open the session anew, after the old backend is gone: until then it might still commit."""
        old, deadline = self.pid, time.monotonic() + self.patience
        while True:
            self.close()
            self.connection = self._opened_again()
            self.opened += 1
            self.pid = self.connection.info.backend_pid
            try:
                self._await_end(old, deadline)
            except psycopg.Error:  # lost once more; nothing was done on it
                if time.monotonic() > deadline:
                    raise TryLater("the connection breaks again and again", next_move="run this again later") from None
            else:
                return

    def read(self, reader: Callable[[Connection], T]) -> T:
        """Let a reader use the connection."""
        with self._sorted():
            return reader(self.connection)

    def close(self) -> None:
        """Close the session; never fails."""
        with suppress(psycopg.Error):
            self.connection.close()

    def _await_end(self, pid: int, deadline: float) -> None:
        while self.connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
            if time.monotonic() > deadline:
                raise TryLater(
                    f"the backend of the lost connection (pid {pid}) still works",
                    next_move="wait for it to end, then run this again",
                )
            time.sleep(_GONE_POLL)

    def _opened_again(self) -> Connection:
        """Connect, waiting a little for a server that restarts."""
        deadline = time.monotonic() + min(self.patience, 10.0)
        while True:
            try:
                return open_session(self.dsn, self.role)
            except TryLater:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_GONE_POLL * 4)

    @contextmanager
    def _sorted(self) -> Iterator[None]:
        """Leave no transaction open, and raise what the machine understands."""
        try:
            with legible():
                yield
        except psycopg.Error as error:
            self._leave_transaction()
            if self.connection.closed:
                self.reopen()
                raise LostConnection(_words(error)) from None
            raise sorted_error(error) from None
        except BaseException:
            self._leave_transaction()
            raise

    def _leave_transaction(self) -> None:
        """Make the session ready for the next statement; one that was interrupted inside a command never is again."""
        if self.connection.closed or self.connection.info.transaction_status == TransactionStatus.IDLE:
            return
        if self.connection.info.transaction_status == TransactionStatus.ACTIVE:
            self.close()
            return
        with suppress(psycopg.Error):
            self.connection.execute("ROLLBACK")


def open_session(dsn: str, role: str | None) -> Connection:
    """Open a direct session with the settings that the executor relies on.

    Raises UsageError behind a pooler: its backend pid is not the one it gave out at connection time; a
    pooled session leaks SET to other clients, and statements of one client run on several backends.
    """
    connection = connect(dsn, application_name=APPLICATION, prepare_threshold=None)
    try:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        if row is not None and row[0] != connection.info.backend_pid:
            raise UsageError(
                "this connection goes through a pooler, but steps need a session of their own",
                next_move="give the DSN of the server itself",
            )
        connection.execute(SETTLE)
        if role is not None:
            connection.execute(f"SET ROLE {quote_ident(role)}")
    except psycopg.Error as error:
        connection.close()
        if isinstance(error, errors.InsufficientPrivilege | errors.InvalidParameterValue | errors.UndefinedObject):
            raise UsageError(_words(error), next_move="check --role and the rights of the login role") from None
        raise TryLater(f"cannot set up the session: {_words(error)}", next_move="run this again") from None
    except UsageError:
        connection.close()
        raise
    return connection


def sorted_error(error: psycopg.Error) -> Exception:
    """Give the exception that says what to do about an error of the server."""
    if error.sqlstate == FENCE_STATE:
        return LeaseLost(_words(error), next_move="see who holds it: migrate-safe status")
    if error.sqlstate == GUARD_STATE:
        return NotAsPlanned(_words(error), next_move="change the rows that are in the way, then run this again")
    if isinstance(error, _LOCKED):
        return Busy(_words(error))
    if isinstance(error, errors.QueryCanceled):
        return Busy(_words(error), overran=True)
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return ReadOnly(
            "this database is read-only: a standby, or default_transaction_read_only is on",
            next_move="give the DSN of the primary; if that is it, find out why somebody has made it read-only",
        )
    if isinstance(error, errors.InsufficientPrivilege):
        return UsageError(
            f"a privilege is missing: {_words(error)}",
            next_move="grant it, or run as the owner of the objects (--role)",
        )
    if isinstance(error, errors.IntegrityError):
        return FailedClean(f"the server refused: {_words(error)}", next_move="correct those rows, then run this again")
    if isinstance(error, _OTHERWISE):
        return NotAsPlanned(
            f"the database is not as the plan expects it: {_words(error)}",
            next_move="see what has changed it (migrate-safe status tells where the plan stands), then run this again",
        )
    return FailedClean(f"the server refused: {_words(error)}", next_move="correct what it names, then run this again")


def _words(error: psycopg.Error) -> str:
    """Give the server's message with its detail, on one line, without statement text."""
    d = error.diag
    if d.message_primary is None:
        return str(error).strip().replace("\n", " ")
    detail = f" ({d.message_detail})" if d.message_detail else ""
    return f"{d.message_primary}{detail}".replace("\n", " ")
