"""Small decisions: batch size, lease, window, what a message says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate_safe.executor import compose, ranges
from migrate_safe.executor.batch import next_size, smaller
from migrate_safe.executor.compose import Session
from migrate_safe.executor.intents import Survey
from migrate_safe.executor.lease import Claim, claim, held_error
from migrate_safe.executor.settings import Settings
from migrate_safe.executor.state import fold
from migrate_safe.executor.window import due, waiting_time
from migrate_safe.model.journal import Entry, Event, EventKind, Lease
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Requirement, Sql
from migrate_safe.model.values import replace
from tests.executor.plans import USERS, sql

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = Lease("ci:7:ab", 3, "prod", NOW, NOW, NOW + timedelta(seconds=20), "ci", 7, (100, 101))
S = Settings()
SESSION = Session(7, "public", 16)
ENTRY = Entry("p", EventKind.DONE, "s")


@given(rows=st.integers(1, 50_000), ms=st.floats(0, 10_000))
def test_a_batch_grows_at_most_twofold_and_shrinks_to_its_target(rows: int, ms: float) -> None:
    size = next_size(rows, ms, 50.0, smallest=1, largest=50_000)
    assert 1 <= size <= min(50_000, 2 * rows)
    if ms > 50:
        assert size <= max(1, rows * 50 / ms)


def test_a_batch_that_was_cut_off_shrinks_to_a_quarter() -> None:
    assert (smaller(1000, smallest=10), smaller(20, smallest=10)) == (250, 10)


@pytest.mark.parametrize(
    ("lease", "alive", "expected"),
    [
        (None, (), Claim.TAKE),
        (LEASE, (100, 101), Claim.HELD),
        (LEASE, (100,), Claim.HELD),
        (LEASE, (101,), Claim.WAIT),
        (LEASE, (), Claim.TAKE),
        (replace(LEASE, expires=NOW), (100, 101), Claim.TAKE),
        (replace(LEASE, holder=None), (100, 101), Claim.TAKE),
        (replace(LEASE, backends=()), (), Claim.HELD),
    ],
)
def test_who_may_take_the_lease(lease: Lease | None, alive: tuple[int, ...], expected: Claim) -> None:
    assert claim(lease, NOW, frozenset(alive)) is expected


def test_a_held_lease_names_its_holder() -> None:
    assert (
        str(held_error(LEASE)) == 'lease held by "ci:7:ab" (host ci, pid 7) since 2026-01-01 12:00:00 UTC\n'
        "  next: wait for it to end (migrate-safe status shows it), then run this again"
    )


def test_windows() -> None:
    assert waiting_time("90m") == timedelta(minutes=90)
    assert waiting_time(None) == timedelta()
    assert due("7d", NOW) == NOW + timedelta(days=7)
    assert due("7d", None) is None


def test_a_message_takes_its_locks_up_front_and_only_the_first_may_wait() -> None:
    locks = (Lock(USERS, LockMode.ACCESS_EXCLUSIVE), Lock(Name("public", "b"), LockMode.SHARE_ROW_EXCLUSIVE))
    lines = compose.step_message(Sql(("DDL",), locks), locks, ENTRY, SESSION, S, wait_ms=80).split("\n")
    assert lines[:7] == [
        "BEGIN ISOLATION LEVEL READ COMMITTED;",
        "SELECT pg_catalog.set_config('search_path', 'public', true);",
        "SET LOCAL lock_timeout = 80;",
        "SET LOCAL statement_timeout = 100;",
        "SET LOCAL idle_in_transaction_session_timeout = 100;",
        "LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;",
        "LOCK TABLE public.b IN SHARE ROW EXCLUSIVE MODE NOWAIT;",
    ]
    assert lines[-1] == "COMMIT;"
    nowait = compose.step_message(Sql(("DDL",), locks), locks, ENTRY, SESSION, S)
    assert nowait.count("NOWAIT") == 2


def test_every_statement_under_a_lock_runs_with_what_is_left_of_the_budget() -> None:
    lock = (Lock(USERS, LockMode.ACCESS_EXCLUSIVE),)
    message = compose.step_message(Sql(("A", "B"), lock), lock, ENTRY, SESSION, S)
    assert message.count("set_config('statement_timeout'") == 3  # A, B, and the journal
    assert "transaction_timeout = 200" not in message
    assert "transaction_timeout = 200" in compose.step_message(
        Sql(("A",), lock), lock, ENTRY, replace(SESSION, server_major=17), S
    )


def test_a_step_that_holds_nobody_up_has_no_time_limit() -> None:
    work = sql("VALIDATE", mode=LockMode.SHARE_UPDATE_EXCLUSIVE)
    message = compose.step_message(work, compose.blocking(work.locks), ENTRY, SESSION, S)
    assert "SET LOCAL statement_timeout = 0;" in message
    assert "LOCK TABLE" not in message


@pytest.mark.parametrize(("wait_ms", "first"), [(None, 10), (80, 80)])
@pytest.mark.parametrize(("own", "limit"), [(compose.Own.SHORT, 100), (compose.Own.LONG, 0)])
def test_what_only_the_statements_can_lock_is_waited_for_within_the_budget(
    own: compose.Own, limit: int, wait_ms: int | None, first: int
) -> None:
    work = Sql(("A", "B"), (Lock(Name("public", "v"), LockMode.ACCESS_EXCLUSIVE),))
    message = compose.step_message(work, (), ENTRY, SESSION, S, own=own, wait_ms=wait_ms)
    assert "LOCK TABLE" not in message
    assert f"SET LOCAL statement_timeout = {limit};" in message
    before, _, after = message.partition("A;\n")
    assert f"SET LOCAL lock_timeout = {first};" in before
    assert "SET LOCAL lock_timeout = 10;" in after.partition("B;")[0]


def test_a_relation_is_locked_once_in_its_strongest_mode() -> None:
    weak, strong = Lock(USERS, LockMode.SHARE_ROW_EXCLUSIVE), Lock(USERS, LockMode.ACCESS_EXCLUSIVE)
    assert compose.blocking((weak, Lock(Name("a", "b"), LockMode.ROW_SHARE), strong)) == (strong,)


def test_a_trailing_comment_swallows_no_semicolon() -> None:
    assert compose.terminated("SELECT 1; ") == "SELECT 1;"
    assert compose.terminated("SELECT 1 -- one") == "SELECT 1 -- one\n;"
    assert compose.terminated("SELECT '--'\n, 2") == "SELECT '--'\n, 2;"


def test_a_guard_survives_quotes_and_percents() -> None:
    guard = compose.guard(Requirement("SELECT 1 WHERE 'a' LIKE '%'", "it's 100% wrong"))
    assert guard == (
        "DO 'BEGIN IF EXISTS (SELECT 1 WHERE ''a'' LIKE ''%'') THEN RAISE EXCEPTION ''it''''s 100%% wrong'' "
        "USING ERRCODE = ''MS002''; END IF; END';"
    )


def test_key_ranges_compare_whole_keys() -> None:
    survey = Survey(("a", "order"), ("text", "integer"), 10, 1)
    assert ranges.key_range(survey, ("x'y", "1"), ("z", "2")) == (
        """(a, "order") > ('x''y'::text, '1'::integer) AND (a, "order") <= ('z'::text, '2'::integer)"""
    )
    assert ranges.key_range(survey, None, ("z", "2")) == """(a, "order") <= ('z'::text, '2'::integer)"""


def event(seq: int, kind: EventKind, step: str | None = None, **detail: object) -> Event:
    return Event(seq, "p", kind, step, 1, NOW, detail)


def test_attempts_count_starts_and_failures_once() -> None:
    state = fold(
        (
            event(1, EventKind.OPENED),
            event(2, EventKind.FAILED, "a", reason="no lock"),
            event(3, EventKind.DONE, "a"),
            event(4, EventKind.STARTED, "b"),
            event(5, EventKind.FAILED, "b", reason="cut", leftover=True),
            event(6, EventKind.STARTED, "b"),
            event(7, EventKind.DONE, "b"),
        )
    )
    assert (state.of("a").attempts, state.of("b").attempts) == (2, 2)
    assert state.done == ("a", "b")
    assert state.failure is None


def test_a_failure_that_left_something_keeps_the_step_running() -> None:
    begun = (event(1, EventKind.STARTED, "b"), event(2, EventKind.FAILED, "b", reason="cut", leftover=True))
    assert fold(begun).running is not None
    assert fold((begun[0], event(2, EventKind.FAILED, "b", reason="cut"))).running is None
