"""Predicted = observed: locks, rewrites, scans, builds, refusals, and the schema afterwards."""

from __future__ import annotations

import pytest

from migrate_safe.effects.compare import disagreements
from migrate_safe.model.effect import Analysed
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.values import replace
from tests.truth.run import Bench, Case, all_cases, catalog_differences, doubt_of, schema_left

MANY = 5500


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: f"{c.file}: {c.name}")
def test_statement_does_what_is_predicted(bench: Bench, case: Case) -> None:
    played = bench.play(case)
    assert [a.effect.unknown for a in played.analysed if a.effect.unknown] == []
    depends = [doubt_of(reason) for a in played.analysed for reason in a.effect.depends]
    assert bool(depends) == bool(case.depends), depends
    less, doubtful = False, set[Name]()
    for one, seen in zip(played.analysed, played.seen, strict=False):
        assert disagreements(one.effect, seen, unforeseen=case.unforeseen) == (), one.statement.text
        assert _surely_held(one, one.held, doubtful) == _surely_held(one, seen.held, doubtful), one.statement.text
        assert set(_held(one, seen.held)) <= set(_held(one, one.held)), one.statement.text
        doubtful |= {lock.relation for lock in one.effect.locks} if one.effect.depends else set()
        less |= disagreements(replace(one.effect, depends=()), seen, unforeseen=case.unforeseen) != ()
    failed = any(seen.effect.fails for seen in played.seen)
    assert less == (case.depends == "less" and not failed)
    assert catalog_differences(schema_left(played.before, played.analysed), played.after) == []


def _held(one: Analysed, locks: tuple[Lock, ...]) -> dict[Name, LockMode]:
    """Give the locks held on relations that others can use: those that the transaction made itself are its own."""
    known = {*one.before.tables, *one.before.views, *one.before.sequences} - one.born
    return {lock.relation: lock.mode for lock in locks if lock.relation in known}


def _surely_held(one: Analysed, locks: tuple[Lock, ...], doubtful: set[Name]) -> dict[Name, LockMode]:
    """Give them but for relations that an earlier statement may have locked or not: which it does is in doubt."""
    return {name: mode for name, mode in _held(one, locks).items() if name not in doubtful}


def test_there_are_many_cases_and_none_twice() -> None:
    texts = [(c.base, c.setup, c.sql, c.session) for c in all_cases()]
    assert len(texts) >= MANY
    assert len(set(texts)) == len(texts)
