"""Take steps of a plan back: contract by default, further where asked."""

from __future__ import annotations

from pathlib import Path

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
from migrate_safe.app.preflight import check_way_back
from migrate_safe.app.rights import check_privileges
from migrate_safe.app.submitted import take_off
from migrate_safe.executor.machine import back, refuse_irreversible
from migrate_safe.executor.news import Tell, silent
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.model.errors import UsageError
from migrate_safe.model.plan import Phase, Plan

BASELINE = "baseline"


def rollback(
    source: Path | str | Plan,
    target: Target,
    to: str | None = None,
    settings: Settings = DEFAULTS,
    *,
    tell: Tell = silent,
    stop_after: int | None = None,
) -> Outcome:
    """Take a plan back to the end of `to`: expand, migrate (the default), a step's id; or to baseline.

    Leads out of every place, also out of a step or a take-back that was cut off; does nothing when the
    plan has not come so far. What was submitted to workers is withdrawn. The journal's copy of the plan rules, so no
    file is needed. Raises Refused when a step on the way has no way back, or rows exist that the old form cannot
    hold: before anything is done, unless an undo on the way may put them right (see `demands`).
    """
    given = find_plan(source)
    with opened(target, settings) as db:
        plan = journaled_plan(db, given)
        end = position_of(plan, to)
        state = state_of(db, plan)
        if state.position >= end:
            refuse_irreversible(plan, state, end)
        check_privileges(db, plan)
        with leased(db, target, settings, tell) as performer:
            take_off(db, plan.name, tell, f"when it is to go on: submit {plan.name}")
            state = state_of(db, plan)
            if state.position > end:
                refuse_others(db, plan)
                refuse_built_upon(db, plan)
                check_way_back(db, plan, state.position, end, settings)
            known = left(db, plan, state)
            return run(
                performer, plan, lambda p, s, t: back(p, s, end, t), settings, stop_after=stop_after, known=known
            )


def position_of(plan: Plan, to: str | None) -> int:
    """Give the position that a place on the way back means; raises UsageError for an unknown one."""
    if to == BASELINE:
        return 0
    name = Phase.MIGRATE.value if to is None else to
    if name in (Phase.EXPAND, Phase.MIGRATE):
        return plan.end_of(Phase(name))
    for i, step in enumerate(plan.steps):
        if step.id == name:
            return i + 1
    raise UsageError(
        f'plan "{plan.name}" has no step "{name}"',
        next_move="name baseline, expand, migrate, or one of: " + ", ".join(s.id for s in plan.steps),
    )
