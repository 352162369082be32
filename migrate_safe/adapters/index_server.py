"""Concurrent index work on the server: what an index is, who works on it, building and dropping it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psycopg

from migrate_safe.adapters.database import Database, open_session
from migrate_safe.executor.intents import IndexLook, IndexState, Inspect, NotAsPlanned
from migrate_safe.executor.news import Building, Tell, silent
from migrate_safe.model.errors import MigrateSafeError
from migrate_safe.model.names import Name
from migrate_safe.model.plan import BuildIndex, DropIndexConcurrently

_INDEX = """
SELECT c.oid::bigint, i.indisvalid AND i.indisready, i.indrelid = to_regclass(%s)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
WHERE n.nspname = %s AND c.relname = %s
"""
# A build holds SHARE UPDATE EXCLUSIVE on its table to its end, a concurrent drop on table and index. Where statistics
# are visible they say more; where they are not, any such holder of an unfinished index's table is waited for.
_BUSY = """
SELECT b.pid, bool_or(b.works),
    concat_ws(', ', 'application "' || nullif(max(s.application_name), '') || '"', max(s.state))
FROM (
SELECT pid, true FROM pg_stat_progress_create_index WHERE index_relid = %(index)s::oid AND pid <> pg_backend_pid()
UNION ALL
SELECT pid, true FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database() AND state = 'active'
    AND query ILIKE '%%index%%concurrently%%' AND position(%(name)s IN query) > 0
UNION ALL
SELECT l.pid, coalesce(a.state, 'active') = 'active' FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'relation' AND l.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.mode IN ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')
    AND (l.relation = %(index)s::oid OR %(unfinished)s AND l.relation = to_regclass(%(table)s))
) AS b (pid, works) LEFT JOIN pg_stat_activity AS s ON s.pid = b.pid
GROUP BY b.pid ORDER BY bool_or(b.works) DESC, b.pid
"""

# What is counted differs from phase to phase: transactions that are waited for, blocks read, tuples written.
_PROGRESS = """
SELECT coalesce(p.phase, 'waiting'),
    CASE WHEN w.pids <> '{}' THEN p.lockers_done WHEN p.phase LIKE '%%tuples%%' THEN p.tuples_done
        ELSE p.blocks_done END,
    CASE WHEN w.pids <> '{}' THEN p.lockers_total WHEN p.phase LIKE '%%tuples%%' THEN p.tuples_total
        ELSE p.blocks_total END,
    ARRAY(
        SELECT 'pid ' || b || coalesce(' (' || nullif(a.application_name, '') || ')', '')
        FROM unnest(w.pids) AS b LEFT JOIN pg_stat_activity AS a ON a.pid = b
    )
FROM (SELECT pg_blocking_pids(%(pid)s) AS pids) AS w
LEFT JOIN pg_stat_progress_create_index AS p ON p.pid = %(pid)s
WHERE p.phase IS NOT NULL OR w.pids <> '{}'
"""
PROGRESS_EVERY = 1.0
"""Seconds between two looks at a build."""


def inspect_index(db: Database, wish: Inspect) -> IndexLook:
    """Look at an index in the catalog, and for backends that are building or dropping it."""
    index = qualified(wish.index, wish.table)
    found = db.query(_INDEX, (str(wish.table), index.schema, index.name))
    oid, valid, on_table = found[0] if found else (0, None, True)
    if found and not on_table:
        raise NotAsPlanned(
            f'"{index}" exists already and is no index of "{wish.table}"',
            next_move="rename it, or change the name in the plan",
        )
    state = IndexState.ABSENT if not found else IndexState.VALID if valid else IndexState.INVALID
    about = {
        "index": oid,
        "name": index.name,
        "table": str(wish.table),
        "unfinished": state is not IndexState.VALID,
    }
    busy = db.query(_BUSY, about)
    held = f" ({busy[0][2]})" if busy and not busy[0][1] else ""
    return IndexLook(state, tuple(row[0] for row in busy), held)


def build(db: Database, work: BuildIndex, tell: Tell = silent) -> None:
    """Run CREATE INDEX CONCURRENTLY; without timeouts, since a cut-off build leaves an invalid index."""
    with _watched(db, str(qualified(work.index, work.table)), tell):
        db.query(work.statement)


def drop(db: Database, work: DropIndexConcurrently, tell: Tell = silent) -> None:
    """Run DROP INDEX CONCURRENTLY."""
    with _watched(db, str(qualified(work.index, work.table)), tell):
        db.query(drop_statement(work))


@contextmanager
def _watched(db: Database, index: str, tell: Tell) -> Iterator[None]:
    """Tell every now and then how far the session has come, from a thread with a session of its own."""
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(db, index, tell, ended), name="index progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(db: Database, index: str, tell: Tell, ended: threading.Event) -> None:
    """Look until the work has ended. As the login role, which may see its own sessions whatever --role says."""
    if ended.wait(PROGRESS_EVERY):
        return
    with suppress(psycopg.Error, MigrateSafeError), closing(open_session(db.dsn, None)) as session:
        while True:
            for phase, done, total, blockers in session.execute(_PROGRESS, {"pid": db.pid}):
                percent = int(done) * 100 // int(total) if total else None
                tell(Building(index, phase, percent, tuple(blockers)))
            if ended.wait(PROGRESS_EVERY):
                return


def drop_statement(work: DropIndexConcurrently) -> str:
    """Write DROP INDEX CONCURRENTLY."""
    return f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(work.index, work.table)}"


def qualified(index: Name, table: Name) -> Name:
    """Give the index's full name: it lives in the schema of its table."""
    return index.within(table.schema or "public")
