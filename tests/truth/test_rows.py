"""What rows make the server refuse: each is predicted, and comes out both ways."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
import yaml
from msgspec import Struct

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.effects.compare import disagreements
from migrate_safe.effects.doubts import Rows
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script
from tests.truth.run import RESET, Bench, Case, predict


class Refusal(Struct, frozen=True):
    """A statement, with rows that the server takes and rows that it does not; of several, one transaction, the last.

    Before major `since` the server takes both.
    """

    rows: str
    sql: str
    taken: str
    refused: str
    since: int = 0


REFUSALS = [Refusal(**entry) for entry in yaml.safe_load((Path(__file__).parent / "rows.yaml").read_text())]


def test_every_kind_of_rows_is_shown() -> None:
    assert {r.rows for r in REFUSALS} == {r.name for r in Rows}


FEW, MANY = "generate_series(1, 20) i", "generate_series(1, 20000) i"


@pytest.mark.parametrize(
    ("rows", "targets", "by_index"), [(FEW, FEW, set()), (FEW, MANY, {"target"}), (MANY, MANY, {"t"})]
)
@pytest.mark.parametrize(
    "sql", ["ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES target", "ALTER TABLE t VALIDATE CONSTRAINT k"]
)
def test_statistics_decide_how_a_foreign_key_is_checked(
    bench: Bench, sql: str, rows: str, targets: str, by_index: set[str]
) -> None:
    setup = f"""
        CREATE TABLE target AS SELECT i AS id FROM {targets}; ALTER TABLE target ADD PRIMARY KEY (id);
        CREATE TABLE t AS SELECT i AS a, repeat('x', 300) AS wide FROM {rows}; CREATE INDEX ON t (a);
        ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES target NOT VALID; VACUUM ANALYZE t, target
    """
    connection = bench.connection
    connection.execute("RESET ALL")
    connection.execute(RESET)
    for statement in setup.split(";"):
        connection.execute(statement.encode())
    (analysed,) = predict(read_schema(connection), Case("rows", "", setup, sql))
    seen = bench.observer.watch(lambda: connection.execute(sql.encode()))
    assert disagreements(analysed.effect, seen) == ()
    unseen = {n.name for n in set(analysed.effect.scans) - set(seen.effect.scans)}
    assert by_index <= unseen
    assert bool(by_index) == bool(unseen)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: f"{r.rows}: {r.sql}")
def test_rows_decide(bench: Bench, refusal: Refusal) -> None:
    refusals, connection, unforeseen = [], bench.connection, "scans" if re.search("SELECT|DELETE", refusal.sql) else ""
    for setup in (refusal.taken, refusal.refused):
        connection.execute("RESET ALL")
        connection.execute(RESET)
        for statement in parse_script(Source("setup.sql", setup)).statements:
            connection.execute(statement.text.encode())
        *before, analysed = predict(read_schema(connection), Case("rows", "", setup, refusal.sql))
        pattern = ".+".join(map(re.escape, re.split(r"\{\}", Rows[refusal.rows])))
        assert any(re.fullmatch(pattern, reason) for reason in analysed.effect.refused_by)
        for statement in ("BEGIN", *(one.statement.text for one in before)) if before else ():
            connection.execute(statement.encode())
        seen = bench.observer.watch(partial(connection.execute, analysed.statement.text.encode()))
        connection.rollback()
        assert disagreements(analysed.effect, seen, unforeseen=unforeseen) == ()
        refusals.append(disagreements(replace(analysed.effect, refused_by=()), seen, unforeseen=unforeseen) != ())
    assert refusals == [False, True]
