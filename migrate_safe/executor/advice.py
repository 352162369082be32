"""Which command leads on from where a plan stands, and which leads back."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from migrate_safe.executor.state import PlanState, contracted_at
from migrate_safe.executor.window import due
from migrate_safe.model.journal import Lease
from migrate_safe.model.plan import Phase, Plan

_AGAIN = "run this again"
"""How whatever stopped a command names that command."""


def next_move(plan: Plan, state: PlanState, lease: Lease | None, orphans: tuple[int, ...], now: datetime) -> str:
    """Say what to do next about a plan; `orphans` are backends that still work for a dead executor."""
    if state.abandoned:
        return "nothing: abandoned, with what was done kept; plan what is left anew, under another name"
    if state.closed and state.position and state.failure is None:
        return "nothing: all done"
    if orphans:
        pids = ", ".join(map(str, orphans))
        on = onward(plan, state.running.step if state.running else None)
        return f"{on} waits for what the dead executor left at work (pid {pids}), then goes on"
    if lease is not None:
        return f'wait: "{lease.holder}" is at work'
    if state.untouched and state.failure is None:
        return f"apply {plan.name}"
    if state.failure is not None and state.failure.next_move and not _begun_since(state):
        return _after_failure(plan, state)
    stopped = state.running or state.failure
    if stopped is not None:
        on, back = onward(plan, stopped.step), backward(plan, stopped.step)
        if state.running is not None and state.running.undoing:
            return f"its way back was cut off: {back} finishes it ({on} takes it back, then goes on)"
        return f"it was cut off: {on} goes on, {back} goes back"
    if state.position == len(plan.steps):
        return f"apply {plan.name}: every step is done, which is still to be written down"
    return _next_phase(plan, state, now)


def onward(plan: Plan, step: str | None) -> str:
    """Give the command that does a step, and what is left of its phase."""
    match _phase(plan, step):
        case None | Phase.EXPAND | Phase.MIGRATE:
            return f"apply {plan.name}"
        case Phase.CONTRACT:
            return f"apply {plan.name} --through contract"
        case Phase.PURGE:
            return f"purge {plan.name}"
        case phase:
            assert_never(phase)


def backward(plan: Plan, step: str | None) -> str:
    """Give the command that takes a step back, with what was done before it: contract, or all."""
    early = _phase(plan, step) in (None, Phase.EXPAND, Phase.MIGRATE)
    return f"rollback {plan.name}{' --to baseline' if early else ''}"


def _phase(plan: Plan, step: str | None) -> Phase | None:
    found = None if step is None else plan.step(step)
    return None if found is None else found.phase


def _begun_since(state: PlanState) -> bool:
    """Say whether the step that failed was begun again, and cut off then."""
    running, failure = state.running, state.failure
    return running is not None and failure is not None and running.since > failure.at


def _after_failure(plan: Plan, state: PlanState) -> str:
    """Give the advice of what failed, with the command that goes on the same way, and the one that goes the other."""
    failure = state.failure
    assert failure is not None
    on, back = onward(plan, failure.step), backward(plan, failure.step)
    same, other = (back, f"forward again: {on}") if failure.undoing else (on, f"back: {back}")
    told = failure.next_move
    named = told.replace(_AGAIN, same, 1) if _AGAIN in told else f"{told}; then {same}"
    return f"{named} (or go {other})"


def _next_phase(plan: Plan, state: PlanState, now: datetime) -> str:
    step = plan.steps[state.position]
    match step.phase:
        case Phase.EXPAND | Phase.MIGRATE:
            return f"apply {plan.name}"
        case Phase.CONTRACT if state.position > plan.end_of(Phase.MIGRATE):
            return f"contract has begun: {onward(plan, step.id)} goes on, {backward(plan, step.id)} goes back"
        case Phase.CONTRACT:
            return f"when no old app version is left: apply {plan.name} --through contract"
        case Phase.PURGE:
            opens = due(step.not_before, contracted_at(plan, state))
            when = f" from {opens:%Y-%m-%d %H:%M %Z}" if opens is not None and opens > now else ""
            return f"purge {plan.name}{when}; until then rollback {plan.name} takes contract back"
