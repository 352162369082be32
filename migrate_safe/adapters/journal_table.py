"""The journal in the schema `migrate_safe` of the target database: install, read, lease, write."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import time
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any

from migrate_safe.adapters.database import Database
from migrate_safe.executor.compose import record, text
from migrate_safe.executor.intents import LostConnection
from migrate_safe.executor.lease import Claim, claim, held_error
from migrate_safe.executor.news import Tell, Waiting, silent
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import Refused, TryLater, UsageError
from migrate_safe.model.journal import Entry, Event, EventKind, JournaledPlan, Lease, Progress
from migrate_safe.model.names import as_argument, in_quotes, quote_ident
from migrate_safe.model.plan import Plan
from migrate_safe.model.values import replace

VERSION = 2
_INSTALL_LOCK = 7_318_349_394_477_056  # advisory: two first applies must not install at once
_LEASE_COLUMNS = "holder, token, environment, acquired, heartbeat, expires, host, pid, backends"
_TAKE = """
UPDATE migrate_safe.lease SET token = token + 1, holder = %s, host = %s, pid = %s, environment = %s, backends = %s,
    acquired = clock_timestamp(), heartbeat = clock_timestamp(),
    expires = clock_timestamp() + make_interval(secs => %s)
WHERE token = %s RETURNING token
"""
_RELEASE = """
UPDATE migrate_safe.lease SET holder = NULL, expires = clock_timestamp(), backends = '{}' WHERE token = %s
"""
_LOCKED_AWAY = """
SELECT pg_get_userbyid(nspowner), current_user::text FROM pg_namespace
WHERE nspname = 'migrate_safe' AND NOT has_schema_privilege(oid, 'USAGE')
"""
TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer"
"""SQL for the timeline that the server writes: it grows when a standby is promoted or a backup is restored."""
_ALIVE = "SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s::int[])"
_OPEN = """
INSERT INTO migrate_safe.plan AS p (name, text, digest) VALUES ({name}, {text}, {digest})
    ON CONFLICT (name) DO UPDATE SET text = excluded.text, digest = excluded.digest, opened = excluded.opened;
"""
_FOLLOWED = """
BEGIN; SET LOCAL synchronous_commit TO DEFAULT;
UPDATE migrate_safe.meta SET version = version
WHERE current_setting('synchronous_standby_names') <> ''
    AND current_setting('synchronous_commit') NOT IN ('local', 'off');
COMMIT;
"""
_REPLACE = """
UPDATE migrate_safe.plan SET text = {text}, digest = {digest} WHERE name = {name};
"""
_REMOVE = """
DROP FUNCTION migrate_safe.fence, migrate_safe.record, migrate_safe.advance;
DROP TABLE migrate_safe.seen, migrate_safe.control, migrate_safe.progress, migrate_safe.lease, migrate_safe.event,
    migrate_safe.plan, migrate_safe.meta;
DROP SCHEMA migrate_safe;
"""


# ---- reading -------------------------------------------------------------------------------


def is_installed(db: Database) -> bool:
    """Say whether this database has a journal; raises UsageError when it is one that the role may not use."""
    for owner, role in db.query(_LOCKED_AWAY):
        raise UsageError(
            f"the journal of this database belongs to role {in_quotes(owner)},"
            f" and role {in_quotes(role)} may not use it",
            next_move=f"run as --role {as_argument(owner)}, or GRANT {quote_ident(owner)} TO {quote_ident(role)}",
        )
    return db.query("SELECT to_regclass('migrate_safe.event') IS NOT NULL")[0][0] is True


def is_writable(db: Database) -> bool:
    """Say whether this database has a journal, and raise Refused when only a newer program may write it."""
    version = read_version(db) if is_installed(db) else 0
    if version > VERSION:
        raise Refused(
            f"the journal of this database has version {version}, and this program can write up to {VERSION}",
            next_move="use the newer migrate-safe; status of this one still reads it",
        )
    return version > 0


def read_version(db: Database) -> int:
    """Read the version of the journal; 0 where its installation is not complete."""
    rows = db.query("SELECT version FROM migrate_safe.meta")
    return int(rows[0][0]) if rows else 0


def read_events(db: Database, plan: str, after: int = 0) -> tuple[Event, ...]:
    """Read the events of a plan after a number, in order; kinds that only a newer version knows are left out."""
    sql = """SELECT seq, plan, kind, step, token, at, detail FROM migrate_safe.event
             WHERE plan = %s AND seq > %s AND kind = ANY(%s) ORDER BY seq"""
    return tuple(as_event(row) for row in db.query(sql, (plan, after, [kind.value for kind in EventKind])))


def read_plans(db: Database) -> tuple[JournaledPlan, ...]:
    """Read every plan that this database knows, oldest first."""
    rows = db.query("SELECT name, text, digest, opened FROM migrate_safe.plan ORDER BY opened, name")
    return tuple(JournaledPlan(*row) for row in rows)


def read_plan(db: Database, name: str) -> JournaledPlan | None:
    """Read the journal's copy of a plan."""
    return next((p for p in read_plans(db) if p.name == name), None)


def read_lease(db: Database) -> Lease:
    """Read the lease as it stands."""
    return _lease(db.query(f"SELECT {_LEASE_COLUMNS} FROM migrate_safe.lease")[0])


def living_backends(db: Database, lease: Lease) -> frozenset[int]:
    """Read which of the holder's server processes still exist."""
    return frozenset(row[0] for row in db.query(_ALIVE, (list(lease.backends),)))


def read_progress(db: Database, plan: str, step: str) -> Progress | None:
    """Read where a walk stands, None when it has not begun."""
    sql = """SELECT plan, step, cursor, rows_done, rows_total, filled FROM migrate_safe.progress
             WHERE plan = %s AND step = %s"""
    rows = db.query(sql, (plan, step))
    if not rows:
        return None
    p, s, cursor, done, total, filled = rows[0]
    key, *at = cursor or [""]
    return Progress(p, s, None if cursor is None else tuple(at), done, total, filled, key)


def identifier(db: Database) -> str:
    """Give the system identifier as a literal; NULL where the role may not ask for it."""
    may = db.query("SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')")[0][0]
    return text(str(db.query("SELECT system_identifier FROM pg_control_system()")[0][0])) if may else "NULL"


def server_now(db: Database) -> datetime:
    """Read the server's clock."""
    now = db.query("SELECT clock_timestamp()")[0][0]
    assert isinstance(now, datetime)
    return now


def as_event(row: tuple[Any, ...]) -> Event:
    """Read a row of the table `event`."""
    seq, plan, kind, step, token, at, detail = row[:7]
    return Event(seq, plan, EventKind(kind), step, token, at, detail)


# ---- installing ----------------------------------------------------------------------------


def install(db: Database) -> None:
    """Install the journal where it is missing; safe to run at once from several places.

    One of an older version is brought up to this one. Raises Refused for a journal of a newer version, TryLater while
    somebody works by an older one, UsageError when the role may not create it.
    """
    if is_writable(db):
        if read_version(db) == VERSION:
            return
        refuse_held(db)  # an older program that works on must find the journal as it knows it
    elif not db.query("SELECT has_database_privilege(current_database(), 'CREATE')")[0][0]:
        raise UsageError(
            'the role may not create the schema "migrate_safe" in this database',
            next_move="grant it CREATE on the database, or name a role that may (--role)",
        )
    script = (resources.files("migrate_safe.adapters") / "journal.sql").read_text(encoding="utf-8")
    mark = f"""INSERT INTO migrate_safe.meta AS m (version, system_identifier, database_oid, timeline)
        SELECT {VERSION}, {identifier(db)}, oid, {TIMELINE} FROM pg_database WHERE datname = current_database()
        ON CONFLICT (only_row) DO UPDATE SET version = excluded.version,
            timeline = coalesce(m.timeline, excluded.timeline);"""
    db.send(f"BEGIN;\nSELECT pg_advisory_xact_lock({_INSTALL_LOCK});\n{script}\n{mark}\nCOMMIT;")


def remove(db: Database, token: int) -> None:
    """Drop the journal, under the fence; raises NotAsPlanned when anything else lives in its schema."""
    db.send(f"BEGIN;\nSELECT migrate_safe.fence({token});{_REMOVE}COMMIT;")


# ---- the lease -----------------------------------------------------------------------------


def take_lease(db: Database, environment: str | None, settings: Settings, beat_pid: int, tell: Tell = silent) -> Lease:
    """Take the lease, or raise TryLater naming its holder.

    When the holder is dead but one of its backends still works, wait until that ends or its time runs out.
    """
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
    while True:
        old = read_lease(db)
        alive = living_backends(db, old)
        match claim(old, server_now(db), alive):
            case Claim.HELD:
                raise held_error(old)
            case Claim.WAIT:
                left = ", ".join(f"pid {pid}" for pid in sorted(alive))
                tell(Waiting(f'executor "{old.holder}" is dead, but its backend still works ({left})'))
                time.sleep(settings.poll)
                continue
            case Claim.TAKE:
                pass
        values = (name, socket.gethostname(), os.getpid(), environment, [beat_pid, db.pid], settings.lease_ttl)
        if db.query(_TAKE, (*values, old.token)):
            return read_lease(db)


def refuse_held(db: Database) -> None:
    """Raise TryLater when somebody holds the lease, or is dead and still has a backend at work."""
    lease = read_lease(db)
    if claim(lease, server_now(db), living_backends(db, lease)) is not Claim.TAKE:
        raise held_error(lease)


def rename_backends(db: Database, lease: Lease, beat_pid: int) -> Lease:
    """Note the server processes of the holder after one of its connections was opened anew."""
    backends = (beat_pid, db.pid)
    db.query("UPDATE migrate_safe.lease SET backends = %s WHERE token = %s", (list(backends), lease.token))
    return replace(lease, backends=backends)


def release_lease(db: Database, token: int) -> None:
    """Give the lease back; does nothing when another holds it by now. Raises TryLater when that cannot be told."""
    try:
        db.query(_RELEASE, (token,))
    except LostConnection as error:
        raise TryLater(f"the connection was lost: {error}") from None


def await_standbys(db: Database) -> None:
    """Wait until the synchronous standbys have all that was committed, as far as the role wants that; holds no lock.

    The sessions of the executor commit without that wait, so that readers of a table do not wait for a standby.
    """
    db.send(_FOLLOWED)


def _lease(row: tuple[Any, ...]) -> Lease:
    holder, token, environment, acquired, heartbeat, expires, host, pid, backends = row
    return Lease(holder, token, environment, acquired, heartbeat, expires, host, pid, tuple(backends))


# ---- writing -------------------------------------------------------------------------------


def open_plan(db: Database, token: int, plan: Plan, plan_text: str) -> Event:
    """Store a plan's text and journal that it was opened, in one transaction under the fence."""
    return _store(db, token, plan, plan_text, _OPEN)


def replace_plan(db: Database, token: int, plan: Plan, plan_text: str) -> Event:
    """Store another text of an open plan and journal that, in one transaction under the fence."""
    return _store(db, token, plan, plan_text, _REPLACE, {"replanned": True})


def _store(
    db: Database, token: int, plan: Plan, plan_text: str, sql: str, detail: Mapping[str, object] | None = None
) -> Event:
    digest = digest_of(plan_text)
    stored = sql.format(name=text(plan.name), text=text(plan_text), digest=text(digest))
    entry = Entry(plan.name, EventKind.OPENED, None, {"digest": digest, **(detail or {})})
    found = db.send(f"BEGIN;\n{stored}{record(entry, db.session(token))}\nCOMMIT;")
    return as_event(found[-1][0])


def digest_of(plan_text: str) -> str:
    """Give the digest under which a plan's text is journaled."""
    return "sha256:" + hashlib.sha256(plan_text.encode()).hexdigest()
