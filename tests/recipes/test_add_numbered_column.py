from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, life, live

BEFORE = "CREATE TABLE t (a int, c text); INSERT INTO t SELECT g, 'c' FROM generate_series(1, 90) g;"
OLD = ("INSERT INTO t (a, c) VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING a, c",)
SEEN = "SELECT a, c FROM t"


def case(name: str, migration: str, new: str) -> Case:
    return Case(name, BEFORE, migration, OLD, (*OLD, new), SEEN, SEEN, expected_phases=("expand", "migrate"))


CASES = (
    case(
        "serial",
        'ALTER TABLE t ADD "I d" serial PRIMARY KEY;',
        "INSERT INTO t (a, c, \"I d\") VALUES (500 + %(n)s, 'n', -%(n)s) RETURNING a, c",
    ),
    case(
        "identity",
        "ALTER TABLE t ADD id bigint GENERATED ALWAYS AS IDENTITY (START 7 INCREMENT 3 CYCLE) PRIMARY KEY;",
        "INSERT INTO t (a, c) VALUES (500 + %(n)s, 'n') RETURNING a, c",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


def test_numbers_go_on_behind_those_that_were_drawn(database: str) -> None:
    with life(CASES[1], database) as it:
        list(it.forward(len(it.plan.steps)))
        assert it.owner.execute("INSERT INTO t DEFAULT VALUES RETURNING id").fetchall() == [(7 + 90 * 3,)]
