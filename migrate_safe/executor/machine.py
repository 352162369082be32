"""The machine that decides: from a plan and its state to a target position, one intent after the other.

It reads nothing and writes nothing itself. What it yields is done by somebody else, who sends back what came
of it or throws in what went wrong; so retry, resume and every way of stopping are tested without a database.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import assert_never

from migrate_safe.executor.fill import fill
from migrate_safe.executor.index_work import build_index, drop_index
from migrate_safe.executor.intents import (
    Check,
    FailedClean,
    Intent,
    LeaseLost,
    LostConnection,
    Offending,
    Record,
    Result,
    Talk,
    describe_failure,
)
from migrate_safe.executor.journaling import journal
from migrate_safe.executor.prove import prove
from migrate_safe.executor.settings import Settings
from migrate_safe.executor.state import PlanState, after
from migrate_safe.executor.throttle import clear
from migrate_safe.executor.transact import held_back, transact
from migrate_safe.model.errors import MigrateSafeError, Refused
from migrate_safe.model.journal import Entry, EventKind
from migrate_safe.model.plan import Backfill, BuildIndex, DropIndexConcurrently, Phase, Plan, Sql, Step, Verify
from migrate_safe.model.values import replace
from migrate_safe.planner.way_back import demands_ahead, is_raw

Machine = Generator[Intent, Result, PlanState]


def forward(plan: Plan, state: PlanState, target: int, settings: Settings) -> Machine:
    """Bring a plan up to a position; a take-back that was cut off is finished first.

    Does nothing when the plan is at or beyond the target.
    """
    state = yield from _finish_undo(plan, state, settings)
    first = state.position
    asked = _asked_at(plan, first)
    while state.position < target:
        step = plan.steps[state.position]
        if first < state.position in asked:
            yield from _ask_ahead(plan, state.position, target)
        state = yield from _step(plan, state, step, settings, undoing=False)
    if state.position == len(plan.steps) and not (state.closed and state.failure is None):
        state = yield from _close(plan, state, settings)
    return state


def _asked_at(plan: Plan, first: int) -> frozenset[int]:
    """Give where the rest of the way is asked about anew: before contract, and after raw SQL before migrate too."""
    expanded = plan.end_of(Phase.EXPAND)
    raw = any(is_raw(step, step.work) for step in plan.steps[first:expanded])
    return frozenset({plan.end_of(Phase.MIGRATE), *((expanded,) if raw else ())})


def _ask_ahead(plan: Plan, position: int, target: int) -> Generator[Intent, Result, None]:
    """Raise Refused before a phase begins when a step on the way would find what it cannot bear.

    At the beginning of the way that could not always be asked: the columns were not there, or not filled, or raw SQL
    was to change the rows.
    """
    for requirement in demands_ahead(plan, position, target):
        try:
            found = yield Check(requirement)
        except FailedClean:
            continue  # what cannot be asked from here is asked when its step comes
        assert isinstance(found, Offending)
        if found.count:
            raise held_back(requirement, found)


def back(plan: Plan, state: PlanState, target: int, settings: Settings) -> Machine:
    """Bring a plan down to a position, and clear away what a step begun beyond it has left.

    A step whose undo takes back others with it may lead below the target; the way up again is then part
    of the way. Raises Refused, before anything is changed, when a step on the way cannot be taken back.
    """
    if state.position < target:
        return state
    settings = replace(settings, heeds_pause=False)
    refuse_irreversible(plan, state, target)
    if state.running is not None and not state.running.undoing:
        state = yield from _step(plan, state, _named(plan, state.running.step), settings, undoing=True)
    state = yield from _finish_undo(plan, state, settings)
    while state.position > target:
        state = yield from _step(plan, state, plan.steps[state.position - 1], settings, undoing=True)
    if state.position < target:
        state = yield from forward(plan, state, target, settings)
    if state.position == 0 and not state.closed:
        state = yield from _close(plan, state, settings)
    return state


def keep(plan: Plan, state: PlanState, settings: Settings) -> Machine:
    """Close a plan as it stands: what is done stays, an index that is half-built or half-dropped goes."""
    running = state.running
    if running is not None:
        step = _named(plan, running.step)
        if isinstance(step.undo if running.undoing else step.work, BuildIndex | DropIndexConcurrently):
            state = yield from back(plan, state, state.position, settings)
    return state if state.closed else (yield from _close(plan, state, settings, abandoned=True))


def refuse_irreversible(plan: Plan, state: PlanState, target: int) -> None:
    """Raise Refused when the way back to a position passes a step that has no way back."""
    begun = {s.id for s in plan.steps[target : state.position]}
    if state.running is not None:
        begun.add(state.running.step)
    for step in plan.steps:
        if step.id in begun and step.undo is None:
            raise Refused(
                f'plan "{plan.name}" cannot be taken back: step "{step.id}" has run and {step.irreversible}',
                next_move="go forward with a new migration, or restore a backup",
            )


def check_position(plan: Plan, state: PlanState) -> None:
    """Raise Refused when the journal's finished steps are not the first steps of the plan."""
    ids = tuple(s.id for s in plan.steps)
    if state.done != ids[: state.position] or (state.running is not None and state.running.step not in ids):
        raise Refused(
            f'the journal of plan "{plan.name}" names steps that the plan does not have in this order',
            next_move="the journal was edited by hand; restore the table migrate_safe.event",
        )


def _finish_undo(plan: Plan, state: PlanState, settings: Settings) -> Machine:
    if state.running is not None and state.running.undoing:
        state = yield from _step(plan, state, _named(plan, state.running.step), settings, undoing=True)
    return state


def _step(plan: Plan, state: PlanState, step: Step, settings: Settings, *, undoing: bool) -> Machine:
    """Do or undo one step; whatever stops it is journaled before it goes on its way."""
    try:
        if not undoing:
            yield from clear(plan.name, settings, loads=False)
        event = yield from _work(plan, state, step, settings, undoing)
    except LeaseLost:
        raise
    except (MigrateSafeError, KeyboardInterrupt) as error:
        yield from _note_failure(plan, state, step, error, undoing=undoing)
        raise
    return after(state, event)


def _work(plan: Plan, state: PlanState, step: Step, settings: Settings, undoing: bool) -> Talk:
    work = step.undo if undoing else step.work
    assert work is not None, "refuse_irreversible lets no step without undo come here"
    resumed = state.running is not None and state.running.step == step.id and state.running.undoing == undoing
    kind = EventKind.UNDONE if undoing else EventKind.DONE
    end = Entry(plan.name, kind, step.id, {"also": list(step.takes_back)} if undoing and step.takes_back else {})
    match work:
        case Sql():
            return transact(work, end, state.seq, settings)
        case BuildIndex():
            return build_index(work, end, state.seq, settings, resumed=resumed or undoing)
        case DropIndexConcurrently():
            return drop_index(work, end, state.seq, settings)
        case Backfill():
            return fill(work, end, state.seq, settings, resumed=resumed)
        case Verify():
            return prove(work, end, state.seq, settings)
        case _:
            assert_never(work)


def _note_failure(
    plan: Plan, state: PlanState, step: Step, error: BaseException, *, undoing: bool
) -> Generator[Intent, Result, None]:
    reason, next_move = describe_failure(error)
    in_one_transaction = isinstance(step.undo if undoing else step.work, Sql) and state.running is None
    leftover = not in_one_transaction and not isinstance(error, FailedClean)
    detail = {"reason": reason, "next_move": next_move, "undoing": undoing, "leftover": leftover}
    entry = Entry(plan.name, EventKind.FAILED, step.id, detail)
    for _ in range(2):
        try:
            yield Record(entry)
        except LostConnection:
            continue  # a line twice does no harm
        except MigrateSafeError:
            pass  # the first error is what the user must see; the journal is then unreachable anyway
        return


def _close(plan: Plan, state: PlanState, settings: Settings, *, abandoned: bool = False) -> Machine:
    detail = {"abandoned": True, "kept": list(state.done)} if abandoned else {}
    event = yield from journal(Entry(plan.name, EventKind.CLOSED, None, detail), state.seq, settings)
    return after(state, event)


def _named(plan: Plan, step_id: str) -> Step:
    step = plan.step(step_id)
    assert step is not None, "check_position has compared journal and plan"
    return step
