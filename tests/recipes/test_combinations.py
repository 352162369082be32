"""Random migrations on a real server: the plan ends where the plain form ends, and leads back from where it stopped."""

from __future__ import annotations

import random
from collections.abc import Iterator

import psycopg
import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.catalog.diff import diff
from tests.planner.test_properties import BASE, TEXTS, planned
from tests.recipes.lifecycle import Case, Life, assert_same
from tests.support.pg import PgTools

ROWS = """
INSERT INTO orgs SELECT g, 'c' || g FROM generate_series(1, 30) g;
INSERT INTO users (org, email, name, age) SELECT g, 'e' || g, 'n' || g, g + 1 FROM generate_series(1, 20) g;
"""
PER_SEED = 4


@pytest.fixture
def filled(each_server: ScratchServer) -> Iterator[str]:
    """The name of a database to copy."""
    dsn = each_server.create_database("filled")
    PgTools.of(each_server).psql(dsn, BASE + ROWS)
    yield "filled"
    each_server.drop_database(dsn)


@pytest.mark.parametrize("seed", range(3))
def test_random_migrations_end_as_plain_and_lead_back(seed: int, each_server: ScratchServer, filled: str) -> None:
    chance, tools, tried = random.Random(seed), PgTools.of(each_server), 0
    with psycopg.connect(each_server.dsn(filled), autocommit=True) as c:
        schema = read_schema(c)
    while tried < PER_SEED:
        text = ";\n".join(chance.choice(TEXTS) for _ in range(chance.randint(1, 5))) + ";"
        plan = planned(text, schema)
        if plan is None:
            continue
        plain, stepwise = (each_server.create_database(template=filled) for _ in range(2))
        try:
            tools.psql(plain, text)
        except AssertionError:
            continue  # the server refuses it for the rows that are there
        tried += 1
        with psycopg.connect(stepwise, autocommit=True) as c:
            c.execute("CREATE SCHEMA migrate_safe")
            it = Life(Case("random", "", text, (), ()), stepwise, c, {}, plan)
            list(it.forward(chance.randint(0, sum(1 for s in plan.steps if s.undo is not None))))
            list(it.back(0))
            assert diff(schema, read_schema(c)) == (), text
            list(it.forward(len(plan.steps)))
            assert_same(tools.dump_schema(stepwise), tools.dump_schema(plain))
        for dsn in (plain, stepwise):
            each_server.drop_database(dsn)
