"""Fingerprints and differences."""

from __future__ import annotations

import pytest

from migrate_safe.catalog.diff import diff
from migrate_safe.catalog.evolve import evolve
from migrate_safe.catalog.fingerprint import fingerprint
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_statements

USERS = Name("public", "users")
BASE = """
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
CREATE TABLE users (id int PRIMARY KEY, email varchar(50) DEFAULT 'x', age int, CHECK (age BETWEEN 1 AND 150));
CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users);
CREATE INDEX users_age ON users (age) WHERE age > 18;
"""


def schema_of(sql: str) -> Schema:
    schema = Schema(complete=True)
    for statement in parse_statements(sql):
        schema = evolve(schema, statement)
    return schema


SAME = [
    ("(age BETWEEN 1 AND 150)", "(((age >= 1) AND (age <= 150)))"),
    ("DEFAULT 'x'", "DEFAULT 'x'::character varying"),
    ("WHERE age > 18", "WHERE (age > 18)"),
    (
        "id int PRIMARY KEY, email varchar(50) DEFAULT 'x', age int",
        "age int, email varchar(50) DEFAULT 'x', id int PRIMARY KEY",
    ),
    ("user_id int REFERENCES users", "user_id bigint, note text"),
]
OTHER = [
    ("age int", "age bigint", "column age of public.users"),
    ("varchar(50)", "varchar(60)", "column email of public.users"),
    ("DEFAULT 'x'", "DEFAULT 'y'", "column email of public.users"),
    ("DEFAULT 'x'", "NOT NULL", "column email of public.users"),
    ("BETWEEN 1", "BETWEEN 0", "constraint users_age_check of public.users"),
    ("age > 18", "age > 17", "index users_age of public.users"),
    ("INDEX users_age", "UNIQUE INDEX users_age", "index users_age of public.users"),
    ("(age) WHERE", "(age DESC) WHERE", "index users_age of public.users"),
]


@pytest.mark.parametrize(("text", "other"), SAME)
def test_writing_order_and_other_tables_do_not_matter(text: str, other: str) -> None:
    one, two = schema_of(BASE), schema_of(BASE.replace(text, other))
    assert BASE.replace(text, other) != BASE
    assert fingerprint(one, [USERS]) == fingerprint(two, [USERS])
    assert diff(one, two, [USERS]) == ()


@pytest.mark.parametrize(("text", "other", "key"), OTHER)
def test_what_a_plan_rests_on_matters(text: str, other: str, key: str) -> None:
    one, two = schema_of(BASE), schema_of(BASE.replace(text, other))
    assert fingerprint(one, [USERS]) != fingerprint(two, [USERS])
    (line,) = diff(one, two, [USERS])
    assert line.startswith(f"~ {key}: ")


def test_numbers_of_rows_and_comments_do_not_matter() -> None:
    one = schema_of(BASE)
    big = replace(one.tables[USERS], rows=5, bytes=7, comment="x")
    assert fingerprint(replace(one, tables={**one.tables, USERS: big}), [USERS]) == fingerprint(one, [USERS])


def test_foreign_triggers_and_views_matter_our_own_triggers_do_not() -> None:
    trigger = "CREATE TRIGGER {} BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();"
    one = schema_of(BASE)
    assert diff(one, schema_of(BASE + trigger.format('"~ms_sync_i"')), [USERS]) == ()
    assert diff(one, schema_of(BASE + trigger.format("audit")), [USERS]) == (
        "+ trigger audit of public.users: BEFORE INSERT FOR EACH ROW EXECUTE public.f()",
    )
    assert diff(one, schema_of(BASE + "CREATE VIEW v AS SELECT id FROM users"), [USERS]) == (
        "+ view public.v on public.users: view of public.users",
    )


def test_a_not_null_constraint_that_is_valid_is_the_same_on_every_version() -> None:
    sql = "CREATE TABLE users (id int NOT NULL)"
    new, old = schema_of(sql), Schema(complete=True, server_version=14)
    for statement in parse_statements(sql):
        old = evolve(old, statement)
    assert fingerprint(new, [USERS]) == fingerprint(old, [USERS])


def test_an_absent_table_has_a_fingerprint_of_its_own() -> None:
    one = schema_of(BASE)
    gone = schema_of(BASE + "DROP TABLE users CASCADE")
    assert fingerprint(one, [USERS]) != fingerprint(gone, [USERS])
    assert diff(one, gone, [USERS]) == ("- table public.users",)
    assert fingerprint(gone, [USERS]) == fingerprint(Schema(complete=True), [Name(None, "users")])
    assert fingerprint(gone, [USERS]).startswith("sha256:")
