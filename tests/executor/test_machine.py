"""The machine on a database of thirty lines: every stop, every direction, every loss ends where it should."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate_safe.executor.drive import Stopped, drive
from migrate_safe.executor.intents import (
    Build,
    Busy,
    Check,
    Drop,
    FailedClean,
    Fill,
    IndexLook,
    IndexState,
    Inspect,
    Offending,
    Transact,
    Wait,
)
from migrate_safe.executor.machine import back, check_position, forward
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import Refused, StepFailed, TryLater
from migrate_safe.model.journal import EventKind
from migrate_safe.model.names import Name
from migrate_safe.model.plan import (
    Backfill,
    BuildIndex,
    DropIndexConcurrently,
    Phase,
    Requirement,
    Sql,
    Step,
    Verify,
)
from migrate_safe.model.values import replace
from tests.executor.plans import USERS, plan
from tests.executor.world import World, interrupted, lost

SETTINGS = Settings(batch_rows=4)


def sql_step(name: str, phase: Phase = Phase.EXPAND, **more: object) -> Step:
    return Step(name, phase, name, Sql((f"+{name}",)), Sql((f"-{name}",)), **more)  # type: ignore[arg-type]


def index(name: str) -> Step:
    where = Name("public", name)
    drop = DropIndexConcurrently(USERS, where)
    return Step(name, Phase.EXPAND, name, BuildIndex(USERS, where, f"CREATE INDEX CONCURRENTLY {name}"), drop)


FILL = Step("fill", Phase.MIGRATE, "fill", Backfill(USERS, (("b", "a"),), "b IS NULL"), Sql())
PROVE = Step("prove", Phase.MIGRATE, "prove", Verify(USERS, "b = a", "differs"), Sql())
# `set` takes the two helpers before it back as well: its own undo removes all three
SET = Step("set", Phase.CONTRACT, "set", Sql(("+set", "-helper")), Sql(("-set",)), takes_back=("helper", "valid"))
STORY = plan(
    sql_step("a"),
    index("i"),
    FILL,
    PROVE,
    sql_step("helper", Phase.CONTRACT),
    Step("valid", Phase.CONTRACT, "validate", Sql(), Sql()),
    SET,
    sql_step("hide", Phase.CONTRACT),
    index("j"),
    Step("k", Phase.CONTRACT, "drop i", DropIndexConcurrently(USERS, Name("public", "x")), Sql()),
)
END = len(STORY.steps)


def world_at(position: int) -> tuple[list[str], set[Name]]:
    """What must be there when the first steps are done."""
    done = {s.id for s in STORY.steps[:position]}
    made = [x for x in ("a", "helper", "set", "hide") if x in done]
    if "set" in done:
        made.remove("helper")
    return sorted(made), {Name("public", x) for x in ("i", "j") if x in done}


def assert_at(world: World, position: int) -> None:
    state = world.state
    check_position(STORY, state)
    assert (state.position, state.running) == (position, None)
    assert (sorted(world.made), set(world.indexes)) == world_at(position)
    if position > 2:
        assert not world.unset


def go(world: World, target: int, **more: int) -> None:
    """Go to a position from wherever the journal says, as apply or as rollback."""
    state = world.state
    machine = forward if state.position < target else back
    drive(machine(STORY, state, target, SETTINGS), world, **more)


@settings(max_examples=300, deadline=None)
@given(
    runs=st.lists(st.tuples(st.integers(0, END), st.integers(0, 40)), max_size=6),
    target=st.integers(0, END),
)
def test_any_stops_and_directions_end_exactly_at_the_target(runs: list[tuple[int, int]], target: int) -> None:
    world = World(unset=set(range(1, 11)))
    for aim, stop in runs:
        try:
            go(world, aim, stop_after=stop)
        except Stopped:
            check_position(STORY, world.state)
        else:
            assert_at(world, aim)
    go(world, target)
    if world.state.running is not None:  # a stop left a half-done step beyond a target that apply had reached
        drive(back(STORY, world.state, target, SETTINGS), world)
    assert_at(world, target)


@settings(max_examples=200, deadline=None)
@given(when=st.integers(1, 40), late=st.booleans(), target=st.integers(0, END))
def test_a_lost_connection_changes_nothing_in_the_end(when: int, late: bool, target: int) -> None:
    world = World(unset=set(range(1, 11)))
    setattr(world, "after" if late else "before", lost(when))
    go(world, END)
    assert_at(world, END)
    setattr(world, "after" if late else "before", lost(world.count + when))
    go(world, target)
    assert_at(world, target)


@settings(max_examples=100, deadline=None)
@given(when=st.integers(1, 30), late=st.booleans(), on=st.booleans())
def test_ctrl_c_anywhere_is_journaled_and_both_ways_lead_out(when: int, late: bool, on: bool) -> None:
    world = World(unset=set(range(1, 11)))
    setattr(world, "after" if late else "before", interrupted(when))
    try:
        go(world, END)
    except KeyboardInterrupt:
        last = world.events[-1]
        assert last.kind in (EventKind.FAILED, EventKind.CLOSED)
    world.before = world.after = lambda _, __: None
    target = END if on else 0
    go(world, target)
    if world.state.running is not None:
        drive(back(STORY, world.state, target, SETTINGS), world)
    assert_at(world, target)


def test_the_end_and_the_baseline_are_closed() -> None:
    world = World()
    go(world, END)
    assert world.state.closed
    go(world, 4)
    assert not world.state.closed
    go(world, 0)
    assert world.state.closed


def test_going_below_a_group_that_is_taken_back_together_comes_up_again() -> None:
    world = World()
    go(world, END)
    go(world, 5)
    assert_at(world, 5)
    assert [e.step for e in world.events if e.kind is EventKind.UNDONE] == ["k", "j", "hide", "set"]
    assert [e.step for e in world.events][-1] == "helper"


def test_apply_finishes_a_take_back_that_was_cut_off() -> None:
    world = World()
    go(world, 2)
    with pytest.raises(Stopped):
        go(world, 0, stop_after=2)
    assert world.state.running is not None
    assert world.state.running.undoing
    go(world, 3)
    assert_at(world, 3)


def test_apply_leaves_a_half_done_step_beyond_its_target_alone() -> None:
    world = World()
    with pytest.raises(Stopped):
        go(world, 2, stop_after=3)
    before = len(world.events)
    drive(forward(STORY, world.state, 1, SETTINGS), world)
    assert len(world.events) == before


def test_an_irreversible_step_is_refused_before_anything_is_taken_back() -> None:
    gone = Step("gone", Phase.PURGE, "gone", Sql(("-a",)), None, irreversible="drops a")
    p = plan(sql_step("a"), gone)
    world = World()
    drive(forward(p, world.state, 2, SETTINGS), world)
    count = len(world.events)
    with pytest.raises(Refused, match='step "gone" has run and drops a'):
        drive(back(p, world.state, 0, SETTINGS), world)
    assert len(world.events) == count


def test_a_journal_that_does_not_fit_the_plan_is_refused() -> None:
    world = World()
    go(world, 2)
    with pytest.raises(Refused, match="names steps that the plan does not have"):
        check_position(replace(STORY, steps=STORY.steps[1:]), world.state)


def test_a_broken_requirement_fails_the_step_and_says_the_keys() -> None:
    needs = Sql(("+a",), require=(Requirement("SELECT id FROM t", "mail is missing"),))
    p = plan(Step("a", Phase.EXPAND, "a", needs, Sql(("-a",))))
    world = Answering({Check: [Offending(2, ("1", "7"))]})
    with pytest.raises(StepFailed, match="mail is missing: 2 rows, first: 1, 7"):
        drive(forward(p, world.state, 1, SETTINGS), world)
    assert world.state.failure is not None
    assert world.state.running is None
    assert world.made == []
    drive(forward(p, world.state, 1, SETTINGS), world)
    assert world.made == ["a"]


@pytest.mark.parametrize(("ms", "guarded"), [(1.0, True), (60.0, False)])
def test_only_a_cheap_requirement_is_looked_at_again_under_the_lock(ms: float, guarded: bool) -> None:
    needs = Sql(("+a",), require=(Requirement("SELECT id FROM t", "mail is missing"),))
    world = Answering({Check: [Offending(0, (), ms)]})
    drive(forward(plan(Step("a", Phase.EXPAND, "a", needs, Sql())), world.state, 1, SETTINGS), world)
    sent = [x for x in world.log if isinstance(x, Transact)]
    assert bool(sent[0].guards) is guarded


def test_a_build_that_another_backend_runs_is_waited_for_and_then_taken_as_ours() -> None:
    world = Answering({})
    with pytest.raises(Stopped):
        go(world, 2, stop_after=6)  # after: gauge, a, gauge, look, STARTED, look
    busy = [IndexLook(IndexState.INVALID, (42,)), IndexLook(IndexState.INVALID, (42,)), IndexLook(IndexState.VALID)]
    world.answers = {Inspect: list(busy)}
    world.indexes[Name("public", "i")] = IndexState.VALID
    start = len(world.log)
    go(world, 2)
    assert_at(world, 2)
    assert not [x for x in world.log[start:] if isinstance(x, Build | Drop)]
    assert [x.reason for x in world.log if isinstance(x, Wait)] == ['backend 42 still works on index "public.i"'] * 2


def test_a_dead_leftover_is_dropped_before_the_next_build() -> None:
    world = World()
    with pytest.raises(Stopped):
        go(world, 2, stop_after=6)
    world.indexes[Name("public", "i")] = IndexState.INVALID
    go(world, 2)
    assert_at(world, 2)
    assert [type(x) for x in world.log if isinstance(x, Build | Drop)] == [Drop, Build]


def test_a_foreign_index_of_that_name_is_not_taken_for_ours() -> None:
    world = World(indexes={Name("public", "i"): IndexState.VALID})
    with pytest.raises(StepFailed, match="exists already, and this plan did not build it"):
        go(world, 2)
    assert world.state.position == 1


def test_a_failed_build_clears_its_leftover_away() -> None:
    world = Answering({Build: [FailedClean("could not create unique index (Key (email)=(x) is duplicated.)")]})
    world.invalid_after_build = True
    with pytest.raises(StepFailed, match="is duplicated"):
        go(world, 2)
    assert world.indexes == {}
    assert world.state.running is None


def test_a_batch_that_overran_is_tried_with_fewer_rows_and_a_locked_one_again() -> None:
    world = Answering({Fill: [Busy("timeout", overran=True), Busy("locked")]})
    world.unset = set(range(1, 11))
    go(world, 3)
    assert [x.rows for x in world.log if isinstance(x, Fill)][:4] == [4, 1, 1, 2]


def test_a_backfill_that_is_locked_out_gives_up_and_keeps_its_cursor() -> None:
    world = Answering({Fill: [Busy("row is locked")] * 500})
    with pytest.raises(TryLater, match="makes no headway: row is locked"):
        drive(forward(STORY, world.state, 3, Settings(batch_rows=4, give_up_after=5.0)), world)
    world.answers = {}
    go(world, 3)
    assert_at(world, 3)


def test_rows_that_stay_unset_are_a_fault_of_the_plan() -> None:
    world = World(unset={99})  # no walk passes it
    with pytest.raises(StepFailed, match="leaves rows unset that it cannot fill, first: 99"):
        go(world, 3)


def test_a_resumed_backfill_starts_at_its_cursor() -> None:
    world = World(unset=set(range(1, 11)))
    with pytest.raises(Stopped):
        go(world, 3, stop_after=14)
    start = len(world.log)
    go(world, 3)
    first = next(x for x in world.log[start:] if isinstance(x, Fill))
    assert first.progress.cursor == ("4",)
    assert_at(world, 3)


class Answering(World):
    """A world in which some intents are answered, or refused, by a script first."""

    def __init__(self, answers: dict[type, list[object]]) -> None:
        super().__init__()
        self.answers = answers
        self.invalid_after_build = False

    def perform(self, intent: object) -> object:  # type: ignore[override]
        waiting = self.answers.get(type(intent), [])
        if not waiting:
            return super().perform(intent)  # type: ignore[arg-type]
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            if self.invalid_after_build and isinstance(intent, Build):
                self.indexes[intent.work.index] = IndexState.INVALID
            raise answer
        return answer
