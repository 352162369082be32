"""Where the plans of one database stand, as `status` shows it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

from migrate_safe.model.journal import Control, Lease
from migrate_safe.model.plan import Phase


class StepStatus(Struct, frozen=True):
    """One step: `state` is done, running, undoing, interrupted, failed, next or waiting.

    Running and undoing only while somebody is at work on it.
    """

    id: str
    phase: Phase
    does: str
    state: str
    attempts: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    rows_done: int | None = None
    rows_total: int | None = None


class Retired(Struct, frozen=True):
    """Something that contract has put aside: what purge will do, what is then lost, and from when on it may."""

    step: str
    does: str
    loses: str
    due: datetime | None


class PlanStatus(Struct, frozen=True):
    """One plan. `phase` is baseline or the phase of the last step done; `next_move` is what to do now.

    `abandoned` says that it was closed on the way, with what was done kept; `drift` what others have changed of its
    tables since its last step, `overdue` what has waited too long.
    """

    name: str
    summary: str
    phase: str
    position: int
    closed: bool
    steps: tuple[StepStatus, ...]
    failure: str | None = None
    failed_at: datetime | None = None
    retired: tuple[Retired, ...] = ()
    blockers: tuple[str, ...] = ()
    next_move: str = ""
    asked: Control = field(default_factory=Control)
    abandoned: bool = False
    drift: tuple[str, ...] = ()
    overdue: tuple[str, ...] = ()


class StatusReport(Struct, frozen=True):
    """All plans of one database. `installed` is false where migrate-safe has never run.

    `orphans` are backends that still work for a holder of the lease who is dead; `doubt` says why this may not be the
    database that the journal speaks of.
    """

    installed: bool
    now: datetime
    environment: str | None = None
    lease: Lease | None = None
    plans: tuple[PlanStatus, ...] = ()
    orphans: tuple[int, ...] = ()
    doubt: str | None = None
    journal: int = 0
    """Version of the journal; 0 where there is none."""
    newer: bool = False
    """Whether a newer program wrote it, so that what is shown may not be all."""
