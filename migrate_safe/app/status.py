"""Say where every plan of a database stands and what to do next; reads only."""

from __future__ import annotations

from datetime import datetime, timedelta

from migrate_safe.adapters.control import read_control
from migrate_safe.adapters.database import APPLICATION, Database
from migrate_safe.adapters.journal_table import (
    VERSION,
    is_installed,
    living_backends,
    read_events,
    read_lease,
    read_plans,
    read_progress,
    read_version,
    server_now,
)
from migrate_safe.adapters.locker import holders
from migrate_safe.adapters.place import Place, read_place
from migrate_safe.app.drift import changed_since
from migrate_safe.app.executing import Target, opened, read_copy
from migrate_safe.executor.advice import next_move
from migrate_safe.executor.intents import Busy
from migrate_safe.executor.lease import Claim, claim
from migrate_safe.executor.overdue import overdue
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.executor.state import Failure, PlanState, contracted_at, fold, stage
from migrate_safe.executor.window import due
from migrate_safe.model.errors import MigrateSafeError, UsageError
from migrate_safe.model.journal import Control, JournaledPlan, Lease
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.plan import Plan, Step
from migrate_safe.model.status import PlanStatus, Retired, StatusReport, StepStatus
from migrate_safe.planner.sharing import is_contracted

_OLD_MS = 1000.0


def status(target: Target, name: str | None = None, settings: Settings = DEFAULTS) -> StatusReport:
    """Report on all plans of a database, or on one; works where nothing was ever installed."""
    with opened(target, settings) as db:
        now = server_now(db)
        if not is_installed(db):
            return StatusReport(False, now)
        plans = [p for p in read_plans(db) if name in (None, p.name)]
        if name is not None and not plans:
            raise UsageError(f'plan "{name}" was never applied to this database', next_move="migrate-safe status")
        place = read_place(db)
        lease = read_lease(db)
        alive = frozenset() if place.copied else living_backends(db, lease)
        taken = Claim.TAKE if place.copied else claim(lease, now, alive)  # nobody who works on the original works here
        held = None if taken is Claim.TAKE else lease
        orphans = tuple(sorted(alive)) if taken is Claim.WAIT else ()
        patience = timedelta(seconds=settings.overdue_after)
        told = tuple(_plan(db, p, held, orphans, now, patience) for p in plans)
        version = read_version(db)
        return StatusReport(True, now, place.environment, held, told, orphans, doubt(place), version, version > VERSION)


def doubt(place: Place) -> str | None:
    """Say why this may not be the database that the journal speaks of; None where nothing says so."""
    if place.copied:
        return "this database is a copy, and its journal that of another; --adopt makes it its own"
    if place.promoted:
        return "this server was promoted, or restored from a backup, since its journal was written; it may be a copy"
    return None


def _plan(
    db: Database,
    kept: JournaledPlan,
    lease: Lease | None,
    orphans: tuple[int, ...],
    now: datetime,
    patience: timedelta,
) -> PlanStatus:
    state = fold(read_events(db, kept.name))
    try:
        plan = read_copy(kept)
    except MigrateSafeError as error:  # a newer version's plan is still worth a line
        return PlanStatus(kept.name, "", "unknown", state.position, state.closed, (), failure=error.message)
    asked = read_control(db, plan.name)
    steps = tuple(_step(db, plan, step, state, lease) for step in plan.steps)
    failure, changed = state.failure, _drift(db, plan, state)
    return PlanStatus(
        plan.name,
        plan.summary,
        stage(plan, state.position),
        state.position,
        state.closed,
        steps,
        None if failure is None else f"{failure.step}: {failure.reason}",
        None if failure is None else failure.at,
        _retired(plan, state),
        () if state.closed else _blockers(db, plan),
        _as_changed(plan.name, changed, rests=lease is None and not is_contracted(plan, state.position))
        or _as_asked(plan.name, asked, failure)
        or next_move(plan, state, lease, orphans, now),
        asked,
        state.abandoned,
        changed,
        tuple(overdue(plan, state, now, patience, alive=lease is not None)),
    )


def _as_changed(name: str, changed: tuple[str, ...], *, rests: bool) -> str:
    """Say what leads on where somebody has dropped a table of the plan; or changed one, before a plan that `rests`."""
    if any(line.startswith("- table ") for line in changed):
        return f"a table of it is gone: abandon {name}"
    if not changed or not rests:
        return ""
    accepting = f"apply {name} --accept-drift NAME"
    return f"undo what has changed, or accept it: {accepting}; or take the plan back: abandon {name}"


def _as_asked(name: str, asked: Control, failure: Failure | None) -> str:
    """Say what leads on where somebody has asked for a pause, or has handed the plan over to a worker."""
    if asked.paused_by:
        return f"migrate-safe resume {name}: it is paused"
    if not asked.wanted:
        return ""
    first = f"{failure.next_move}; then " if failure is not None and failure.next_move else ""
    return f"{first}a worker runs it (migrate-safe work) through {asked.wanted}"


def _drift(db: Database, plan: Plan, state: PlanState) -> tuple[str, ...]:
    try:
        return tuple(change.line for change in changed_since(db, plan, state) or ())
    except (Busy, MigrateSafeError):
        return ()  # somebody changes or drops a table right now, or it may not be looked at: the rest is worth telling


def _step(db: Database, plan: Plan, step: Step, state: PlanState, lease: Lease | None) -> StepStatus:
    history = state.of(step.id)
    progress = read_progress(db, plan.name, step.id) if history.attempts else None
    return StepStatus(
        step.id,
        step.phase,
        step.does,
        _state_word(plan, step, state, lease),
        history.attempts,
        history.started,
        history.finished,
        None if progress is None else progress.rows_done,
        None if progress is None else progress.rows_total,
    )


def _state_word(plan: Plan, step: Step, state: PlanState, lease: Lease | None) -> str:
    running, failure = state.running, state.failure
    begun = running is not None and running.step == step.id
    if begun and is_alive(state, lease):
        return "undoing" if running is not None and running.undoing else "running"
    if failure is not None and failure.step == step.id:
        return "failed"
    if begun:
        return "interrupted"
    if step.id in state.done:
        return "done"
    is_next = state.position < len(plan.steps) and plan.steps[state.position].id == step.id
    return "next" if is_next else "waiting"


def is_alive(state: PlanState, lease: Lease | None) -> bool:
    """Say whether somebody is at work on the step that began: the lease under which it did is still held."""
    return state.running is not None and lease is not None and lease.token == state.running.token


def _retired(plan: Plan, state: PlanState) -> tuple[Retired, ...]:
    contracted = contracted_at(plan, state)
    if contracted is None or state.abandoned:
        return ()
    left = plan.steps[state.position :]
    return tuple(Retired(s.id, s.does, s.irreversible or "", due(s.not_before, contracted)) for s in left)


def _blockers(db: Database, plan: Plan) -> tuple[str, ...]:
    """Name transactions on the plan's tables that are too old to be queued behind."""
    locks = tuple(Lock(table, LockMode.ACCESS_EXCLUSIVE) for table in plan.touches)
    others = (h for h in holders(db, locks) if h.application != APPLICATION)
    return tuple(str(h) for h in others if h.age_ms is not None and h.age_ms > _OLD_MS)
