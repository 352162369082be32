"""Where a plan stands, folded from its journal: pure, so that every crash can be replayed in a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import assert_never

from msgspec import Struct, field

from migrate_safe.model.journal import Event, EventKind
from migrate_safe.model.plan import Phase, Plan
from migrate_safe.model.values import replace


class Running(Struct, frozen=True):
    """A step that began and has not ended: alive, or cut off by a crash. `undoing` is the way back.

    It can be alive only while the lease of that `token` is held.
    """

    step: str
    undoing: bool
    since: datetime
    token: int


class Failure(Struct, frozen=True):
    """The last failure that nothing has overcome since."""

    step: str | None
    reason: str
    at: datetime
    undoing: bool = False
    next_move: str = ""


class StepHistory(Struct, frozen=True):
    """What the journal says of one step: `attempts` counts starts and failures, forward and back."""

    attempts: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


class PlanState(Struct, frozen=True):
    """The state of one plan on one database. `done` are the ids of the finished steps, first to last."""

    done: tuple[str, ...] = ()
    running: Running | None = None
    failure: Failure | None = None
    history: Mapping[str, StepHistory] = field(default_factory=dict)
    closed: bool = False
    abandoned: bool = False
    """Whether it was closed on the way, with what was done kept."""
    seq: int = 0
    """Number of the last event seen."""

    @property
    def position(self) -> int:
        """How many steps are done."""
        return len(self.done)

    @property
    def untouched(self) -> bool:
        """Whether nothing of the plan is done or half-done."""
        return not self.done and self.running is None

    def of(self, step: str) -> StepHistory:
        """Give the history of a step, empty when it never began."""
        return self.history.get(step, StepHistory())


def fold(events: Iterable[Event], state: PlanState | None = None) -> PlanState:
    """Fold events, in order, into the state that they lead to."""
    now = PlanState() if state is None else state
    for event in events:
        now = after(now, event)
    return now


def after(state: PlanState, event: Event) -> PlanState:
    """Give the state after one more event."""
    state = replace(state, seq=event.seq)
    match event.kind:
        case EventKind.OPENED:
            return replace(state, closed=False, abandoned=False, failure=None)
        case EventKind.STARTED | EventKind.UNDO_STARTED:
            return _began(state, event)
        case EventKind.DONE:
            return _done(state, event)
        case EventKind.UNDONE:
            return _undone(state, event)
        case EventKind.FAILED:
            return _failed(state, event)
        case EventKind.CLOSED:
            abandoned = bool(event.detail.get("abandoned"))
            return replace(state, closed=True, abandoned=abandoned, running=None, failure=None)
        case _:
            assert_never(event.kind)


def stage(plan: Plan, position: int) -> str:
    """Name the place of a position: `baseline`, or the phase of the last step done."""
    return plan.steps[position - 1].phase.value if position else "baseline"


def contracted_at(plan: Plan, state: PlanState) -> datetime | None:
    """Give the moment the last contract step was done, None while one is missing.

    A plan without contract steps counts from its last step before purge.
    """
    end = plan.end_of(Phase.CONTRACT)
    if state.position < end or end == 0:
        return None
    return state.of(plan.steps[end - 1].id).finished


def _began(state: PlanState, event: Event) -> PlanState:
    assert event.step is not None
    running = Running(event.step, event.kind is EventKind.UNDO_STARTED, event.at, event.token)
    old = state.of(event.step)
    told = replace(old, attempts=old.attempts + 1, started=event.at, finished=None)
    return replace(state, running=running, history={**state.history, event.step: told}, closed=False)


def _done(state: PlanState, event: Event) -> PlanState:
    assert event.step is not None
    old = state.of(event.step)
    alone = state.running is None or state.running.step != event.step  # no STARTED came before: one transaction
    told = replace(
        old,
        attempts=old.attempts + (1 if alone else 0),
        started=event.at if alone else old.started,
        finished=event.at,
        detail=event.detail,
    )
    history = {**state.history, event.step: told}
    return replace(state, done=(*state.done, event.step), running=None, failure=None, history=history, closed=False)


def _undone(state: PlanState, event: Event) -> PlanState:
    assert event.step is not None
    also = event.detail.get("also")
    gone = {event.step, *(also if isinstance(also, list | tuple) else ())}
    history = {k: replace(v, finished=None) if k in gone else v for k, v in state.history.items()}
    done = tuple(s for s in state.done if s not in gone)
    return replace(state, done=done, running=None, failure=None, history=history, closed=False)


def _failed(state: PlanState, event: Event) -> PlanState:
    d = event.detail
    failure = Failure(
        event.step, str(d.get("reason", "")), event.at, bool(d.get("undoing")), str(d.get("next_move", ""))
    )
    if event.step is not None and (state.running is None or state.running.step != event.step):
        old = state.of(event.step)  # no STARTED came before, so this attempt has not been counted
        state = replace(state, history={**state.history, event.step: replace(old, attempts=old.attempts + 1)})
    return replace(state, failure=failure, running=state.running if d.get("leftover") else None)
