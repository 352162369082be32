"""What other processes ask of an executor at work, and of workers: pause, other settings, a phase to reach."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.journal_table import install
from migrate_safe.model.journal import Control

_READ = """
SELECT paused_by, paused_at, tuned, wanted, wanted_by, wanted_at, accepted FROM migrate_safe.control WHERE plan = %s
"""
_WRITE = """
INSERT INTO migrate_safe.control AS c (plan, {columns}) VALUES (%(plan)s, {values})
    ON CONFLICT (plan) DO UPDATE SET {updates}
"""


def read_control(db: Database, plan: str) -> Control:
    """Read what was asked for a plan."""
    rows = db.query(_READ, (plan,)) if _is_there(db) else ()
    if not rows:
        return Control()
    paused_by, paused_at, tuned, wanted, wanted_by, wanted_at, accepted = rows[0]
    asked = (paused_by or "", paused_at, tuned, wanted or "", wanted_by or "", wanted_at)
    return Control(*asked, accepted=tuple(accepted or ()))


def read_wanted(db: Database) -> tuple[str, ...]:
    """Give the names of the plans that a worker is to run, those that were submitted first come first."""
    query = "SELECT plan FROM migrate_safe.control WHERE wanted IS NOT NULL ORDER BY wanted_at, plan"
    rows = db.query(query) if _is_there(db) else ()
    return tuple(row[0] for row in rows)


def pause(db: Database, plan: str, who: str) -> None:
    """Ask whoever works on a plan to stop before its next batch or step."""
    _write(db, plan, {"paused_by": who, "paused_at": None})


def resume(db: Database, plan: str) -> None:
    """Take a pause back."""
    if _is_there(db):
        db.query("UPDATE migrate_safe.control SET paused_by = NULL, paused_at = NULL WHERE plan = %s", (plan,))


def tune(db: Database, plan: str, tuned: Mapping[str, int]) -> None:
    """Set which settings whoever works on a plan uses instead of its own; none takes them all back."""
    _write(db, plan, {"tuned": json.dumps(dict(tuned))})


def submit(db: Database, plan: str, through: str, who: str, accepted: Sequence[str] = ()) -> None:
    """Ask a worker to bring a plan to the end of a phase, and to accept drift of these tables or objects."""
    _write(db, plan, {"wanted": through, "wanted_by": who, "accepted": list(accepted), "wanted_at": None})


def withdraw(db: Database, plan: str, submitted: datetime | None) -> None:
    """Take back, or tick off, what a worker was asked for at that moment; what was submitted since stays."""
    db.query(
        "UPDATE migrate_safe.control SET wanted = NULL, wanted_by = NULL, wanted_at = NULL"
        " WHERE plan = %s AND wanted_at = %s",
        (plan, submitted),
    )


def forget(db: Database, plan: str) -> None:
    """Take back all that was asked for a plan."""
    if _is_there(db):
        db.query("DELETE FROM migrate_safe.control WHERE plan = %s", (plan,))


def _write(db: Database, plan: str, fields: Mapping[str, str | list[str] | None]) -> None:
    """Write some fields; a time that is None is now, by the server's clock."""
    install(db)  # a journal of an older version may have no place for them
    values = [f"%({name})s" if value is not None else "clock_timestamp()" for name, value in fields.items()]
    query = _WRITE.format(
        columns=", ".join(fields), values=", ".join(values), updates=", ".join(f"{f} = excluded.{f}" for f in fields)
    )
    db.query(query, {"plan": plan, **{k: v for k, v in fields.items() if v is not None}})


def _is_there(db: Database) -> bool:
    """Say whether the journal is of a version that has the table."""
    return db.query("SELECT to_regclass('migrate_safe.control') IS NOT NULL") == [(True,)]


def whoami() -> str:
    """Name the person, as far as the machine knows."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container without such a user
        return socket.gethostname()
