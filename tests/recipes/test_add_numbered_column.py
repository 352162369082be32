from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.values import replace
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


@pytest.mark.parametrize("case", CASES, ids=str)
def test_who_may_write_the_table_and_does_not_own_it_draws_all_the_way(case: Case, each_database: str) -> None:
    """Through a grant on the columns; and, where the plain form asks for no right on its sequence, on a view alone."""
    through = case.name == "identity"
    before = """
        DO $$ BEGIN CREATE ROLE writer_of_t; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        GRANT SELECT, INSERT (a, c) ON t TO writer_of_t;
        CREATE VIEW v AS SELECT a, c FROM t; GRANT SELECT, INSERT ON v TO writer_of_t;
    """
    old = (case.old[0].replace("INTO t", "INTO v"),) if through else case.old
    with life(replace(case, before=case.before + before, old=old), each_database) as it:
        it.apps["old"].execute("SET ROLE writer_of_t")
        for _ in it.forward(len(it.plan.steps)):
            it.use("old")
        for _ in it.back(0):
            it.use("old")
        told = ["to writer_of_t" in note for note in it.plan.notes]
        assert any(told) is not through
