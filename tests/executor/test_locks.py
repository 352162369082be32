"""Watch, then queue: what is decided from what was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate_safe.executor import locks
from migrate_safe.executor.locks import GiveUp, Holder, Kick, Pause, Queue, TryNow, Watch, decide, observe
from migrate_safe.executor.settings import Settings
from migrate_safe.model.values import replace

S = Settings()


def holder(key: str = "3/1", age: float | None = 10.0, **more: object) -> Holder:
    return Holder(key, 1, "public.t", "RowExclusiveLock", age, **more)  # type: ignore[arg-type]


def seen(*holders: Holder, at: float = 0.0, lived: tuple[float, ...] = ()) -> Watch:
    return observe(Watch(started=0.0, lived=lived), at, holders)


def test_with_nobody_in_the_way_all_locks_are_tried_at_once() -> None:
    assert decide(seen(), 0.0, S, 0.5) == TryNow()


def test_a_young_holder_is_queued_behind_with_four_fifths_of_the_budget() -> None:
    assert decide(seen(holder(age=5.0)), 0.0, S, 0.5) == Queue(80)


def test_without_experience_an_older_holder_is_expected_to_live_as_long_again() -> None:
    assert decide(seen(holder(age=71.0)), 0.0, S, 0.5) == Queue(80)
    assert decide(seen(holder(age=73.0)), 0.0, S, 0.5) == Pause(5)


def test_experience_says_when_a_holder_will_end() -> None:
    lived = tuple([200.0] * 10)
    assert locks.expected_rest(seen(holder(age=150.0), lived=lived), 0.0) == 50.0
    assert decide(seen(holder(age=150.0), lived=lived), 0.0, S, 0.5) == Queue(80)
    assert decide(seen(holder(age=100.0), lived=lived), 0.0, S, 0.5) == Pause(5)


def test_the_expectation_is_the_seventieth_percentile() -> None:
    lived = tuple(float(x) for x in range(10, 110, 10))
    assert locks.expected_rest(seen(holder(age=0.0), lived=lived), 0.0) == 80.0


def test_the_longest_of_several_holders_counts() -> None:
    lived = (100.0,)
    assert locks.expected_rest(seen(holder("a", 90.0), holder("b", 10.0), lived=lived), 0.0) == 90.0


def test_nobody_queues_behind_an_old_holder() -> None:
    lived = tuple([1100.0] * 10)
    assert decide(seen(holder(age=1090.0), lived=lived), 0.0, S, 0.5) == Pause(20)


def test_two_queued_attempts_are_a_jittered_pause_apart() -> None:
    watch = replace(seen(holder(age=5.0)), queued_at=0.0)
    assert decide(watch, 60.0, S, 0.0) == Queue(80)
    assert decide(watch, 60.0, S, 1.0) == Pause(5)


def test_a_holder_that_ended_between_close_looks_teaches() -> None:
    watch = observe(seen(holder(age=40.0)), 10.0, ())
    assert watch.lived == (45.0,)


def test_an_end_during_our_own_wait_teaches_nothing() -> None:
    watch = observe(locks.after_queueing(seen(holder(age=40.0)), 5.0), 10.0, ())
    assert watch.lived == ()


def test_an_end_between_distant_looks_teaches_nothing() -> None:
    assert observe(seen(holder(age=40.0)), 30.0, ()).lived == ()


def test_an_age_that_may_not_be_seen_counts_from_the_first_look() -> None:
    watch = observe(seen(holder(age=None)), 25.0, (holder(age=None),))
    assert watch.age(watch.holders[0], 25.0) == 25.0


def test_autovacuum_is_asked_to_yield_but_not_all_the_time() -> None:
    vacuum = holder(age=5000.0, autovacuum=True)
    watch = seen(vacuum)
    assert decide(watch, 0.0, S, 0.5) == Kick()
    assert decide(observe(locks.after_kick(watch, 0.0), 10.0, (vacuum,)), 10.0, S, 0.5) == Pause(20)


def test_vacuum_against_wraparound_is_not_asked() -> None:
    assert decide(seen(holder(age=5000.0, autovacuum=True, wraparound=True)), 0.0, S, 0.5) == Pause(20)


@pytest.mark.parametrize(
    ("watch", "at", "words"),
    [
        (seen(holder()), 60_000.0, "no lock within the stall budget for 60.0 s"),
        (replace(seen(holder()), queued=40), 1.0, "no lock within the stall budget in 40 attempts"),
        (replace(seen(), overruns=6), 1.0, "6 attempts took longer than the stall budget of 100 ms"),
    ],
)
def test_giving_up_says_why(watch: Watch, at: float, words: str) -> None:
    assert decide(watch, at, S, 0.5) == GiveUp(words, watch.holders)


def test_after_an_overrun_the_pause_grows() -> None:
    first = locks.after_overrun(seen(), 0.0)
    second = locks.after_overrun(first, 0.0)
    assert decide(observe(first, 1.0, ()), 1.0, S, 0.5) == Pause(499.0)
    assert decide(observe(second, 1.0, ()), 1.0, S, 0.5) == Pause(999.0)
    assert decide(observe(first, 500.0, ()), 500.0, S, 0.5) == TryNow()


def test_a_holder_is_named_without_its_query() -> None:
    named = holder(age=90_000.0, application="shop@v41", user="shop", state="idle in transaction")
    assert str(named) == 'pid 1 (application "shop@v41", role shop, idle in transaction, transaction open for 90.0 s)'
    assert str(Holder("3/1", None, "t", "m", 180_000.0)) == "a prepared transaction (transaction open for 3 min)"
    assert str(Holder("3/1", 7, "t", "m")) == "pid 7"


@given(
    ages=st.lists(st.floats(0, 5000), max_size=4),
    lived=st.lists(st.floats(0, 5000), max_size=20),
    at=st.floats(0, 59_000),
    jitter=st.floats(0, 1),
)
def test_a_queue_is_only_entered_behind_holders_expected_to_end_in_time(
    ages: list[float], lived: list[float], at: float, jitter: float
) -> None:
    holders = tuple(holder(str(i), age) for i, age in enumerate(ages))
    watch = seen(*holders, at=at, lived=tuple(lived))
    match decide(watch, at, S, jitter):
        case Queue(ms):
            assert ms < S.stall_budget_ms
            assert max(ages) <= S.old_holder_ms
            assert locks.expected_rest(watch, at) <= 0.9 * ms
        case TryNow():
            assert not holders
        case Pause(ms):
            assert ms > 0
        case other:
            raise AssertionError(other)


def test_who_holds_only_what_comes_after_the_first_lock_is_never_queued_behind() -> None:
    assert decide(seen(holder(age=5.0, queueable=False)), 0.0, S, 0.5) == Pause(5)
    assert decide(seen(holder("a", age=5.0), holder("b", age=5.0, queueable=False)), 0.0, S, 0.5) == Pause(5)


def test_refusals_without_a_holder_in_sight_are_followed_by_growing_pauses() -> None:
    watch = seen()
    for pause in (5, 10, 20, 40):
        watch = observe(locks.after_refusal(watch, 100.0), 101.0, ())
        assert decide(watch, 101.0, S, 0.5) == Pause(pause - 1)
        assert decide(watch, 100.0 + pause, S, 0.5) == TryNow()
    assert decide(observe(watch, 102.0, (holder(age=5.0),)), 102.0, S, 0.5) == Queue(80)
    assert observe(watch, 102.0, (holder(),)).unseen == 0
