"""What evolve does that needs no server: partly known schemas, refusals, transactions, sessions."""

from __future__ import annotations

import pytest

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve import apply, evolve, fold
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Wrapping
from migrate_safe.sql.parse import parse_script, parse_statements

EMPTY = Schema(complete=True)
UNKNOWN = Schema()
USERS = "CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, age int CHECK (age > 0));"


def after(sql: str, schema: Schema = EMPTY) -> Schema:
    for statement in parse_statements(sql):
        schema = evolve(schema, statement)
    return schema


def folded(sql: str, schema: Schema = EMPTY, *, wrapping: Wrapping | None = None) -> Schema:
    return fold(schema, parse_script(Source("m.sql", sql), wrapping=wrapping))


def columns(schema: Schema, table: str = "users") -> list[str]:
    found = schema.table(Name(None, table))
    assert found is not None
    return [c.name for c in found.columns]


# ---- what is not known ---------------------------------------------------------------------


def test_an_altered_unknown_table_is_partly_known_and_gets_no_invented_columns() -> None:
    table = after("ALTER TABLE users ADD COLUMN a int; ALTER TABLE users DROP COLUMN b", UNKNOWN).table(
        Name(None, "users")
    )
    assert table is not None
    assert table.partial
    assert [c.name for c in table.columns] == ["a"]


def test_a_column_of_unknown_type_stays_unknown_when_altered() -> None:
    table = after("ALTER TABLE users ALTER a SET NOT NULL; ALTER TABLE users ALTER a TYPE bigint", UNKNOWN).table(
        Name(None, "users")
    )
    assert table is not None
    assert table.partial
    assert table.columns == ()


def test_if_not_exists_on_an_unknown_table_leaves_it_partly_known() -> None:
    table = after("CREATE TABLE IF NOT EXISTS users (a int)", UNKNOWN).table(Name(None, "users"))
    assert table is not None
    assert table.partial
    assert not after("CREATE TABLE IF NOT EXISTS users (a int)").tables[Name("public", "users")].partial


def test_if_not_exists_on_a_known_table_changes_nothing() -> None:
    before = after(USERS)
    assert after("CREATE TABLE IF NOT EXISTS users (other int)", before) == before


@pytest.mark.parametrize(
    ("query", "partial"),
    [
        ("SELECT * FROM users", False),
        ("SELECT 1 AS a, count(*) FROM users", False),
        ("SELECT f(1) AS a", True),
        ("SELECT * FROM f()", True),
    ],
)
def test_a_table_made_by_a_query_is_partly_known_where_a_type_is_not(query: str, partial: bool) -> None:
    table = after(USERS + f"CREATE TABLE copy AS {query}").table(Name(None, "copy"))
    assert table is not None
    assert table.partial is partial


def test_a_constraint_of_a_partly_known_table_is_remembered_and_validated() -> None:
    sql = "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c"
    table = after(sql, UNKNOWN).table(Name(None, "t"))
    assert table is not None
    assert table.constraint("c") is not None
    assert table.constraint("c").validated  # type: ignore[union-attr]


# ---- what cannot apply ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("ALTER TABLE absent ADD a int", "relation public.absent does not exist"),
        ("ALTER TABLE users ADD id int", "column 'id' of public.users already exists"),
        ("ALTER TABLE users DROP COLUMN nope", "column 'nope' of public.users does not exist"),
        ("ALTER TABLE users ADD CONSTRAINT users_pkey CHECK (age > 0)", "constraint 'users_pkey' of public.users"),
        ("CREATE INDEX i ON users (nope)", "column 'nope' of public.users does not exist"),
        ("CREATE TABLE users (id int)", "relation public.users already exists"),
        ("DROP INDEX users_pkey", "constraint 'users_pkey' of public.users requires index"),
        ("ALTER TABLE users ALTER id DROP NOT NULL", "column 'id' of public.users is in a primary key"),
    ],
)
def test_what_the_server_would_refuse_changes_nothing_and_says_why(sql: str, reason: str) -> None:
    before = after(USERS)
    (statement,) = parse_statements(sql)
    with pytest.raises(CannotApply) as refusal:
        apply(before, statement)
    assert reason in refusal.value.reason
    assert evolve(before, statement) == before


def test_one_refused_action_undoes_the_others_of_its_statement() -> None:
    before = after(USERS)
    assert after("ALTER TABLE users ADD x int, DROP COLUMN nope", before) == before


# ---- transactions and sessions -------------------------------------------------------------


def test_rollback_takes_back_what_the_transaction_did() -> None:
    assert columns(folded(USERS + "BEGIN; ALTER TABLE users ADD a int; ROLLBACK; ALTER TABLE users ADD b int;")) == [
        "id",
        "email",
        "age",
        "b",
    ]


def test_rollback_to_a_savepoint_keeps_what_came_before_it() -> None:
    sql = "BEGIN; ALTER TABLE users ADD a int; SAVEPOINT s; ALTER TABLE users ADD b int; ROLLBACK TO s; COMMIT;"
    assert columns(folded(USERS + sql))[-1] == "a"


def test_the_same_savepoint_name_twice_means_the_latest() -> None:
    sql = "BEGIN; SAVEPOINT s; ALTER TABLE users ADD a int; SAVEPOINT s; ALTER TABLE users ADD b int; ROLLBACK TO s;"
    assert columns(folded(USERS + sql + "COMMIT;"))[-1] == "a"
    sql += "RELEASE s; ROLLBACK TO s; COMMIT;"
    assert columns(folded(USERS + sql))[-1] == "age"


def test_rollback_in_a_wrapped_file_takes_back_the_whole_file() -> None:
    assert folded(USERS + "ROLLBACK;", wrapping=Wrapping.FILE).tables == {}


def test_down_statements_are_left_out() -> None:
    text = "-- migrate:up\nCREATE TABLE a (id int);\n-- migrate:down\nDROP TABLE a;\n"
    assert list(folded(text).tables) == [Name("public", "a")]


def test_search_path_directs_new_tables_and_ends_with_the_file() -> None:
    schema = folded("SET search_path TO shop, public; CREATE TABLE a (id int); CREATE TABLE public.b (id int);")
    assert set(schema.tables) == {Name("shop", "a"), Name("public", "b")}
    assert schema.search_path == ("public",)


def test_a_search_path_that_was_rolled_back_is_forgotten() -> None:
    schema = folded("BEGIN; SET search_path TO shop; ROLLBACK; CREATE TABLE a (id int);")
    assert set(schema.tables) == {Name("public", "a")}


def test_temporary_tables_hide_others_and_end_with_the_session() -> None:
    schema = folded(USERS + "CREATE TEMP TABLE users (x int); ALTER TABLE users ADD y int; DROP TABLE public.users;")
    assert schema.tables == {}


def test_evolve_changes_no_value_in_place() -> None:
    before = after(USERS)
    copy = dict(before.tables)
    after("ALTER TABLE users RENAME TO people; DROP TABLE people", before)
    assert before.tables == copy


# ---- what follows a name -------------------------------------------------------------------


def test_a_renamed_column_is_renamed_in_expressions_but_not_in_strings_or_functions() -> None:
    schema = after("CREATE TABLE t (lower text, CHECK (lower(lower) <> 'lower')); ALTER TABLE t RENAME lower TO name")
    (check,) = schema.tables[Name("public", "t")].constraints
    assert check.definition == "CHECK (lower(name) <> 'lower')"


def test_a_view_keeps_a_name_that_another_of_its_tables_may_have() -> None:
    sql = "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE VIEW v AS SELECT a.id FROM a JOIN b ON a.id = b.id;"
    schema = after(sql + "ALTER TABLE a RENAME id TO key")
    assert schema.views[Name("public", "v")].columns == {"id", "key"}


def test_functions_are_told_apart_by_their_arguments() -> None:
    sql = "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';"
    schema = after(
        sql + sql.replace("FUNCTION f(a int)", "FUNCTION f(a text)") + sql.replace("CREATE", "CREATE OR REPLACE")
    )
    assert [f.arguments for f in schema.functions[Name("public", "f")]] == ["text", "integer"]


def test_do_blocks_are_assumed_to_run() -> None:
    assert columns(after(USERS + "DO $$ BEGIN ALTER TABLE users ADD COLUMN z int; END $$"))[-1] == "z"


def test_comments_on_tables_and_columns_are_kept():
    schema = folded(USERS + "COMMENT ON TABLE users IS 'people'; COMMENT ON COLUMN public.users.age IS 'in years';")
    table = schema.table(Name(None, "users"))
    assert (table.comment, table.column("age").comment) == ("people", "in years")
    gone = folded("COMMENT ON COLUMN users.age IS NULL; COMMENT ON TABLE unknown IS 'x';", schema)
    assert gone.table(Name(None, "users")).column("age").comment is None
