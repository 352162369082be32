from __future__ import annotations

import psycopg
import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from migrate_safe.model.values import replace
from tests.recipes.lifecycle import Case, Refusal, life, live

SEEN = "SELECT id, c FROM p"
KEYS = Case(
    "keys",
    """
    CREATE TABLE p (id int, n int, c text) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF p FOR VALUES FROM (0) TO (100);
    CREATE TABLE high PARTITION OF p FOR VALUES FROM (100) TO (10000);
    INSERT INTO p SELECT g, g, 'c' FROM generate_series(1, 200) g;
    """,
    "ALTER TABLE p ADD CONSTRAINT once UNIQUE (n, id);",
    ("INSERT INTO p VALUES (300 + %(n)s, %(n)s, 'o') RETURNING id, c",),
    ("INSERT INTO p VALUES (300 + %(n)s, %(n)s, 'n') RETURNING id, c",),
    SEEN,
    SEEN,
    expected_phases=("contract",),
)


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(KEYS, each_server, each_database)


def test_a_primary_key_comes_by_partitions_before_its_not_null_is_theirs(
    each_server: ScratchServer, each_database: str
) -> None:
    primary = replace(KEYS, migration="ALTER TABLE p ADD PRIMARY KEY (id);")
    with psycopg.connect(each_database) as c:
        major = c.info.server_version // 10_000
    if major < 18:
        live(primary, each_server, each_database)
        return
    with pytest.raises(Refused, match="NOT NULL of their own"), life(primary, each_database):
        pass


def test_a_partition_that_came_since_planning_stops_the_key_before_it_is_made(database: str) -> None:
    with life(KEYS, database) as it:
        it.owner.execute("CREATE TABLE later PARTITION OF p FOR VALUES FROM (10000) TO (20000)")
        with pytest.raises(Refusal, match=r"partitions that this plan does not know.*later"):
            list(it.forward(len(it.plan.steps)))
