"""The exact SQL of every message that the executor sends: pure text, so that a dry run prints what a real run sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from migrate_safe.executor.settings import Settings
from migrate_safe.model.journal import Entry, Progress
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Backfill, Requirement, Sql, markers

GUARD_STATE = "MS002"
"""SQLSTATE of a requirement that no longer holds under the lock."""
FENCE_STATE = "MS001"
"""SQLSTATE of a journal write by an executor whose lease has passed to another."""

FILLED = "(SELECT count(*) FROM filled)"
"""The rows that a batch has written."""

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED;"
"""A batch relies on READ COMMITTED, whatever the role's default is."""

_LEFT = (
    "SELECT set_config('statement_timeout', "
    "greatest(1, {budget} - (extract(epoch FROM clock_timestamp() - now()) * 1000)::int)::text, true);"
)
_AFTER_LOCKS_SHARE = 0.1


class Own(Enum):
    """What the statements of a step lock themselves, because no LOCK TABLE takes it, or only with more."""

    WEAK = "weak"
    """Nothing that readers or writers wait for."""
    SHORT = "short"
    """Views and sequences, which hold no rows to read: for an instant."""
    LONG = "long"
    """Materialized views: REFRESH and CREATE INDEX hold them for as long as they read."""


class Session(Struct, frozen=True):
    """What the messages must know of the session: fencing token, pinned search_path, server major version.

    `deadlock_ms` is how long a client waits for a lock before it looks for a deadlock, whose victim it then is.
    """

    token: int
    search_path: str
    server_major: int
    deadlock_ms: int = 1000


def step_message(
    sql: Sql,
    lockable: tuple[Lock, ...],
    entry: Entry,
    session: Session,
    settings: Settings,
    *,
    own: Own = Own.WEAK,
    wait_ms: int | None = None,
    guards: tuple[Requirement, ...] = (),
) -> str:
    """Write one attempt at a transactional step as ONE message, so that no round trip lies inside a lock.

    `lockable` are the locks to take up front, in order. With `wait_ms` the first may wait so long; all
    others, and without it every one, are NOWAIT: waiting while holding is what kills clients. Without `lockable`
    it is the first statement that may wait so long for what it locks itself; there is no NOWAIT for it, only a short
    wait.
    """
    lines = [BEGIN, pinned(session), *_opening(lockable, own, session, settings, wait_ms)]
    left = [_LEFT.format(budget=settings.stall_budget_ms)] if lockable or own is Own.SHORT else []
    for requirement in guards:
        lines += [*left, guard(requirement)]
    waits_itself = own is not Own.WEAK and not lockable
    for i, statement in enumerate(sql.statements):
        waited = [_short_wait(settings)] if i == 1 and waits_itself else []
        lines += [*waited, *left, terminated(statement)]
    lines += [*left, record(entry, session), "COMMIT;"]
    return "\n".join(lines)


def pinned(session: Session) -> str:
    """Pin the search_path for the transaction.

    By set_config, which takes the text of the setting as it is: it may be empty, or hold what SET would not read.
    """
    return f"SELECT pg_catalog.set_config('search_path', {text(session.search_path)}, true);"


def blocking(locks: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Give the locks that make readers or writers wait: those to take up front, within the budget.

    One per relation, the strongest at once: an upgrade of a held lock kills clients that wait for each other.
    """
    strongest: dict[Name, LockMode] = {}
    for lock in locks:
        if lock.mode.blocks_reads or lock.mode.blocks_writes:
            strongest[lock.relation] = max(lock.mode, strongest.get(lock.relation, lock.mode))
    return tuple(Lock(relation, mode) for relation, mode in strongest.items())


def record(entry: Entry, session: Session) -> str:
    """Write the call that appends an entry, and fails when the lease has passed to another."""
    step = "NULL" if entry.step is None else text(entry.step)
    return (
        f"SELECT * FROM migrate_safe.record({session.token}, {text(entry.plan)}, {text(entry.kind.value)}, "
        f"{step}, {text(_json(entry.detail))}::jsonb);"
    )


def record_message(entry: Entry, session: Session) -> str:
    """Write one journal entry alone."""
    return record(entry, session)


def guard(requirement: Requirement) -> str:
    """Write a requirement as a statement that fails when any row breaks it."""
    message = text(requirement.message.replace("%", "%%"))
    body = (
        f"BEGIN IF EXISTS ({bare(requirement.query)}) "
        f"THEN RAISE EXCEPTION {message} USING ERRCODE = '{GUARD_STATE}'; END IF; END"
    )
    return f"DO {text(body)};"


def count_query(requirement: Requirement) -> str:
    """Write the query that counts the rows that break a requirement."""
    return f"SELECT count(*) FROM ({bare(requirement.query)}) AS offending"


def keys_query(requirement: Requirement, shown: int) -> str:
    """Write the query that shows the first rows that break a requirement."""
    return f"SELECT * FROM ({bare(requirement.query)}) AS offending LIMIT {shown}"


def kick_message(lock: Lock, settings: Settings) -> str:
    """Write the message that makes autovacuum leave a table, holding up no client.

    Autovacuum yields only to a waiter that reaches deadlock_timeout; SHARE UPDATE EXCLUSIVE conflicts
    with it and not with DML. It is released before the real lock is queued for.
    """
    mode = LockMode.SHARE_UPDATE_EXCLUSIVE.sql
    return (
        f"{BEGIN}\nSET LOCAL lock_timeout = {settings.weak_lock_ms};\n"
        f"LOCK TABLE {lock.relation} IN {mode} MODE;\nCOMMIT;"
    )


def fill_message(work: Backfill, where: str, moving: str | None, session: Session, budget_ms: int) -> str:
    """Write one batch in one transaction: the rows of a range that are unset, and the cursor.

    `moving` moves the cursor (see `advance`); None where another message does that. Gives the rows written, those that
    are unset all the same, and how many clients wait for its row locks. One statement reads and writes, so
    that READ COMMITTED re-evaluates WHERE and SET on the newest version of each row and no client's
    write is lost. A batch ends before a client that waits for it looks for deadlocks, however large the budget is, so
    that no client is a victim; one that may not be cut off at least waits no longer. Row locks are not
    kept until the disk has answered: a crash may lose the last batches, and the cursor with them; the entry that
    concludes the backfill waits for the disk, and WAL keeps the order.
    """
    assign = ", ".join(f"{quote_ident(column)} = ({expression})" for column, expression in work.assign)
    fence = [] if moving else [f"SELECT migrate_safe.fence({session.token});"]
    return "\n".join(
        [
            BEGIN,
            pinned(session),
            *markers(work),
            "SET LOCAL synchronous_commit = off;",
            f"SET LOCAL lock_timeout = {max(1, min(budget_ms * 8, session.deadlock_ms * 4) // 10)};",
            f"SET LOCAL statement_timeout = {budget_ms};",
            f"SET LOCAL idle_in_transaction_session_timeout = {budget_ms};",
            *fence,
            f"WITH filled AS (UPDATE {work.table} SET {assign}",
            f"  WHERE {where} AND ({work.unset}) RETURNING ({work.unset}) IS TRUE AS unset)",
            f"SELECT {moving or FILLED},",
            "  (SELECT count(*) FROM filled WHERE unset),",
            "  (SELECT count(*) FROM pg_catalog.pg_locks AS l",
            "   WHERE NOT l.granted AND pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(l.pid)));",
            "COMMIT;",
        ]
    )


def advance(progress: Progress, passed: int, session: Session, changed: str) -> str:
    """Write the call that moves a cursor, gives `changed`, and fails when the lease has passed to another."""
    at = None if progress.cursor is None else (progress.key, *progress.cursor)
    cursor = "NULL" if at is None else f"ARRAY[{', '.join(map(text, at))}]::text[]"
    total = "NULL" if progress.rows_total is None else str(progress.rows_total)
    return (
        f"migrate_safe.advance({session.token}, {text(progress.plan)}, {text(progress.step)}, {cursor}, "
        f"{progress.rows_done}, {passed}, {changed}, {total})"
    )


def terminated(statement: str) -> str:
    """End a statement with a semicolon, on a line of its own when a comment would swallow it."""
    body = bare(statement)
    return f"{body}\n;" if "--" in body.rpartition("\n")[2] else f"{body};"


def bare(statement: str) -> str:
    """Give a statement without its last semicolon and the space around."""
    return statement.strip().removesuffix(";").rstrip()


def text(value: str) -> str:
    """Write a string literal without the leading space that quote_literal() gives an escaped one."""
    return quote_literal(value).lstrip()


def _opening(
    lockable: tuple[Lock, ...], own: Own, session: Session, settings: Settings, wait_ms: int | None
) -> list[str]:
    if lockable:
        taken = _taken(lockable, wait_ms)
        return [*_strict(session, settings, wait_ms or settings.queue_ms), *taken, _short_wait(settings)]
    if own is Own.SHORT:
        return _strict(session, settings, wait_ms or _short_ms(settings))
    patience = settings.weak_lock_ms if own is Own.WEAK else wait_ms or _short_ms(settings)
    return [f"SET LOCAL lock_timeout = {patience};", "SET LOCAL statement_timeout = 0;"]


def _strict(session: Session, settings: Settings, patience_ms: int) -> list[str]:
    budget = settings.stall_budget_ms
    lines = [
        f"SET LOCAL lock_timeout = {patience_ms};",
        f"SET LOCAL statement_timeout = {budget};",
        f"SET LOCAL idle_in_transaction_session_timeout = {budget};",
    ]
    if session.server_major >= 17:
        lines.append(f"SET LOCAL transaction_timeout = {2 * budget};")
    return lines


def _taken(locks: tuple[Lock, ...], wait_ms: int | None) -> list[str]:
    waits = ["" if i == 0 and wait_ms is not None else " NOWAIT" for i in range(len(locks))]
    return [f"LOCK TABLE {x.relation} IN {x.mode.sql} MODE{wait};" for x, wait in zip(locks, waits, strict=True)]


def _short_wait(settings: Settings) -> str:
    return f"SET LOCAL lock_timeout = {_short_ms(settings)};"


def _short_ms(settings: Settings) -> int:
    return max(1, int(settings.stall_budget_ms * _AFTER_LOCKS_SHARE))


def _json(detail: Mapping[str, object]) -> str:
    return json.dumps(dict(detail), sort_keys=True, ensure_ascii=False)
