from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, Refusal, life, live

CASE = Case(
    "nullable",
    """
    CREATE TABLE t (id int PRIMARY KEY, c text CONSTRAINT odd NOT NULL);
    INSERT INTO t (id, c) SELECT g, 'c' FROM generate_series(1, 50) g;
    """,
    """
    ALTER TABLE t ALTER c DROP NOT NULL;
    """,
    ("INSERT INTO t (id, c) VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING id, c",),
    ("UPDATE t SET c = 'n' || %(n)s::text WHERE id = 3 RETURNING id, c",),
    "SELECT id, c FROM t",
    "SELECT id, c FROM t",
    expected_phases=("expand",),
)


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


def test_the_way_back_shows_the_rows_without_a_value(database: str) -> None:
    with life(CASE, database) as it:
        list(it.forward(len(it.plan.steps)))
        it.owner.execute("UPDATE t SET c = NULL WHERE id = 7")
        with pytest.raises(Refusal, match=r"without c.*7"):
            list(it.back(0))
