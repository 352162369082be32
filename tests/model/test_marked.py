"""What knows where to look finds what going through everything finds, in the same order."""

from __future__ import annotations

import copy
import pickle

from hypothesis import given
from hypothesis import strategies as st

from migrate_safe.model.marked import Marked, bearing, changed, may_bear

Value = frozenset[str]

values = st.frozensets(st.sampled_from("abc"), max_size=3)
changes = st.lists(
    st.tuples(st.dictionaries(st.integers(0, 5), values, max_size=3), st.sets(st.integers(0, 5), max_size=2)),
    max_size=8,
)


def marks(value: Value, old: Value | None) -> Value:
    return value - (old or frozenset())


def found(mapping: dict[int, Value], mark: str) -> list[Value]:
    return [value for value in bearing(mapping, mark) if mark in value]


def scanned(mapping: dict[int, Value], mark: str) -> list[Value]:
    return [value for value in mapping.values() if mark in value]


@given(st.dictionaries(st.integers(0, 5), values), changes, st.sampled_from("abc"))
def test_every_version_finds_what_it_holds(start: dict[int, Value], steps, mark: str) -> None:
    versions: list[dict[int, Value]] = [start]
    for put, gone in steps:
        before = versions[-1]
        after = changed(before, marks, put, gone)
        assert after == {k: v for k, v in {**before, **put}.items() if k not in gone}
        found(after, mark)  # from now on it has a memory, which later versions share
        versions.append(after)
    for version in versions:
        assert found(version, mark) == scanned(version, mark)
        assert may_bear(version, mark) or not scanned(version, mark)


def test_one_version_branches_into_two() -> None:
    trunk = changed({1: frozenset("a")}, marks, {2: frozenset("b")})
    assert found(trunk, "a") == [frozenset("a")]
    left, right = trunk.changed({3: frozenset("a")}), trunk.changed({}, [1])
    assert found(left, "a") == [frozenset("a"), frozenset("a")]
    assert found(right, "a") == []
    assert found(trunk, "a") == [frozenset("a")]


def test_a_mark_that_was_never_there_is_borne_by_nothing() -> None:
    made = changed({1: frozenset("a")}, marks, {2: frozenset("b")})
    assert [may_bear(made, mark) for mark in "abc"] == [True, True, False]


def test_a_copy_is_whole() -> None:
    made = Marked(marks, {1: frozenset("a")})
    for other in (copy.copy(made), pickle.loads(pickle.dumps(made))):
        assert other == made
        assert found(other, "a") == [frozenset("a")]
