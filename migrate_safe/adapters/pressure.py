"""Reads what speaks against more load: replicas and slots that are behind, an archive that does not follow, a pause."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.adapters.control import read_control
from migrate_safe.adapters.database import Database
from migrate_safe.executor.intents import Lag, Pressure

_REPLICAS = """
SELECT coalesce(nullif(application_name, ''), client_addr::text, pid::text),
    pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint
FROM pg_stat_replication WHERE state IN ('streaming', 'catchup') AND replay_lsn IS NOT NULL
"""
# What a role without pg_monitor sees of them: that they are there.
_UNSEEN = "SELECT count(*) FROM pg_stat_replication WHERE state IS NULL"
_SLOTS = """
SELECT slot_name::text, pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(confirmed_flush_lsn, restart_lsn))::bigint
FROM pg_replication_slots WHERE coalesce(confirmed_flush_lsn, restart_lsn) IS NOT NULL
"""
_FAILED = """
SELECT last_failed_wal FROM pg_stat_archiver
WHERE current_setting('archive_mode') <> 'off'
    AND last_failed_time > coalesce(last_archived_time, '-infinity'::timestamptz)
"""
_MAY_LIST = """
SELECT current_setting('archive_mode') <> 'off'
    AND has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE')
"""
_WAITING = """
SELECT count(*), count(*) * (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size')
FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'
"""


def read_pressure(db: Database, plan: str, max_lag_bytes: int) -> Pressure:
    """Look once: a few short queries on views in memory, none on tables of users."""
    control = read_control(db, plan)
    lags = (*_lags(db, _REPLICAS, "replica"), *_lags(db, _SLOTS, "slot"))
    return Pressure(lags, _archive(db, max_lag_bytes), control.paused_by, control.tuned)


def unseen_replicas(db: Database) -> int:
    """Count the replicas whose lag the role may not see."""
    return int(db.query(_UNSEEN)[0][0])


def _lags(db: Database, query: str, what: str) -> Iterator[Lag]:
    for name, behind in db.query(query):
        yield Lag(what, name, int(behind))


def _archive(db: Database, limit: int) -> str:
    failed = db.query(_FAILED)
    if failed:
        return f"archiving of WAL fails, last for {failed[0][0]}"
    if db.query(_MAY_LIST)[0][0]:
        files, size = db.query(_WAITING)[0]
        if size > limit:
            return f"{files} WAL files wait to be archived"
    return ""
