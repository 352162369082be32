from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.plan import PlanRequest, plan
from migrate_safe.app.rollback import BASELINE, rollback
from migrate_safe.model.errors import Refused
from migrate_safe.model.plan import Phase
from migrate_safe.model.values import replace
from tests.recipes.lifecycle import Case, Refusal, life, live
from tests.support.pg import PgTools

BEFORE = """
CREATE TABLE far (id int PRIMARY KEY);
INSERT INTO far SELECT g FROM generate_series(0, 9) g;
CREATE TABLE p (id int, n int, c text NOT NULL CONSTRAINT told CHECK (c <> '')) PARTITION BY RANGE (id);
CREATE TABLE low PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE TABLE high PARTITION OF p FOR VALUES FROM (100) TO (10000) PARTITION BY LIST (n);
CREATE TABLE rest PARTITION OF high DEFAULT;
INSERT INTO p SELECT g, g % 10, 'c' FROM generate_series(1, 200) g;
"""
OLD = (
    "INSERT INTO p VALUES (300 + %(n)s, %(n)s %% 10, 'o') RETURNING id, c",
    "UPDATE p SET c = 'u' || %(n)s::text WHERE id = 3 RETURNING id, c",
)
SEEN = "SELECT id, c FROM p"
SPREAD = Case(
    "spread",
    BEFORE,
    """
    ALTER TABLE p ADD CONSTRAINT small CHECK (n < 10), ALTER n SET NOT NULL;
    ALTER TABLE p ALTER c DROP NOT NULL, DROP CONSTRAINT told;
    """,
    OLD,
    (*OLD, "UPDATE p SET c = '' WHERE id = 4"),
    SEEN,
    SEEN,
    expected_phases=("expand", "contract"),
)
POINTING = Case(
    "pointing",
    BEFORE,
    "ALTER TABLE p ADD CONSTRAINT away FOREIGN KEY (n) REFERENCES far;",
    OLD,
    OLD,
    SEEN,
    SEEN,
    expected_phases=("contract",),
)


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


@pytest.mark.parametrize("case", (SPREAD, POINTING, KEYS), ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


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


def test_it_is_applied_and_taken_back_by_the_executor(
    each_server: ScratchServer, each_database: str, tmp_path: Path
) -> None:
    tools, file, target = PgTools.of(each_server), tmp_path / "m.sql", Target(each_database)
    tools.psql(each_database, BEFORE)
    start = tools.dump_schema(each_database)
    file.write_text(POINTING.migration + SPREAD.migration)
    made = plan(PlanRequest(file, schema=(each_database,), name="spread"))
    apply(made, target, Wish(Phase.CONTRACT))
    rollback(made, target)
    rollback(made, target, BASELINE)
    assert tools.dump_schema(each_database).text == start.text


def test_an_orphan_in_a_partition_is_shown_with_its_key(each_database: str) -> None:
    with life(POINTING, each_database) as it:
        it.owner.execute("INSERT INTO p VALUES (500, 77, 'x')")
        with pytest.raises(Refusal, match=r"not in public.far.*77"):
            list(it.forward(len(it.plan.steps)))


def test_a_partition_that_came_since_planning_stops_the_key_before_it_is_made(database: str) -> None:
    with life(KEYS, database) as it:
        it.owner.execute("CREATE TABLE later PARTITION OF p FOR VALUES FROM (10000) TO (20000)")
        with pytest.raises(Refusal, match=r"partitions that this plan does not know.*later"):
            list(it.forward(len(it.plan.steps)))
