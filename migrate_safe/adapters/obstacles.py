"""Sessions that stand in the way of a statement, so that every lock that it asks for and whatever it awaits is seen.

For statements that run outside of transactions, whose locks come and go. All obstacles are there before the statement
starts and go one after the other, each when the statement has run into it:

1. SHARE UPDATE EXCLUSIVE on everything, as VACUUM takes it on tables;
2. ROW EXCLUSIVE on every table, by a transaction that is still open: an old writer;
3. ACCESS SHARE on every table: an old reader;
4. ACCESS SHARE on every table but not its parent: a reader of partitions;
5. a snapshot and no table at all: an old transaction somewhere else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any, Self

import psycopg
from msgspec import Struct, field

from migrate_safe.adapters.postgres import connect
from migrate_safe.model.names import Name

PATIENCE = 30.0
"""Seconds after which a statement that neither ends nor waits for an obstacle is let go on by itself."""
POLL = 0.002
_SETTLED = 3
"""Polls in a row that must show the same obstacle before it is taken away."""

_SEEN = """
SELECT
    coalesce((SELECT array_agg(ARRAY[relation::text, mode]) FROM pg_catalog.pg_locks
        WHERE pid = %(pid)s AND locktype = 'relation'), '{}'),
    (SELECT locktype FROM pg_catalog.pg_locks WHERE pid = %(pid)s AND NOT granted LIMIT 1),
    pg_catalog.pg_blocking_pids(%(pid)s)
"""
TABLES = "rp"
"""Kinds of relations (pg_class.relkind) that LOCK TABLE takes, and no other relation with them."""
_KINDS = {
    "m": "MATERIALIZED VIEW",
    "v": "VIEW",
    "S": "SEQUENCE",
    "f": "FOREIGN TABLE",
    "i": "INDEX",
    "I": "INDEX",
}
"""The other kinds, on which COMMENT takes SHARE UPDATE EXCLUSIVE."""


class Met(Struct):
    """What came of a statement: (relation, mode) of every lock held or asked for, its error, its time without waits."""

    locks: set[tuple[int, str]] = field(default_factory=set)
    error: psycopg.Error | None = None
    ms: float = 0.0
    waits_for_users: bool = False
    waits_for_snapshots: bool = False


class Obstacles:
    """The five obstacles and the session that watches; `relations` gives the kind (pg_class.relkind) of each."""

    def __init__(self, dsn: str, worker: int, relations: Mapping[Name, str]) -> None:
        self.worker = worker
        with ExitStack() as opened:
            self._watcher = opened.enter_context(closing(connect(dsn)))
            self._standing = [opened.enter_context(closing(connect(dsn))) for _ in range(5)]
            vacuum, writer, reader, reader_of_partitions, looker = self._standing
            tables = [name for name, kind in relations.items() if kind in TABLES]
            stored = [name for name, kind in relations.items() if kind == "m"]
            partitions = [t for t in tables if not _is_parent(self._watcher, t)]
            _hold(vacuum, [*_locking(tables, "SHARE UPDATE EXCLUSIVE"), *_commenting(relations)])
            _hold(writer, _locking(tables, "ROW EXCLUSIVE"))
            _hold(reader, [*_locking(tables, "ACCESS SHARE"), *_reading(stored)])
            _hold(reader_of_partitions, [*_locking(partitions, "ACCESS SHARE"), *_reading(stored)])
            _look_on(looker)
            self._close = opened.pop_all().close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def meet(self, run: Callable[[], object]) -> Met:
        """Run the statement into one obstacle after the other, to its end."""
        met, ended = Met(), threading.Event()
        thread = threading.Thread(target=_run, args=(run, met, ended))
        began, waited = time.monotonic(), 0.0
        thread.start()
        for obstacle in self._standing:
            waited += self._until_it_waits(met, ended, obstacle.info.backend_pid)
            obstacle.execute("ROLLBACK")
        while not ended.is_set():
            self._look(met)
            ended.wait(POLL)
        thread.join()
        met.ms = (time.monotonic() - began - waited) * 1000
        return met

    def _until_it_waits(self, met: Met, ended: threading.Event, obstacle: int) -> float:
        """Look until the statement waits for an obstacle or has ended; give the seconds that it waited."""
        standing = {connection.info.backend_pid for connection in self._standing}
        last = self._standing[-1].info.backend_pid
        patient = time.monotonic() + PATIENCE
        since, settled = 0.0, 0
        while not ended.is_set() and settled < _SETTLED and time.monotonic() < patient:
            awaited, blockers = self._look(met)
            settled = settled + 1 if blockers & standing else 0
            since = time.monotonic() if settled == 1 else since
            if awaited == "virtualxid" and obstacle in blockers:
                met.waits_for_snapshots |= obstacle == last
                met.waits_for_users |= obstacle != last
            ended.wait(POLL)
        return time.monotonic() - since if settled else 0.0

    def _look(self, met: Met) -> tuple[str | None, set[int]]:
        row = self._watcher.execute(_SEEN, {"pid": self.worker}).fetchone()
        assert row is not None
        met.locks.update((int(relation), mode) for relation, mode in row[0])
        return row[1], set(row[2])


def _run(run: Callable[[], object], met: Met, ended: threading.Event) -> None:
    try:
        run()
    except psycopg.Error as error:
        met.error = error
    finally:
        ended.set()


def _hold(connection: psycopg.Connection[Any], statements: Sequence[str]) -> None:
    """Begin a transaction that holds the locks that statements take."""
    connection.execute("BEGIN")
    for statement in statements:
        connection.execute(statement.encode())


def _locking(tables: Sequence[Name], mode: str) -> list[str]:
    return [f"LOCK TABLE ONLY {table} IN {mode} MODE" for table in tables]


def _commenting(relations: Mapping[Name, str]) -> list[str]:
    return [f"COMMENT ON {_KINDS[kind]} {name} IS NULL" for name, kind in relations.items() if kind not in TABLES]


def _reading(views: Sequence[Name]) -> list[str]:
    return [f"EXPLAIN SELECT FROM {view}" for view in views]


def _is_parent(connection: psycopg.Connection[Any], table: Name) -> bool:
    query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = to_regclass(%s))"
    return connection.execute(query, [str(table)]).fetchone() == (True,)


def _look_on(connection: psycopg.Connection[Any]) -> None:
    """Begin a transaction that uses no table but keeps its snapshot."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    connection.execute("SELECT 1")
