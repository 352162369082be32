"""The journal: append-only events in the target database, and the lease that guards it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field


class EventKind(StrEnum):
    """What happened. Position moves only on DONE, UNDONE."""

    OPENED = "opened"
    """The plan was registered: its text and digest are stored. With `detail.replanned` another text took its place."""
    STARTED = "started"
    """A step that cannot run in the journal's transaction began (index build, backfill, verify)."""
    DONE = "done"
    FAILED = "failed"
    """A step or its undo failed and left nothing behind, unless `detail.leftover` is true."""
    UNDO_STARTED = "undo started"
    UNDONE = "undone"
    """A step was taken back; `detail.also` names the earlier steps taken back with it."""
    CLOSED = "closed"
    """Everything done including purge, or everything undone to baseline; or abandoned on the way (`detail.abandoned`)
    with the steps in `detail.kept` left as they are."""


class Entry(Struct, frozen=True):
    """An event that is still to be written: the journal adds number, token and time."""

    plan: str
    kind: EventKind
    step: str | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


class Event(Struct, frozen=True):
    """One journal line. `seq` grows; `token` is the fencing token of the lease it was written under."""

    seq: int
    plan: str
    kind: EventKind
    step: str | None
    token: int
    at: datetime
    detail: Mapping[str, object] = field(default_factory=dict)


class Lease(Struct, frozen=True):
    """Who may change this database now. `token` grows with each new holder: old holders are fenced off.

    `holder` is None when nobody holds it. `host` and `pid` are the client process; `backends` are the pids
    of its server processes, first that of the heartbeat. `environment` is what the holder confirmed.
    """

    holder: str | None
    token: int
    environment: str | None
    acquired: datetime
    heartbeat: datetime
    expires: datetime
    host: str = ""
    pid: int = 0
    backends: tuple[int, ...] = ()


class Progress(Struct, frozen=True):
    """Where a backfill or verification stands; `cursor` is the last key done (as text values), None at the start.

    `key` names the columns and types that the cursor's values are of: they mean nothing under another key. `rows_done`
    counts the rows passed, `filled` those that had to be written; `rows_total` is an estimate.
    """

    plan: str
    step: str
    cursor: tuple[str, ...] | None
    rows_done: int
    rows_total: int | None
    filled: int = 0
    key: str = ""


class JournaledPlan(Struct, frozen=True):
    """A plan as the journal keeps it: `text` is the YAML that rules once its first step began."""

    name: str
    text: str
    digest: str
    opened: datetime


class Control(Struct, frozen=True):
    """What was asked for one plan. `tuned` are settings by name; `wanted` is the last phase that a worker is to run.

    `accepted` names the tables and objects whose drift the worker is to accept.
    """

    paused_by: str = ""
    paused_at: datetime | None = None
    tuned: Mapping[str, int] = field(default_factory=dict)
    wanted: str = ""
    wanted_by: str = ""
    wanted_at: datetime | None = None
    accepted: tuple[str, ...] = ()
