"""Statements about one thing that a plan would do in another order: refused, for the plan would end elsewhere."""

from __future__ import annotations

import pytest

from migrate_safe.model.errors import Refused
from migrate_safe.model.plan import Sql
from migrate_safe.model.values import replace
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
    loose = replace(known(BEFORE), complete=False)
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


DOCS = BEFORE + "CREATE TABLE docs (id int, owner int CONSTRAINT fk REFERENCES users ON DELETE CASCADE);"
LOG = "ALTER TABLE users ADD key uuid DEFAULT gen_random_uuid()"
OVERTAKES = {
    "ALTER TABLE docs DROP CONSTRAINT fk": ("DELETE FROM users WHERE id = 1", "contract"),
    "ALTER TABLE users RENAME number TO no": ("UPDATE users SET no = no + 1", "contract"),
    "ALTER TABLE users DISABLE TRIGGER rows": ("UPDATE users SET number = 1", "contract"),
    "ALTER TABLE users ALTER number TYPE numeric(9, 2)": (
        "DO $$ BEGIN UPDATE users SET number = 1; END $$",
        "contract",
    ),
    LOG: ("INSERT INTO docs SELECT 1, 1 FROM users WHERE key IS NOT NULL", "migrate"),
}


@pytest.mark.parametrize("first", OVERTAKES)
def test_what_its_author_takes_back_does_not_run_before_what_it_follows(first: str) -> None:
    schema, (then, phase) = known(DOCS), OVERTAKES[first]
    with pytest.raises(Refused, match="it would run before the statement that it follows") as caught:
        planned(f"{first};\n-- migrate-safe: undo nothing\n{then};", schema)
    assert f"say -- migrate-safe: phase {phase} above it" in caught.value.message
    said = f"{first};\n-- migrate-safe: phase {phase}\n-- migrate-safe: undo nothing\n{then};"
    assert f"{phase}.run-sql.line-4" in ids(planned(said, schema))


@pytest.mark.parametrize(
    "first",
    [
        LOG,
        "ALTER TABLE users ADD CHECK (number > 0)",
        "CREATE UNIQUE INDEX ON users (number)",
        "ALTER TABLE users ADD x int NOT NULL",
        "ALTER TABLE docs DROP CONSTRAINT fk",
    ],
)
def test_what_nothing_before_it_bears_on_runs_at_once(first: str) -> None:
    then = "INSERT INTO users (number) VALUES (1)" if "docs" not in first else "UPDATE docs2 SET id = 1"
    schema = known(DOCS + "CREATE TABLE docs2 (id int);")
    assert "expand.run-sql.line-3" in ids(planned(f"{first};\n-- migrate-safe: undo nothing\n{then};", schema))


RIGHTS = """
CREATE TABLE t (id int, a int);
CREATE TABLE other (id int);
GRANT SELECT, DELETE ON t TO app;
GRANT SELECT, INSERT ON other TO app;
"""
AGAIN = {
    "REVOKE ALL ON t FROM app; GRANT SELECT ON t TO app": ["contract.revoke.t"],
    "REVOKE ALL ON t FROM app; GRANT INSERT ON t TO app": ["expand.grant.t", "contract.revoke.t"],
    "REVOKE SELECT ON t FROM app; GRANT SELECT (id) ON t TO app": ["expand.grant.t", "contract.revoke.t"],
    "REVOKE SELECT ON t FROM app; GRANT INSERT ON t TO app": ["expand.grant.t", "contract.revoke.t"],
}


@pytest.mark.parametrize("complete", [True, False], ids=["known", "from files"])
@pytest.mark.parametrize("migration", AGAIN)
def test_what_is_revoked_and_granted_again_is_never_lacking(migration: str, complete: bool) -> None:
    plan = planned(migration, replace(known(RIGHTS), complete=complete))
    assert ids(plan) == AGAIN[migration]
    last = plan.steps[-1].work
    if "INSERT ON t" not in migration or "ALL" in migration:
        assert isinstance(last, Sql)
        assert [s.partition(" ")[0] for s in last.statements] == ["REVOKE", "GRANT"]


def test_of_files_it_is_compared_too_what_they_tell_of() -> None:
    schema = replace(known("CREATE DOMAIN word AS text DEFAULT 'x';"), complete=False)
    with pytest.raises(Refused, match=r"it would come out otherwise: ~ domain public\.word"):
        planned("ALTER DOMAIN word DROP DEFAULT; ALTER DOMAIN word SET DEFAULT 'y'", schema)
