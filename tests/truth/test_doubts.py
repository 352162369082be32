"""What an effect depends on: each doubt comes out both ways."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import yaml
from msgspec import Struct

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.effects.analyse import analyse
from migrate_safe.effects.compare import disagreements
from migrate_safe.effects.doubts import Doubt
from migrate_safe.model.effect import BreakKind, Effect, Observed
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script
from tests.truth.run import RESET, Bench, doubt_of


class Wager(Struct, frozen=True):
    """A statement in doubt, with the set-ups of its two outcomes."""

    doubt: str
    sql: str
    as_predicted: str
    otherwise: str
    seen: str | None = None
    refused: str = ""
    """A write that fails afterwards: the worse outcome is not one of locks."""
    unforeseen: str = ""
    more: bool = False


WAGERS = [Wager(**entry) for entry in yaml.safe_load((Path(__file__).parent / "doubts.yaml").read_text())]


def test_every_doubt_is_shown() -> None:
    assert sorted(w.doubt for w in WAGERS) == sorted(d.name for d in Doubt)


@pytest.mark.parametrize("wager", WAGERS, ids=lambda w: w.doubt)
def test_both_outcomes_happen(bench: Bench, wager: Wager) -> None:
    outcomes = {}
    for setup in (wager.as_predicted, wager.otherwise):
        predicted, seen, refused = _played(bench, wager, setup)
        assert Doubt[wager.doubt] in map(doubt_of, predicted.depends)
        if not wager.more:
            assert disagreements(predicted, seen, unforeseen=wager.unforeseen) == ()
        if wager.refused:
            assert BreakKind.WRITE_REFUSED in {b.kind for b in predicted.breaks}
        exact = disagreements(replace(predicted, depends=()), seen, unforeseen=wager.unforeseen)
        outcomes[setup] = exact == () and (refused or not wager.refused)
    assert outcomes == {wager.as_predicted: True, wager.otherwise: False}


def _played(bench: Bench, wager: Wager, setup: str) -> tuple[Effect, Observed, bool]:
    connection = bench.connection
    connection.execute("RESET ALL")
    connection.execute(RESET)
    for statement in parse_script(Source("setup.sql", setup)).statements:
        connection.execute(statement.text.encode())
    before = read_schema(connection) if wager.seen is None else _told(bench, wager.seen)
    (analysed,) = analyse(parse_script(Source("case.sql", wager.sql)), before)
    seen = bench.observer.watch(lambda: connection.execute(wager.sql.encode()))
    refused = False
    if wager.refused:
        with suppress(psycopg.errors.NotNullViolation):
            connection.execute(wager.refused.encode())
            return analysed.effect, seen, refused
        refused = True
    return analysed.effect, seen if wager.more else _nameable(seen, analysed.effect, before), refused


def _told(bench: Bench, sql: str) -> Schema:
    """Give what a linter knows that has read some statements and no server."""
    empty = Schema(server_version=bench.connection.info.server_version // 10000)
    script = analyse(parse_script(Source("seen.sql", sql)), empty)
    return script[-1].after if script else empty


def _nameable(seen: Observed, predicted: Effect, before: Schema) -> Observed:
    """Leave out indexes of which nothing was told, so that nobody could predict their locks."""
    if before.complete:
        return seen
    named = {lock.relation for lock in predicted.locks}
    locks = tuple(lock for lock in seen.effect.locks if lock.relation in named)
    return replace(seen, effect=replace(seen.effect, locks=locks, rewrites=_within(seen.effect.rewrites, named)))


def _within(names: tuple, known: set) -> tuple:
    return tuple(n for n in names if n in known)
