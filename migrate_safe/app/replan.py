"""Change what of an open plan has not begun yet."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.journal_table import replace_plan
from migrate_safe.adapters.touched import forget_seen
from migrate_safe.app.apply import plan_difference
from migrate_safe.app.executing import Target, find_plan, journaled_plan, leased, opened, refuse_others, state_of
from migrate_safe.app.preflight import check_version
from migrate_safe.app.rights import check_privileges, check_rights_ahead
from migrate_safe.app.submitted import take_off
from migrate_safe.executor.news import Tell, silent
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.executor.state import PlanState
from migrate_safe.model.errors import Refused, UsageError
from migrate_safe.model.plan import Plan
from migrate_safe.planner.codec import to_yaml


class Replanned(Struct, frozen=True):
    """What has changed: `difference` are the lines of a diff of both plans, none when they say the same.

    `more_tables` says that the plan touches tables which it did not before.
    """

    plan: Plan
    position: int
    difference: tuple[str, ...]
    more_tables: bool = False


def replan(
    source: Path | str | Plan,
    target: Target,
    settings: Settings = DEFAULTS,
    *,
    dry_run: bool = False,
    tell: Tell = silent,
) -> Replanned:
    """Put a plan file in the place of the journal's copy, where they differ in steps that have not begun.

    Raises Refused when a step that was done or begun would be changed, UsageError for a plan that has not begun.
    """
    given = find_plan(source)
    if isinstance(given, str):
        raise UsageError(f'"{given}" is no plan file', next_move="name the file with the changed plan")
    with opened(target, settings) as db:
        found = _checked(db, given)
        if dry_run or not found.difference:
            return found
        with leased(db, target, settings, tell) as performer:
            found = _checked(db, given)
            take_off(db, given.name, tell, f"that was the plan as it was; as it is now: submit {given.name}")
            replace_plan(db, performer.lease.token, given, to_yaml(given))
            if found.more_tables:
                forget_seen(db, given.name)  # what was seen does not tell of them
            return found


def _checked(db: Database, given: Plan) -> Replanned:
    kept = journaled_plan(db, given)
    state = state_of(db, kept)
    if state.closed and state.position:
        raise UsageError(
            f'plan "{kept.name}" is closed: every step of it is done',
            next_move="plan what is left to do anew, under another name",
        )
    if state.closed or state.untouched:
        raise UsageError(
            f'plan "{kept.name}" is not open: no step of it is done',
            next_move="apply takes the file as it is: apply FILE",
        )
    _refuse_rewriting(kept, given, state)
    lost = sorted(set(kept.touches) - set(given.touches))
    if lost:
        raise Refused(
            f'the changed plan "{kept.name}" no longer touches "{lost[0]}", which steps that are done have changed',
            next_move='leave it among "touches" of the file',
        )
    check_version(db, given)
    refuse_others(db, given)
    check_privileges(db, given)
    check_rights_ahead(db, given, state.position)
    return Replanned(given, state.position, plan_difference(kept, given), set(given.touches) != set(kept.touches))


def _refuse_rewriting(kept: Plan, given: Plan, state: PlanState) -> None:
    begun = [step for step in kept.steps if step.id in state.done]
    if state.running is not None and state.running.step not in state.done:
        begun += [step for step in kept.steps if step.id == state.running.step]
    for at, step in enumerate(begun):
        if at >= len(given.steps) or given.steps[at] != step:
            done = "is done" if step.id in state.done else "has begun"
            raise Refused(
                f'step "{step.id}" {done} and cannot be changed, moved or left out',
                next_move="leave it in the file as it was; or take it back first: "
                f"rollback {kept.name} --to {begun[at - 1].id if at else 'baseline'}",
            )
