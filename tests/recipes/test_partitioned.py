from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.plan import PlanRequest, plan
from migrate_safe.app.rollback import BASELINE, rollback
from migrate_safe.model.plan import Phase
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


@pytest.mark.parametrize("case", (SPREAD, POINTING), ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


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
