"""Concurrent index work on the server: what an index is, who works on it, building and dropping it."""

from __future__ import annotations

from migrate_safe.adapters.database import Database
from migrate_safe.executor.intents import IndexLook, IndexState, Inspect, NotAsPlanned
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
SELECT pid FROM pg_stat_progress_create_index WHERE index_relid = %(index)s::oid AND pid <> pg_backend_pid()
UNION
SELECT pid FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database() AND state = 'active'
    AND query ILIKE '%%index%%concurrently%%' AND position(%(name)s IN query) > 0
UNION
SELECT l.pid FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'relation' AND l.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.mode IN ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')
    AND (l.relation = %(index)s::oid OR %(unfinished)s AND l.relation = to_regclass(%(table)s))
ORDER BY pid
"""


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
    return IndexLook(state, tuple(row[0] for row in db.query(_BUSY, about)))


def build(db: Database, work: BuildIndex) -> None:
    """Run CREATE INDEX CONCURRENTLY; without timeouts, since a cut-off build leaves an invalid index."""
    db.query(work.statement)


def drop(db: Database, work: DropIndexConcurrently) -> None:
    """Run DROP INDEX CONCURRENTLY."""
    db.query(drop_statement(work))


def drop_statement(work: DropIndexConcurrently) -> str:
    """Write DROP INDEX CONCURRENTLY."""
    return f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(work.index, work.table)}"


def qualified(index: Name, table: Name) -> Name:
    """Give the index's full name: it lives in the schema of its table."""
    return index.within(table.schema or "public")
