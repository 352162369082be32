"""What counts as a difference between prediction and observation, and what nobody could have seen."""

from __future__ import annotations

import pytest

from migrate_safe.effects.combine import locking, merge, scanning
from migrate_safe.effects.compare import disagreements
from migrate_safe.model.effect import Effect, Observed, TransactionRule
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.values import replace

T, U, INDEX = Name("public", "t"), Name("public", "u"), Name("public", "t_a")
AX, SUX, AS = LockMode.ACCESS_EXCLUSIVE, LockMode.SHARE_UPDATE_EXCLUSIVE, LockMode.ACCESS_SHARE
STRONG, WEAK = locking(AX, T), locking(AS, T)
ALONE = Observed(locking(SUX, T), inside=False, unsure=frozenset({INDEX}))


@pytest.mark.parametrize(
    ("predicted", "seen"),
    [
        (STRONG, WEAK),
        (WEAK, STRONG),
        (STRONG, Effect()),
        (Effect(), STRONG),
        (merge(STRONG, locking(AX, U)), STRONG),
        (scanning(T), Effect()),
        (Effect(), scanning(T)),
        (Effect(rewrites=(T,)), Effect()),
        (Effect(builds=(T,)), Effect(builds=(U,))),
        (Effect(fails="no"), Effect()),
        (Effect(), Effect(fails="no")),
        (Effect(transaction=TransactionRule.FORBIDDEN), Effect()),
    ],
    ids=str,
)
def test_what_differs_is_said(predicted: Effect, seen: Effect) -> None:
    assert len(disagreements(predicted, Observed(seen))) == 1
    assert disagreements(predicted, Observed(predicted)) == disagreements(seen, Observed(seen)) == ()


def test_in_doubt_only_the_worse_is_right() -> None:
    doubted = replace(merge(STRONG, scanning(T)), depends=("something",))
    assert disagreements(doubted, Observed(STRONG)) == ()
    assert disagreements(doubted, Observed(merge(WEAK, scanning(T)))) == ()
    assert disagreements(doubted, Observed(merge(STRONG, scanning(T, U)))) != ()
    assert disagreements(replace(WEAK, depends=("something",)), Observed(STRONG)) != ()


def test_of_the_unknown_nothing_was_predicted() -> None:
    assert disagreements(Effect(unknown="anything"), Observed(merge(STRONG, scanning(T)))) == ()


def test_two_failures_agree_whatever_else_happened() -> None:
    assert disagreements(replace(STRONG, fails="no"), Observed(Effect(fails="never"))) == ()


@pytest.mark.parametrize(
    ("predicted", "said", "sqlstate", "agree"),
    [
        ("relation public.t does not exist", 'relation "t" does not exist', "42P01", True),
        ("relation public.t does not exist", 'relation "t" already exists', "42P07", False),
        ("relation public.t already exists", 'relation "t" already exists', "42P07", True),
        ("relation public.t already exists", 'relation "u" does not exist', "42P01", False),
        ("view public.v depends on public.t", "cannot drop t because other objects depend on it", "2BP01", True),
        ("view public.v depends on public.t", 'must be owner of table "t"', "42501", False),
        ("public.t is not a view", 'must be owner of table "t"', "42501", False),
        ("public.t is not a view", '"t" is not a view', "42809", True),
        ("cannot run inside a transaction block", "VACUUM cannot run inside a transaction block", "25001", True),
        ("public.t is not a view", "VACUUM cannot run inside a transaction block", "25001", False),
        ("PostgreSQL 14 does not know MERGE, which 15 brought", 'syntax error at or near "MERGE"', "42601", True),
    ],
)
def test_two_refusals_have_one_reason(predicted: str, said: str, sqlstate: str, agree: bool) -> None:
    seen = Observed(Effect(fails=said), sqlstate=sqlstate)
    assert (disagreements(Effect(fails=predicted), seen) == ()) == agree


def test_locks_held_before_are_not_seen_again() -> None:
    assert disagreements(STRONG, Observed(Effect(), held=(Lock(T, AX),))) == ()
    assert disagreements(STRONG, Observed(Effect(), held=(Lock(T, SUX),))) != ()


def test_empty_tables_show_no_scan_but_a_rewrite() -> None:
    assert disagreements(scanning(T), Observed(Effect(), empty=frozenset({T}))) == ()
    assert disagreements(Effect(rewrites=(T,)), Observed(Effect(), empty=frozenset({T}))) != ()


def test_what_nobody_stood_in_the_way_of_may_have_passed_unseen() -> None:
    assert disagreements(merge(locking(SUX, T), locking(AX, INDEX)), ALONE) == ()
    assert disagreements(merge(locking(SUX, T), locking(AX, INDEX)), replace(ALONE, unsure=frozenset())) != ()
    unpredicted = replace(ALONE, effect=merge(locking(SUX, T), locking(AS, INDEX)))
    assert disagreements(locking(SUX, T), unpredicted) != ()


def test_of_one_table_after_the_other_each_is_seen() -> None:
    both = locking(SUX, T, U)
    assert disagreements(both, ALONE) != ()
    assert disagreements(both, replace(ALONE, effect=locking(AX, T, U))) != ()
    assert disagreements(both, replace(ALONE, effect=both)) == ()


def test_a_wait_is_seen() -> None:
    waits = replace(locking(SUX, T), waits_for_old_transactions=True)
    assert disagreements(waits, ALONE) != ()
    assert disagreements(locking(SUX, T), replace(ALONE, effect=waits)) != ()
    queued = replace(locking(AX, T), waits_for_old_transactions=True)
    assert disagreements(queued, replace(ALONE, effect=locking(AX, T))) != ()


def test_how_a_query_reads_can_be_left_open() -> None:
    assert disagreements(scanning(T), Observed(Effect()), unforeseen="scans") == ()
    assert disagreements(merge(STRONG, scanning(T)), Observed(Effect()), unforeseen="scans") != ()
