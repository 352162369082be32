"""What a file does to things, by name, and the facts that hang on the rest of the file."""

from __future__ import annotations

import pytest

from migrate_safe.app.lint import lint_source
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import DoBlock, Script
from migrate_safe.rulebook.doings import Deed, doings_of
from migrate_safe.rulebook.long_names import cut_name
from migrate_safe.sql.conditions import bound_condition, condition_text
from migrate_safe.sql.parse import parse_script


def script_of(sql: str) -> Script:
    return parse_script(Source("x.sql", sql))


def test_before_and_after_leave_the_statement_itself_out():
    script = script_of("DROP INDEX i; CREATE INDEX i ON t (a); CREATE INDEX i ON t (b); DROP INDEX i;")
    doings, (_, first, second, _) = doings_of(script), script.statements
    assert len(list(doings.before(Deed.DROPS, "index i", first))) == 1
    assert len(list(doings.after(Deed.DROPS, "index i", first))) == 1
    assert [len(list(doings.before(Deed.MAKES, "index i", s))) for s in (first, second)] == [0, 1]
    assert [len(list(doings.after(Deed.MAKES, "index i", s))) for s in (first, second)] == [1, 0]


def test_the_ways_forward_and_back_are_told_apart():
    script = script_of("-- +goose Up\nCREATE TYPE m AS ENUM ('a');\n-- +goose Down\nDROP TYPE m;")
    (make, drop), doings = script.statements, doings_of(script)
    assert not list(doings.before(Deed.MAKES, "type m", drop))
    assert not list(doings.after(Deed.MAKES, "type m", make))


def test_statements_inside_a_do_block_stand_where_they_are_written():
    script = script_of("DO $$ BEGIN CREATE SEQUENCE s; ALTER SEQUENCE s RESTART WITH 1; CREATE SEQUENCE s; END $$;")
    block = script.statements[0].action
    assert isinstance(block, DoBlock)
    restart = block.inner[1]
    assert len(list(doings_of(script).before(Deed.MAKES, "sequence s", restart))) == 1
    assert len(list(doings_of(script).after(Deed.MAKES, "sequence s", restart))) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"CREATE TABLE {'a' * 63} ()", ""),
        (f"CREATE TABLE {'a' * 64} ()", "a" * 64),
        (f'CREATE TABLE "{"a b " * 16}" ()', "a b " * 16),
        (f'CREATE TABLE "{"ü" * 31}" ()', ""),
        (f'CREATE TABLE "{"ü" * 32}" ()', "ü" * 32),
        (f"SELECT '{'a' * 64}'", ""),
        (f"SELECT $${'a' * 64}$$", ""),
        (f"SELECT 1 -- {'a' * 64}", ""),
    ],
)
def test_names_that_the_server_cuts_off(text: str, name: str):
    assert cut_name(text) == (name, name.encode()[:63].decode(errors="ignore"))


@pytest.mark.parametrize(
    ("sql", "taken"),
    [
        ("DROP TABLE users CASCADE;", "view people and constraint orders_user_id_fkey of orders"),
        ("DROP VIEW people CASCADE;", ""),
        ("DROP FUNCTION touch() CASCADE;", "trigger touch of users"),
        ("ALTER TABLE users DROP COLUMN mood CASCADE;", "view people"),
        ("DROP TYPE mood CASCADE;", "column mood of users and view people"),
        ("DROP TRIGGER touch ON users CASCADE;", ""),
        ("DROP POLICY own ON users CASCADE;", ""),
    ],
)
def test_what_cascade_takes_along(sql: str, taken: str):
    before = """
        CREATE TYPE mood AS ENUM ('good'); CREATE TABLE users (id int PRIMARY KEY, mood mood);
        CREATE TABLE orders (user_id int REFERENCES users); CREATE VIEW people AS SELECT id, mood FROM users;
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
        CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
        CREATE POLICY own ON users;
    """
    schema = fold(Schema(), script_of(before))
    told = [f.message for f in lint_source(Source("x.sql", sql), schema) if f.rule == "cascade-takes-more"]
    assert bool(told) is bool(taken)
    words = taken.split(" and ")
    assert not told or all(word in told[0] for word in words), told


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        ("FOR VALUES FROM ('a') TO (MAXVALUE)", "kind IS NOT NULL AND kind >= 'a'"),
        ("FOR VALUES IN ('it''s', NULL)", "kind IS NULL OR kind = 'it''s'"),
        ("FOR VALUES IN ('a')", "kind IS NOT NULL AND kind = 'a'"),
        ("DEFAULT", ""),
    ],
)
def test_the_bounds_of_a_partition_as_a_condition(bound: str, text: str):
    strategy = "RANGE" if "FROM" in bound else "LIST"
    assert condition_text(bound_condition(f"{strategy} (kind)", bound)) == text
