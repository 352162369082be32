"""Walks tables in batches: the bounds of a batch, its filling, its proof."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from migrate_safe.adapters.database import Database
from migrate_safe.executor.compose import FILLED, advance, fill_message, text
from migrate_safe.executor.intents import Batch, Fill, Offending, Prove, Survey, SurveyKeys, Sweep
from migrate_safe.executor.ranges import bound_query, key_range, page_range, shown_key
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import Refused
from migrate_safe.model.names import Name
from migrate_safe.model.values import replace

_KEYS = """
SELECT array_agg(a.attname::text ORDER BY k.place), array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY k.place)
FROM pg_index AS i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND a.attnotnull
WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
    AND k.place <= i.indnkeyatts
GROUP BY i.indexrelid, i.indisprimary, i.indnkeyatts
HAVING count(a.attname) = i.indnkeyatts AND NOT array_agg(a.attname::text) && %s::text[]
ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
LIMIT 1
"""
_ROWS_PER_PAGE = 50
"""Assumed for a table that was never analysed."""
_SIZE = f"""
WITH RECURSIVE family AS (
    SELECT to_regclass({{table}})::oid AS oid
    UNION
    SELECT i.inhrelid FROM pg_inherits AS i JOIN family AS f ON i.inhparent = f.oid
)
SELECT sum(CASE WHEN c.reltuples < 0 THEN s.pages * {_ROWS_PER_PAGE} ELSE c.reltuples END)::bigint,
    sum(CASE WHEN c.reltuples < 0 THEN s.pages ELSE c.relpages END)::bigint, max(s.pages)::bigint, count(*)
FROM family AS f JOIN pg_class AS c ON c.oid = f.oid
CROSS JOIN LATERAL (SELECT pg_relation_size(c.oid) / current_setting('block_size')::int) AS s (pages)
"""
# What was never analysed has -1 reltuples; so has a partitioned table, which has no pages either.


def survey(db: Database, wish: SurveyKeys) -> Survey:
    """Find the key to walk a table by: the primary key, else any unique key without NULLs, else its pages."""
    found = db.look(_SIZE.format(table=text(str(wish.table))))
    rows, pages, _, known = found[0]
    if not known:
        raise Refused(f'table "{wish.table}" does not exist in this database', next_move="check the DSN and the plan")
    keys = db.query(_KEYS, (str(wish.table), list(wish.avoid)))
    columns, types = (tuple(keys[0][0]), tuple(keys[0][1])) if keys else ((), ())
    return Survey(columns, types, int(rows), max(1, int(pages)))


def fill_batch(db: Database, wish: Fill, token: int, settings: Settings) -> Batch:
    """Fill the next rows of a backfill and move its cursor, in one transaction."""
    found = compose_fill(db, wish, token, settings)
    if found is None:
        return Batch(None, 0, 0, 0.0)
    message, last, passed = found
    return _sent(db, message, last, passed)


def fill_batches(db: Database, crew: Sequence[Database], wish: Fill, token: int, settings: Settings) -> Batch:
    """Let each of a crew fill a batch at once, then move the cursor behind the last of them.

    When one of them fails, what the others wrote stays written, and the cursor where it was: the next walk finds
    nothing left to do there.
    """
    jobs = []
    cursor = wish.progress.cursor
    for worker in crew:
        found = _next_range(db, wish.work.table, wish.survey, cursor, wish.rows)
        if found is None:
            break
        cursor, passed, where = found
        message = fill_message(wish.work, where, None, worker.session(token), _limit(db, wish, settings))
        jobs.append((worker, message, cursor, passed))
    if not jobs:
        return Batch(None, 0, 0, 0.0)
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(_sent, *job) for job in jobs]
    done = [job.result() for job in running]
    passed, changed = sum(b.passed for b in done), sum(b.changed for b in done)
    ahead = replace(wish.progress, cursor=cursor)
    db.query(f"SELECT {advance(ahead, passed, db.session(token), str(changed))}")
    slowest = max(b.ms for b in done)
    return Batch(
        cursor, passed, changed, slowest, stuck=sum(b.stuck for b in done), waiting=sum(b.waiting for b in done)
    )


def _sent(db: Database, message: str, last: tuple[str, ...], passed: int) -> Batch:
    began = time.monotonic()
    rows = db.send(message)
    ms = (time.monotonic() - began) * 1000
    changed, stuck, waiting = map(int, rows[-1][0])
    return Batch(last, passed, changed, ms, stuck=stuck, waiting=waiting)


def compose_fill(db: Database, wish: Fill, token: int, settings: Settings) -> tuple[str, tuple[str, ...], int] | None:
    """Give the message of the next batch, the cursor after it and how many rows it passes; None at the end."""
    found = _next_range(db, wish.work.table, wish.survey, wish.progress.cursor, wish.rows)
    if found is None:
        return None
    last, passed, where = found
    session = db.session(token)
    moving = advance(replace(wish.progress, cursor=last), passed, session, FILLED)
    return fill_message(wish.work, where, moving, session, _limit(db, wish, settings)), last, passed


def _limit(db: Database, wish: Fill, settings: Settings) -> int:
    """Give the time limit of a batch in ms: one that cannot be made smaller may take longer, or it would never end.

    Others end before a client that waits for the first of their rows looks for deadlocks.
    """
    if wish.rows <= settings.batch_min:
        return settings.stall_budget_ms * 10
    return min(settings.stall_budget_ms, db.deadlock_ms * 9 // 10)


def sweep(db: Database, wish: Sweep, settings: Settings) -> Offending:
    """Look for rows that are still unset; reads the table once, locks nothing that clients wait for."""
    keys = tuple(str(row[0]) for row in db.look(sweep_query(wish, settings)))
    return Offending(len(keys), keys)


def sweep_query(wish: Sweep, settings: Settings) -> str:
    """Write the query for the first rows that are still unset."""
    return f"SELECT {shown_key(wish.survey)} FROM {wish.work.table} WHERE {wish.work.unset} LIMIT {settings.keys_shown}"


def prove_batch(db: Database, wish: Prove, token: int, settings: Settings) -> Batch:
    """Count the rows of the next range of which the claim is not true, and show the first."""
    found = compose_proof(db, wish, settings)
    if found is None:
        return Batch(None, 0, 0, 0.0)
    counting, showing, last, passed = found
    began = time.monotonic()
    wrong = int(db.look(counting)[0][0])
    ms = (time.monotonic() - began) * 1000
    keys = tuple(str(row[0]) for row in db.look(showing)) if wrong else ()
    db.query(f"SELECT {advance(replace(wish.progress, cursor=last), passed, db.session(token), str(wrong))}")
    return Batch(last, passed, wrong, ms, keys)


def compose_proof(db: Database, wish: Prove, settings: Settings) -> tuple[str, str, tuple[str, ...] | None, int] | None:
    """Give the queries that count and show the wrong rows of the next range, its end and size; None at the end.

    A table without a key is read in one statement, whose snapshot no row can leave by moving.
    """
    where, last, passed = "true", None, wish.survey.rows
    if wish.survey.columns:
        found = _next_range(db, wish.work.table, wish.survey, wish.progress.cursor, wish.rows)
        if found is None:
            return None
        last, passed, where = found
    broken = f"FROM {wish.work.table} WHERE {where} AND ({wish.work.holds}) IS NOT TRUE"
    shown = f"SELECT {shown_key(wish.survey)} {broken} LIMIT {settings.keys_shown}"
    return f"SELECT count(*) {broken}", shown, last, passed


def _next_range(
    db: Database, table: Name, survey: Survey, cursor: tuple[str, ...] | None, rows: int
) -> tuple[tuple[str, ...], int, str] | None:
    """Give the end of the next range, how many rows it has, and its condition; None at the end of the table."""
    if not survey.columns:
        return _next_pages(db, table, survey, cursor, rows)
    found = db.look(bound_query(table, survey, cursor, rows))
    if not found:
        return None
    count, *key = found[0]
    last = tuple(key)
    return last, int(count), key_range(survey, cursor, last)


def _next_pages(
    db: Database, table: Name, survey: Survey, cursor: tuple[str, ...] | None, rows: int
) -> tuple[tuple[str, ...], int, str] | None:
    first = 0 if cursor is None else int(cursor[0])
    end = int(
        db.look(_SIZE.format(table=text(str(table))))[0][2] or 0
    )  # None: a dry run, before the step that makes the table
    if first >= end:
        return None
    per_page = max(1, survey.rows // survey.pages)
    pages = min(max(1, rows // per_page), end - first)
    return (str(first + pages),), pages * per_page, page_range(first, pages)
