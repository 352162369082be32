"""Statements about one thing that a plan would do in another order: refused, for the plan would end elsewhere."""

from __future__ import annotations

import pytest

from migrate_safe.model.errors import Refused
from tests.planner.test_build import ids, known, planned

BEFORE = """
CREATE TABLE users (id serial PRIMARY KEY, name varchar(20) DEFAULT 'none', number int);
CREATE SEQUENCE counter OWNED BY users.number;
CREATE DOMAIN word AS text DEFAULT 'x';
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER rows AFTER UPDATE ON users EXECUTE FUNCTION note();
CREATE SCHEMA shop;
"""
OTHERWISE = {
    "ALTER DOMAIN word DROP DEFAULT; ALTER DOMAIN word SET DEFAULT 'y'": "public.word: text (was: text DEFAULT 'y')",
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY; ALTER TABLE users DISABLE ROW LEVEL SECURITY": "row level security",
    "ALTER TABLE users ENABLE REPLICA TRIGGER rows;"
    "CREATE OR REPLACE TRIGGER rows AFTER DELETE ON users EXECUTE FUNCTION note()": "trigger rows of public.users",
    "ALTER TABLE users ALTER number TYPE bigint; ALTER SEQUENCE counter OWNED BY NONE": "owned by public.users.number",
    "ALTER TABLE users RENAME number TO no; ALTER SEQUENCE counter OWNED BY NONE": "owned by public.users.no",
}


@pytest.mark.parametrize("migration", OTHERWISE)
def test_what_would_end_elsewhere_in_the_order_of_a_plan_is_refused(migration: str) -> None:
    schema, (first, second) = known(BEFORE), map(str.strip, migration.split(";"))
    assert planned(first, schema).steps
    with pytest.raises(Refused, match="it would come out otherwise: ") as caught:
        planned(f"CREATE TABLE other (id int);\n{first};\n{second};\nALTER TABLE users ADD COLUMN x int;", schema)
    assert OTHERWISE[migration] in caught.value.message
    assert f"m.sql:3:1: {second}\n" in caught.value.message


def test_of_tables_that_nothing_tells_of_nothing_is_promised() -> None:
    loose = known(BEFORE, complete=False)
    assert ids(planned("ALTER TABLE IF EXISTS absent ADD x int; CREATE INDEX ON users (name)", loose))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1'",
        "-- migrate-safe: undo nothing\nDO $$ BEGIN CREATE TABLE t (id int); END $$",
    ],
)
def test_what_would_speak_of_another_schema_is_refused(statement: str) -> None:
    with pytest.raises(Refused, match="SET search_path does not hold in a plan") as caught:
        planned(f"SET search_path = shop;\n{statement}", known(BEFORE))
    assert "write the schema before each name in it" in caught.value.message


def test_names_of_relations_get_the_schema_that_search_path_gives() -> None:
    migration = "SET search_path = shop; CREATE TABLE t (id int); ALTER TABLE public.users ADD x int DEFAULT abs(1)"
    assert "expand.create-table.shop.t" in ids(planned(migration, known(BEFORE)))


@pytest.mark.parametrize("away", ["DROP TABLE users", "ALTER TABLE users RENAME TO people"])
def test_a_type_is_not_changed_of_a_table_that_goes(away: str) -> None:
    for type_name in ("bigint", "oid"):
        with pytest.raises(Refused, match="is dropped or gets another name in this migration"):
            planned(f"ALTER TABLE users ALTER number TYPE {type_name}; {away}", known(BEFORE))


def test_whose_a_new_sequence_is_hangs_on_who_runs_the_plan() -> None:
    schema = known("CREATE TABLE t (a int); ALTER TABLE t OWNER TO somebody;")
    assert "migrate.attach-key.public.t.t_pkey" in ids(planned("ALTER TABLE t ADD id serial PRIMARY KEY", schema))
