"""Sessions that stand in the way of a statement, so that every lock that it asks for and whatever it awaits is seen.

For statements that run outside of transactions, whose locks come and go. Before the statement starts, each relation is
held by a session of its own, in several modes one above the other: on tables ACCESS EXCLUSIVE, as ALTER TABLE takes it,
SHARE UPDATE EXCLUSIVE, as VACUUM, ROW EXCLUSIVE, an old writer, and ACCESS SHARE, an old reader. When the statement
waits for it, the session lets go of the modes that are in its way and keeps the rest; all of them when the statement
waits for the end of its transaction. The last session has a snapshot and no table: an old transaction somewhere else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Self

import psycopg
from msgspec import Struct, field

from migrate_safe.adapters.postgres import connect
from migrate_safe.model.errors import TryLater
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name, quote_ident

MOST = 40
"""Relations with an obstacle of their own, one less where there are more: the last session then holds all the rest."""
_FEWEST = 3
POLL = 0.002
_IMPATIENT = "-c lock_timeout=10s"
"""Nothing can be in the way of an obstacle; where something is, that is an error and no endless wait."""
_SETTLED = 3
"""Polls in a row that must show the same obstacle before it gets out of the way."""

_SEEN = """
SELECT
    coalesce((SELECT array_agg(ARRAY[relation::text, mode]) FROM pg_catalog.pg_locks
        WHERE pid = %(pid)s AND locktype = 'relation'), '{}'),
    (SELECT ARRAY[locktype, mode] FROM pg_catalog.pg_locks WHERE pid = %(pid)s AND NOT granted LIMIT 1),
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
"""The other kinds, on which COMMENT takes SHARE UPDATE EXCLUSIVE, and OWNER TO the same role ACCESS EXCLUSIVE."""
_INDEXES = "iI"
"""Nobody reads them alone; whatever makes another of one, or drops it, waits for who locked its row in pg_class."""
_MAY_LOCK_ROWS = "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_class', 'UPDATE')"
"""Superusers may."""
_MODES = {mode.catalog_name: mode for mode in LockMode}
_AS, _RX, _SUX, _AX = (
    LockMode.ACCESS_SHARE,
    LockMode.ROW_EXCLUSIVE,
    LockMode.SHARE_UPDATE_EXCLUSIVE,
    LockMode.ACCESS_EXCLUSIVE,
)
_RUNGS = (_AS, _RX, _SUX, _AX)


class Target(Struct, frozen=True):
    """A relation to stand in the way to; `kind` is its pg_class.relkind."""

    oid: int
    name: Name
    kind: str
    owner: str


class Met(Struct):
    """What came of a statement: (relation, mode) of every lock held or asked for, its error, its time without waits."""

    locks: set[tuple[int, str]] = field(default_factory=set)
    error: psycopg.Error | None = None
    ms: float = 0.0
    waits_for_users: bool = False
    waits_for_snapshots: bool = False


class Crowd:
    """Sessions in one database that can stand in the way, kept from one statement to the next."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._open: list[psycopg.Connection[Any]] = []

    def take(self, count: int) -> Sequence[psycopg.Connection[Any]]:
        """Give that many sessions, or as many as the server takes: at least three."""
        while len(self._open) < count:
            try:
                self._open.append(connect(self._dsn, prepare_threshold=None, options=_IMPATIENT))
            except TryLater:
                if len(self._open) < _FEWEST:
                    raise
                break
        return self._open[:count]

    def close(self) -> None:
        """End all sessions."""
        while self._open:
            self._open.pop().close()


class _Obstacle(Struct):
    """A session with the modes that it holds, weakest first; none is the one with a snapshot only."""

    session: psycopg.Connection[Any]
    modes: list[LockMode] = field(default_factory=list)

    def stand(self, targets: Sequence[Target], *, locks_rows: bool) -> None:
        """Take each mode on the relations, each above the weaker ones in a subtransaction.

        `locks_rows` says that the session may lock rows of pg_class, too.
        """
        steps = ["BEGIN"]
        indexes = [str(target.oid) for target in targets if target.kind in _INDEXES]
        if indexes and locks_rows:
            steps.append(f"SELECT FROM pg_catalog.pg_class WHERE oid IN ({', '.join(indexes)}) FOR UPDATE")
        for mode in _RUNGS:
            steps += [f"SAVEPOINT {mode.name}", *(step for target in targets for step in _holding(target, mode))]
        self.session.execute("; ".join(steps).encode())
        self.modes = list(_RUNGS)

    def look_on(self) -> None:
        """Begin a transaction that uses no table but keeps its snapshot."""
        self.session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")

    def give_way(self, wanted: LockMode | None) -> None:
        """Let go of the modes that conflict with one; of all that there is where they are not what is waited for."""
        kept = len(self.modes)
        while wanted is not None and kept and any(m.conflicts_with(wanted) for m in self.modes[:kept]):
            kept -= 1
        if kept < len(self.modes):
            self.session.execute(f"ROLLBACK TO {self.modes[kept].name}".encode())
            del self.modes[kept:]
        else:
            self.session.execute("ROLLBACK")
            self.modes = []


class Obstacles:
    """All obstacles and the session that watches.

    What is done to `unsure` relations may pass unseen: one session holds several, or may not lock rows of pg_class.
    """

    def __init__(self, crowd: Crowd, worker: int, targets: Sequence[Target]) -> None:
        self.worker = worker
        self._watcher, looker, *sessions = crowd.take(min(len(targets), MOST) + 2)
        groups = _shared_out(targets, len(sessions))
        row = self._watcher.execute(_MAY_LOCK_ROWS).fetchone()
        locks_rows = row == (True,)
        self.unsure = frozenset(
            t.name for group in groups for t in group if len(group) > 1 or (t.kind in _INDEXES and not locks_rows)
        )
        self._looker = looker.info.backend_pid
        self._standing = {s.info.backend_pid: _Obstacle(s) for s in (looker, *sessions)}
        with ExitStack() as undoing:
            undoing.callback(self._leave)
            for session, group in zip(sessions, groups, strict=True):
                self._standing[session.info.backend_pid].stand(group, locks_rows=locks_rows)
            self._standing[self._looker].look_on()
            undoing.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        for obstacle in self._standing.values():
            obstacle.session.rollback()

    def meet(self, run: Callable[[], object]) -> Met:
        """Run the statement into one obstacle after the other, to its end."""
        met, ended = Met(), threading.Event()
        thread = threading.Thread(target=_run, args=(run, met, ended))
        began, waited = time.monotonic(), 0.0
        thread.start()
        while not ended.is_set():
            waited += self._until_it_waits(met, ended)
        thread.join()
        met.ms = (time.monotonic() - began - waited) * 1000
        return met

    def _until_it_waits(self, met: Met, ended: threading.Event) -> float:
        """Look until the statement waits or has ended, and give way; give the seconds that it waited."""
        since, before, settled = 0.0, set[int](), 0
        while not ended.is_set():
            awaited, blockers = self._look(met)
            found = blockers & self._standing.keys()
            settled = settled + 1 if found and found == before else int(bool(found))
            since = time.monotonic() if settled == 1 else since
            before = found
            if settled == _SETTLED:
                self._give_way(met, awaited, found)
                return time.monotonic() - since
            ended.wait(POLL)
        return 0.0

    def _give_way(self, met: Met, awaited: tuple[str, str] | None, blockers: set[int]) -> None:
        kind, mode = awaited or ("", "")
        if kind == "virtualxid":
            met.waits_for_snapshots |= self._looker in blockers
            met.waits_for_users |= self._looker not in blockers
        for pid in blockers:
            self._standing[pid].give_way(_MODES[mode] if kind == "relation" else None)

    def _look(self, met: Met) -> tuple[tuple[str, str] | None, set[int]]:
        row = self._watcher.execute(_SEEN, {"pid": self.worker}).fetchone()
        assert row is not None
        met.locks.update((int(relation), mode) for relation, mode in row[0])
        return row[1], set(row[2])


def _shared_out(targets: Sequence[Target], sessions: int) -> list[list[Target]]:
    """Give each session a relation, tables first, and the last one all that are left."""
    first = sorted(targets, key=lambda target: target.kind not in TABLES)
    own = [[target] for target in first[: sessions - 1]]
    return [*own, first[sessions - 1 :]] if sessions else []


def _run(run: Callable[[], object], met: Met, ended: threading.Event) -> None:
    try:
        run()
    except psycopg.Error as error:
        met.error = error
    finally:
        ended.set()


def _holding(target: Target, mode: LockMode) -> list[str]:
    """Give the statements that take a mode on one relation alone, as far as there are any."""
    if target.kind in TABLES:
        return [f"LOCK TABLE ONLY {target.name} IN {mode.sql} MODE"]
    thing = f"{_KINDS[target.kind]} {target.name}"
    match mode:
        case LockMode.ACCESS_SHARE if target.kind == "m":
            return [f"PREPARE reader AS SELECT FROM {target.name}", "DEALLOCATE reader"]
        case LockMode.ROW_EXCLUSIVE if target.kind == "m":
            return [f"PREPARE writer AS DELETE FROM {target.name}", "DEALLOCATE writer"]
        case LockMode.SHARE_UPDATE_EXCLUSIVE:
            return [f"COMMENT ON {thing} IS NULL"]
        case LockMode.ACCESS_EXCLUSIVE if target.kind == "I":
            return [f"ALTER {thing} SET TABLESPACE pg_default"]
        case LockMode.ACCESS_EXCLUSIVE:
            return [f"ALTER {thing} OWNER TO {quote_ident(target.owner)}"]
        case _:
            return []
