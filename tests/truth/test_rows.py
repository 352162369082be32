"""What rows make the server refuse: each is predicted, and comes out both ways."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.effects.compare import disagreements
from migrate_safe.effects.doubts import Rows
from tests.truth.run import RESET, Bench, Case, predict


@dataclass(frozen=True)
class Refusal:
    """A statement, with rows that the server takes and rows that it does not."""

    rows: str
    sql: str
    taken: str
    refused: str


REFUSALS = [Refusal(**entry) for entry in yaml.safe_load((Path(__file__).parent / "rows.yaml").read_text())]


def test_every_kind_of_rows_is_shown() -> None:
    assert {r.rows for r in REFUSALS} == {r.name for r in Rows}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: f"{r.rows}: {r.sql}")
def test_rows_decide(bench: Bench, refusal: Refusal) -> None:
    refusals, connection = [], bench.connection
    for setup in (refusal.taken, refusal.refused):
        connection.execute("RESET ALL")
        connection.execute(RESET)
        connection.execute(setup.encode())
        (analysed,) = predict(read_schema(connection), Case("rows", "", setup, refusal.sql))
        pattern = ".+".join(map(re.escape, re.split(r"\{\}", Rows[refusal.rows])))
        assert any(re.fullmatch(pattern, reason) for reason in analysed.effect.refused_by)
        seen = bench.observer.watch(lambda: connection.execute(refusal.sql.encode()))
        assert disagreements(analysed.effect, seen) == ()
        refusals.append(disagreements(replace(analysed.effect, refused_by=()), seen) != ())
    assert refusals == [False, True]
