"""Bring a plan up to the end of a phase on a real database."""

from __future__ import annotations

import difflib
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.journal_table import is_writable, open_plan, read_events, read_plan
from migrate_safe.app.drift import check_planned, check_since
from migrate_safe.app.executing import (
    Outcome,
    Target,
    find_plan,
    journaled_plan,
    leased,
    opened,
    read_copy,
    refuse_others,
    rehearse,
    run,
    state_of,
)
from migrate_safe.app.preflight import (
    check_version,
    check_way_ahead,
)
from migrate_safe.app.rights import check_privileges, check_rights_ahead
from migrate_safe.app.submitted import still_wanted, tick_off
from migrate_safe.executor.machine import forward
from migrate_safe.executor.news import Tell, silent
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.executor.state import PlanState, fold
from migrate_safe.model.errors import Refused, UsageError
from migrate_safe.model.plan import Phase, Plan, bad_name
from migrate_safe.planner.codec import to_yaml


class Wish(Struct, frozen=True):
    """How far to go, and what may be overlooked: `accept_drift` names the tables or objects whose change may be.

    `dry_run` tells the SQL (as news) and sends nothing but reads; `schema` names what the plan was made from,
    so that drift can be told. `submitted` is the moment at which a worker was asked for it.
    """

    through: Phase = Phase.MIGRATE
    accept_drift: tuple[str, ...] = ()
    dry_run: bool = False
    schema: tuple[str, ...] = ()
    submitted: datetime | None = None


THROUGH_MIGRATE = Wish()


def apply(
    source: Path | str | Plan,
    target: Target,
    wish: Wish = THROUGH_MIGRATE,
    settings: Settings = DEFAULTS,
    *,
    tell: Tell = silent,
    stop_after: int | None = None,
) -> Outcome:
    """Run the steps of a plan that are still to do, through a phase (migrate, unless contract is asked for).

    Goes on where an earlier run stopped, however it ended. `stop_after` is for tests (see drive). Raises
    Refused on drift or a changed plan, TryLater when something is in the way, StepFailed when a step fails.
    """
    if wish.through is Phase.PURGE:
        raise UsageError("apply does not purge", next_move="migrate-safe purge PLAN, once its window has passed")
    given = find_plan(source)  # a bad file is told before anybody connects
    with opened(target, settings) as db:
        plan, state = ruling(db, given, wish)
        end = plan.end_of(wish.through)
        if wish.dry_run:
            check_since(db, plan, state, wish.accept_drift)
            check_way_ahead(db, plan, state.position, end, settings)
            return rehearse(db, plan, lambda p, s, t: forward(p, s, end, t), settings, tell)
        with leased(db, target, settings, tell) as performer:
            plan, state = ruling(db, given, wish)  # again: now nobody else can change it
            still_wanted(db, plan.name, wish.submitted)
            end = plan.end_of(wish.through)
            if state.position < end or state.running is not None:
                refuse_others(db, plan)
            known = check_since(db, plan, state, wish.accept_drift)
            check_way_ahead(db, plan, state.position, end, settings)
            if to_be_opened(db, plan, state):
                open_plan(db, performer.lease.token, plan, to_yaml(plan))
            came = run(
                performer,
                plan,
                lambda p, s, t: forward(p, s, end, t),
                settings,
                stop_after=stop_after,
                known=known,
                as_known=True,
            )
            tick_off(db, plan.name, wish.through, tell)
            return came


def ruling(db: Database, given: Plan | str, wish: Wish) -> tuple[Plan, PlanState]:
    """Give the plan that rules, and where it stands; changes nothing.

    Once a step has begun the journal's copy rules: raises Refused with the difference when the file says
    otherwise. Before, the file rules, and must fit the database.
    """
    if isinstance(given, str):
        plan = journaled_plan(db, given)
        state = state_of(db, plan)
    else:
        plan = given
        state = fold(read_events(db, plan.name)) if is_writable(db) else PlanState()
        kept = read_plan(db, plan.name) if not state.untouched else None
        if state.abandoned:
            state = state_of(db, plan)  # says why it cannot be
        if kept is not None and read_copy(kept) != plan:
            raise _changed(read_copy(kept), plan)
    check_version(db, plan)
    if state.untouched and (why := bad_name(plan.name)) is not None:
        raise UsageError(f"{plan.name!r} is no name for a plan: {why}", next_move="plan it anew under another: --name")
    if state.untouched:
        refuse_others(db, plan)  # first: what another open plan has changed is no drift that could be accepted
        check_planned(db, plan, wish.schema, wish.accept_drift)
    check_privileges(db, plan)
    check_rights_ahead(db, plan, state.position)
    return plan, state


def to_be_opened(db: Database, plan: Plan, state: PlanState) -> bool:
    """Say whether the journal must take in the plan: it is new there, or was closed at its start, or has changed."""
    kept = read_plan(db, plan.name)
    return kept is None or (state.untouched and (state.closed or read_copy(kept) != plan))


def plan_difference(kept: Plan, given: Plan) -> tuple[str, ...]:
    """Give the lines of a diff between the journal's copy of a plan and its file; none where they say the same."""
    if kept == given:
        return ()
    old, new = to_yaml(kept).splitlines(), to_yaml(given).splitlines()
    return tuple(difflib.unified_diff(old, new, "journal", "file", lineterm="", n=1))


def _changed(kept: Plan, given: Plan) -> Refused:
    lines = "\n".join(plan_difference(kept, given))
    return Refused(
        f'plan "{given.name}" has begun, and its file no longer says the same:\n{lines}',
        next_move=f"go on with the journal's copy: apply {given.name}; change the steps that have not begun: "
        f"replan FILE; or take it back first: rollback {given.name} --to baseline",
    )
