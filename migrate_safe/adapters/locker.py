"""Runs a step within the stall budget: does what executor.locks decides."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources

from migrate_safe.adapters.database import Database, Rows
from migrate_safe.executor import locks
from migrate_safe.executor.compose import Own, kick_message
from migrate_safe.executor.intents import Blocked, Busy
from migrate_safe.executor.locks import Holder, Watch
from migrate_safe.executor.news import Attempted, Tell, Waiting
from migrate_safe.executor.settings import Settings
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import parse_name
from migrate_safe.model.values import replace

Compose = Callable[[int | None], str]
"""Writes the message of one attempt: None for NOWAIT, else how many ms its first lock may wait."""

_KIND = "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)"
_LOCKABLE = """
SELECT relkind IN ('r', 'p')
    AND (pg_has_role(relowner, 'USAGE') OR has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE'))
FROM pg_class WHERE oid = to_regclass(%s)
"""
_CLOSED = """
SELECT DISTINCT c.oid::regclass::text FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
WHERE l.mode = 'AccessExclusiveLock' AND l.granted AND c.relkind IN ('r', 'p', 'm', 'v')
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_MODES = {mode.catalog_name: mode for mode in LockMode}
_TELL_EVERY = 1000.0


def lockable(db: Database, wanted: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Give those locks that LOCK TABLE takes, and nothing with them: on tables that exist before the step.

    On a view it would lock as strongly, with the rights of the view's owner, every table behind it, which the step does
    not touch; on other relations it fails. Their locks are left to the step's statements (see `own_locks`).
    Dropping a foreign key locks its far table whatever the role's rights there, but LOCK TABLE asks for some: such a
    lock is left to the statement as well, which waits for it only as long as the budget allows after the first lock.
    """
    return tuple(x for x in wanted if any(row[0] for row in db.query(_LOCKABLE, (str(x.relation),))))


def own_locks(db: Database, wanted: tuple[Lock, ...]) -> Own:
    """Say what a step's statements lock that LOCK TABLE cannot take before them, and how long they hold it."""
    if _of_kinds(db, wanted, "vS"):
        return Own.SHORT
    return Own.LONG if _of_kinds(db, wanted, "m") else Own.WEAK


def on_sequences(db: Database, wanted: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Give those locks that only the step's own statements can take, on sequences: no SQL takes them NOWAIT."""
    return _of_kinds(db, wanted, "S")


def watchable(db: Database, wanted: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Give the locks on tables and views that exist before the step: somebody may hold them already."""
    return _of_kinds(db, wanted, "rpvm")


def _of_kinds(db: Database, wanted: tuple[Lock, ...], kinds: str) -> tuple[Lock, ...]:
    return tuple(x for x in wanted if any(row[0] in kinds for row in db.query(_KIND, (str(x.relation),))))


def run_within_budget(
    db: Database,
    compose: Compose,
    upfront: tuple[Lock, ...],
    watched: tuple[Lock, ...],
    settings: Settings,
    tell: Tell,
    step: str | None,
    standbys: Sequence[Database] = (),
) -> list[Rows]:
    """Send a step's message until one attempt gets all its locks; give the rows of that attempt.

    `upfront` are the locks taken first, `watched` all whose holders can be in the way: where they are more, the rest
    is waited for while the first are held, so that nothing is tried before a look. On `standbys` the replay of ACCESS
    EXCLUSIVE waits for those who read the table there, and holds up all who come later: they are looked at as well.
    Raises Blocked, with the holders named, when the locks cannot be had; nothing has then been changed.
    """
    watch, told = Watch(started=_now()), _now()
    random_number = random.Random().random  # noqa: S311 - full jitter; no secret depends on it
    wait: int | None = None
    replayed = tuple(lock for lock in watched if lock.mode is LockMode.ACCESS_EXCLUSIVE)
    trying = (len(watched) == len(upfront) or not upfront) and not (standbys and replayed)
    while True:
        if trying:
            began = _now()
            try:
                rows = db.send(compose(wait))
            except Busy as busy:
                watch = _after(watch, busy, waited=wait is not None or not upfront)
            else:
                tell(Attempted(step, watch.queued, began - watch.started, _now() - began))
                return rows
        found = holders(db, watched, queueable=upfront or watched)
        there = tuple(h for standby in standbys for h in _on_standby(standby, replayed))
        watch = locks.observe(watch, _now(), (*found, *there))
        wait, trying = None, False
        match locks.decide(watch, _now(), settings, random_number()):
            case locks.TryNow():
                trying = True
            case locks.Queue(ms):
                wait, trying = ms, True
            case locks.Kick():
                watch = _kick(db, watch, upfront or watched, settings)
            case locks.Pause(ms):
                time.sleep(ms / 1000)
            case locks.GiveUp(reason, blockers):
                raise _given_up(watched, reason, blockers)
        if watch.holders and _now() - told > _TELL_EVERY:
            told = _now()
            tell(Waiting("waiting for a lock", tuple(map(str, watch.holders))))


def holders(db: Database, wanted: tuple[Lock, ...], queueable: tuple[Lock, ...] | None = None) -> tuple[Holder, ...]:
    """Look who holds, or waits for, a lock that conflicts with ours; `queueable` are those that may be waited for.

    A transaction counts once, by a lock that may be waited for if it holds one.
    """
    if not wanted:
        return ()
    names = db.query("SELECT to_regclass(n)::text FROM unnest(%s::text[]) AS n", ([str(x.relation) for x in wanted],))
    ours = {name: lock.mode for (name,), lock in zip(names, wanted, strict=True) if name is not None}
    may_wait = {name for (name,), lock in zip(names, wanted, strict=True) if lock in (queueable or ())}
    found: dict[str, Holder] = {}
    for key, pid, relation, mode, age, application, user, state, vacuum, wraparound, gid in db.query(
        _holders_sql(), {"tables": list(ours)}
    ):
        held = _MODES.get(mode)
        if held is not None and relation in ours and held.conflicts_with(ours[relation]):
            age_ms = None if age is None else float(age)
            waits = queueable is None or relation in may_wait
            if key not in found or waits:
                found[key] = Holder(
                    key, pid, relation, mode, age_ms, application, user, state, vacuum, wraparound, waits, gid=gid
                )
    return tuple(found.values())


def unread(db: Database) -> str:
    """Say that a table could not be read, and name who holds one against its readers."""
    tables = tuple(Lock(parse_name(row[0]), LockMode.ACCESS_SHARE) for row in db.query(_CLOSED))
    found = "; ".join(f"{h.relation} by {h}" for h in holders(db, tables))
    return "a table is locked against its readers" + (f": {found}" if found else "")


def _on_standby(standby: Database, replayed: tuple[Lock, ...]) -> Iterator[Holder]:
    info = standby.connection.info
    where = f"standby {info.host}:{info.port}"
    for holder in holders(standby, replayed):
        yield replace(holder, key=f"{where} {holder.key}", queueable=False, autovacuum=False, where=where)


@cache
def _holders_sql() -> str:
    return (resources.files("migrate_safe.adapters") / "holders.sql").read_text(encoding="utf-8")


def _after(watch: Watch, busy: Busy, *, waited: bool) -> Watch:
    if busy.overran:
        return locks.after_overrun(watch, _now())
    return locks.after_queueing(watch, _now()) if waited else locks.after_refusal(watch, _now())


def _kick(db: Database, watch: Watch, wanted: tuple[Lock, ...], settings: Settings) -> Watch:
    tables = {h.relation for h in watch.holders if h.autovacuum}
    for lock in lockable(db, wanted) if tables else ():
        try:
            db.send(kick_message(lock, settings))
        except Busy:
            continue
    return locks.after_kick(watch, _now())


def _given_up(wanted: tuple[Lock, ...], reason: str, blockers: tuple[Holder, ...]) -> Blocked:
    what = ", ".join(str(x) for x in wanted) or "its objects"
    by = "; blocked by " + "; ".join(map(str, blockers)) if blockers else ""
    return Blocked(
        f"could not get {what}: {reason}{by}",
        next_move="end those transactions or wait for them, then run this again"
        if blockers
        else "run this again when the tables are less busy, or with a larger --stall-budget",
    )


def _now() -> float:
    return time.monotonic() * 1000
