"""Close a plan half-way: take back what was done, or keep it."""

from __future__ import annotations

from pathlib import Path

from migrate_safe.adapters.control import forget
from migrate_safe.adapters.database import Database
from migrate_safe.app.drift import left
from migrate_safe.app.executing import (
    Outcome,
    Target,
    find_plan,
    journaled_plan,
    leased,
    opened,
    refuse_built_upon,
    refuse_others,
    run,
    state_of,
)
from migrate_safe.app.preflight import check_way_back, gone_tables
from migrate_safe.app.rights import check_privileges
from migrate_safe.app.submitted import take_off
from migrate_safe.executor.machine import back, keep, refuse_irreversible
from migrate_safe.executor.news import Tell, silent
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.executor.state import PlanState
from migrate_safe.model.errors import MigrateSafeError, Refused, StepFailed
from migrate_safe.model.plan import Plan
from migrate_safe.planner.voided import voided


def abandon(
    source: Path | str | Plan,
    target: Target,
    settings: Settings = DEFAULTS,
    *,
    keep_done: bool = False,
    tell: Tell = silent,
    stop_after: int | None = None,
) -> Outcome:
    """Take everything back that an open plan has done, and close it; `keep_done` closes it as it stands.

    Steps on tables that are gone count as taken back; functions that they left behind are dropped. Raises Refused
    where the way back is barred: by a step that cannot be taken back, rows, other plans, or what somebody has changed.
    Does nothing when the plan is closed.
    """
    given = find_plan(source)
    with opened(target, settings) as db:
        plan = journaled_plan(db, given)
        state = state_of(db, plan, also_abandoned=True)
        if state.closed:
            return Outcome(plan, state, state)
        if not keep_done:
            check_privileges(db, plan)
        with leased(db, target, settings, tell) as performer:
            take_off(db, plan.name, tell, "it is to be closed")
            forget(db, plan.name)  # a pause would hold it up, and a worker would begin again what is closed
            if keep_done:
                return run(performer, plan, keep, settings, stop_after=stop_after)
            try:
                plan = voided(plan, gone_tables(db, plan))
                state = state_of(db, plan)
                _check(db, plan, state, settings)
                known = left(db, plan, state)
                return run(
                    performer, plan, lambda p, s, t: back(p, s, 0, t), settings, stop_after=stop_after, known=known
                )
            except (Refused, StepFailed) as error:
                raise _or_keep(error, plan) from None


def _check(db: Database, plan: Plan, state: PlanState, settings: Settings) -> None:
    refuse_irreversible(plan, state, 0)
    if state.position:
        refuse_others(db, plan)
        refuse_built_upon(db, plan)
        check_way_back(db, plan, state.position, 0, settings)


def _or_keep(error: MigrateSafeError, plan: Plan) -> MigrateSafeError:
    """Say the other way to close the plan beside what would make this one free."""
    keeping = f"close the plan with what it did left as it is: abandon {plan.name} --keep"
    return Refused(error.message, next_move=f"{error.next_move}; or {keeping}" if error.next_move else keeping)
