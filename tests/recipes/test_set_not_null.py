from __future__ import annotations

import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.catalog.diff import diff
from tests.recipes.lifecycle import Case, Refusal, life, live

CASES = (
    Case(
        "plain",
        """
        CREATE TABLE users (id bigserial PRIMARY KEY, name text, org int);
        INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 200) g;
        """,
        "ALTER TABLE users ALTER COLUMN name SET NOT NULL;",
        ("INSERT INTO users (name) VALUES ('old' || %(n)s::text) RETURNING id, name",),
        (
            "INSERT INTO users (name) VALUES ('new' || %(n)s::text) RETURNING id, name",
            "UPDATE users SET name = 'n' || %(n)s::text WHERE id = 3 RETURNING id, name",
        ),
        "SELECT id, name FROM users",
        "SELECT id, name FROM users",
        expected_phases=("contract",),
    ),
    Case(
        "declared",
        """
        CREATE SCHEMA "Odd Place";
        CREATE TABLE "Odd Place"."Ünusual" (id int PRIMARY KEY, "na""me" text);
        INSERT INTO "Odd Place"."Ünusual" VALUES (1, 'x');
        """,
        """
        -- migrate-safe: old-app-keeps every version since v30 sends a name
        ALTER TABLE "Odd Place"."Ünusual" ALTER "na""me" SET NOT NULL;
        """,
        ("""INSERT INTO "Odd Place"."Ünusual" VALUES (%(n)s + 1, 'a') RETURNING id, "na""me" """,),
        ("""INSERT INTO "Odd Place"."Ünusual" VALUES (%(n)s + 1, 'b') RETURNING id, "na""me" """,),
        """SELECT id, "na""me" FROM "Odd Place"."Ünusual" """,
        """SELECT id, "na""me" FROM "Odd Place"."Ünusual" """,
        expected_phases=("migrate",),
    ),
    Case(
        "by-hand",
        "CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t SELECT g, g FROM generate_series(1, 9) g;",
        """
        ALTER TABLE t ADD CONSTRAINT tmp CHECK (a IS NOT NULL) NOT VALID;
        ALTER TABLE t VALIDATE CONSTRAINT tmp;
        ALTER TABLE t ALTER COLUMN a SET NOT NULL;
        ALTER TABLE t DROP CONSTRAINT tmp;
        """,
        ("INSERT INTO t VALUES (100 + %(n)s, 1) RETURNING id, a",),
        ("INSERT INTO t VALUES (100 + %(n)s, 2) RETURNING id, a",),
        "SELECT id, a FROM t",
        "SELECT id, a FROM t",
        expected_phases=("contract",),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


@pytest.mark.parametrize(
    "wish",
    [
        "CONSTRAINT given NOT NULL name",
        "NOT NULL name NO INHERIT",
        "CONSTRAINT given NOT NULL name NOT VALID",
        "CONSTRAINT given NOT NULL name NOT VALID; ALTER TABLE users VALIDATE CONSTRAINT given",
        "CONSTRAINT given NOT NULL name; COMMENT ON CONSTRAINT given ON users IS 'x'",
    ],
)
def test_a_declared_one_keeps_its_name_and_manner(wish: str, each_server: ScratchServer, each_database: str) -> None:
    if each_server.version < 18:
        pytest.skip("NOT NULL has names from PostgreSQL 18 on")
    live(
        Case(
            "named",
            CASES[0].before,
            f"ALTER TABLE users ADD {wish}",
            CASES[0].old,
            CASES[0].new,
            CASES[0].seen_by_old,
            CASES[0].seen_by_new,
            expected_phases=("contract",),
        ),
        each_server,
        each_database,
    )


def test_rows_without_a_value_stop_it_before_anything_changes(each_database: str) -> None:
    with life(CASES[0], each_database) as it:
        it.owner.execute("INSERT INTO users (name) VALUES (NULL)")
        before = read_schema(it.owner)
        with pytest.raises(Refusal, match="has rows without name: fill them first"):
            list(it.forward(len(it.plan.steps)))
        assert diff(before, read_schema(it.owner)) == ()


def test_a_row_that_slips_in_stops_it_with_its_key_and_the_way_back_stays_open(each_database: str) -> None:
    with life(CASES[0], each_database) as it:
        start = read_schema(it.owner)
        list(it.forward(1))
        it.owner.execute("INSERT INTO users (id, name) VALUES (777, NULL)")
        with pytest.raises(Refusal, match="777"):
            list(it.forward(len(it.plan.steps)))
        list(it.back(0))
        assert diff(start, read_schema(it.owner)) == ()
