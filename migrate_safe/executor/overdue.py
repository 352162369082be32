"""Plans that have been left lying."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from migrate_safe.executor.state import PlanState, contracted_at
from migrate_safe.executor.window import due
from migrate_safe.model.plan import Phase, Plan

CUT_OFF = timedelta(days=1)
"""How long a step may stay cut off or failed before it is complained about."""


def overdue(plan: Plan, state: PlanState, now: datetime, patience: timedelta, *, alive: bool = False) -> Iterator[str]:
    """Say what of an open plan has waited for longer than it should; `alive` says that somebody is at work on it.

    `patience` is for what waits for a person: the next phase, or a purge whose window has passed.
    """
    if state.closed or state.untouched or alive:
        return
    if state.running is not None and now - state.running.since > CUT_OFF:
        yield f'step "{state.running.step}" was cut off {_days(now - state.running.since)} ago and left half-way'
    elif state.failure is not None and now - state.failure.at > CUT_OFF:
        yield f"it failed {_days(now - state.failure.at)} ago, and nobody has gone on or back since"
    elif state.position < plan.end_of(Phase.CONTRACT):
        last = _last(state)
        if last is not None and now - last > patience:
            yield f"nothing has happened for {_days(now - last)}; old and new form are both kept until contract"
    else:
        yield from _purge(plan, state, now, patience)


def _purge(plan: Plan, state: PlanState, now: datetime, patience: timedelta) -> Iterator[str]:
    contracted = contracted_at(plan, state)
    opens = [due(s.not_before, contracted) for s in plan.steps[state.position :]]
    late = [moment for moment in opens if moment is not None and now - moment > patience]
    if late:
        yield f"what it retired may be purged since {min(late):%Y-%m-%d}, and is still there"


def _last(state: PlanState) -> datetime | None:
    moments = [at for h in state.history.values() for at in (h.started, h.finished) if at is not None]
    return max(moments, default=None)


def _days(time: timedelta) -> str:
    days = max(1, time.days)
    return f"{days} day{'s' * (days != 1)}"
