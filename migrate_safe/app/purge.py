"""Remove for good what contract has put aside, once its window has passed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from migrate_safe.adapters.journal_table import server_now
from migrate_safe.app.drift import left
from migrate_safe.app.executing import Outcome, Target, find_plan, journaled_plan, leased, opened, run, state_of
from migrate_safe.app.resting import check_purged
from migrate_safe.app.rights import check_privileges
from migrate_safe.executor.machine import forward
from migrate_safe.executor.news import Tell, silent
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.executor.state import PlanState, contracted_at
from migrate_safe.executor.window import due
from migrate_safe.model.errors import Refused, UsageError
from migrate_safe.model.plan import Phase, Plan


def purge(
    source: Path | str | Plan,
    target: Target,
    settings: Settings = DEFAULTS,
    *,
    now: bool = False,
    confirm: str | None = None,
    tell: Tell = silent,
    stop_after: int | None = None,
) -> Outcome:
    """Run the purge steps of a plan; there is no way back from them.

    Raises Refused before contract is done, and before the window after it has passed by the server's clock.
    `now` overrides the window, and needs the plan's name typed as `confirm`: UsageError without it.
    """
    given = find_plan(source)
    with opened(target, settings) as db:
        plan = journaled_plan(db, given)
        if now and confirm != plan.name:
            raise UsageError(
                f'--now purges plan "{plan.name}" before its window has passed, and there is no way back',
                next_move=f"type its name: --now --confirm {plan.name}",
            )
        check_purge(plan, state_of(db, plan), server_now(db), now=now)
        check_privileges(db, plan)
        with leased(db, target, settings, tell) as performer:
            state = state_of(db, plan)
            check_purge(plan, state, server_now(db), now=now)
            check_purged(db, plan, state.position, tell)
            known, end = left(db, plan, state), len(plan.steps)
            return run(
                performer, plan, lambda p, s, t: forward(p, s, end, t), settings, stop_after=stop_after, known=known
            )


def check_purge(plan: Plan, state: PlanState, at: datetime, *, now: bool) -> None:
    """Raise Refused unless every step before purge is done and the window of each purge step has passed."""
    end = plan.end_of(Phase.CONTRACT)
    undoing = state.running is not None and state.running.undoing
    if state.position < end or undoing:
        raise Refused(
            f'plan "{plan.name}" has not finished contract: {state.position} of {end} steps are done',
            next_move=f"migrate-safe apply {plan.name} --through contract",
        )
    contracted = contracted_at(plan, state)
    for step in plan.steps[state.position :]:
        opens = due(step.not_before, contracted)
        if not now and opens is not None and at < opens:
            raise Refused(
                f'step "{step.id}" waits until {opens:%Y-%m-%d %H:%M %Z} ({step.not_before} after contract)',
                next_move=f"purge then; or now, without a way back: --now --confirm {plan.name}",
            )
