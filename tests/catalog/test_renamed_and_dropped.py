"""Types and functions that lose their name, triggers that go with a function, and names of NOT NULL."""

from __future__ import annotations

import pytest

from migrate_safe.catalog.evolve import fold
from migrate_safe.effects.effect import effect_of
from migrate_safe.model.effect import Break, BreakKind
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script, parse_statements

TABLE = """
CREATE TABLE t (a int);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tf BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
"""


NAMED = "CREATE TABLE t (id serial, b int NOT NULL, CONSTRAINT id_there NOT NULL id, CONSTRAINT b_there NOT NULL b)"


def test_a_not_null_that_the_table_names_stands_for_the_one_that_the_column_implies():
    table = after(NAMED).tables[Name("public", "t")]
    assert [(c.name, c.columns) for c in table.constraints] == [("id_there", ("id",)), ("b_there", ("b",))]
    assert all(c.not_null for c in table.columns)


def test_the_server_says_the_same(server, database, connect):
    if server.version < 18:
        pytest.skip("NOT NULL constraints have names from PostgreSQL 18 on")
    with connect(database) as connection:
        connection.execute(NAMED)
        rows = connection.execute("SELECT conname FROM pg_constraint WHERE conrelid = 't'::regclass ORDER BY conname")
        assert rows.fetchall() == [("b_there",), ("id_there",)]


def after(sql: str) -> Schema:
    return fold(Schema(), parse_script(Source("x.sql", sql)))


def test_a_renamed_type_leaves_its_name_free():
    schema = after("CREATE TYPE mood AS ENUM ('a'); ALTER TYPE mood RENAME TO old; CREATE TYPE mood AS ENUM ('b');")
    assert schema.enums[Name("public", "mood")] == ("b",)


def test_an_index_that_need_not_be_there_leaves_its_new_name_open():
    renamed = after("CREATE TABLE t (a int); ALTER INDEX IF EXISTS by_hand RENAME TO t_a; CREATE INDEX t_a ON t (a);")
    assert set(renamed.tables) == {Name("public", "t")}
    assert [i.name for i in renamed.tables[Name("public", "t")].indexes] == ["t_a"]


def test_a_dropped_function_takes_its_triggers_along_and_a_renamed_one_keeps_them():
    assert after(TABLE + "DROP FUNCTION f CASCADE;").tables[Name("public", "t")].triggers == ()
    assert len(after(TABLE + "ALTER FUNCTION f() RENAME TO g;").tables[Name("public", "t")].triggers) == 1


@pytest.mark.parametrize(
    ("sql", "locks", "breaks"),
    [
        ("ALTER TYPE mood RENAME TO m", [], (Break(BreakKind.GONE, "public.mood"),)),
        ("ALTER TRIGGER tf ON t RENAME TO tg", ["ACCESS EXCLUSIVE on public.t"], ()),
        ("ALTER POLICY p ON t RENAME TO q", ["ACCESS EXCLUSIVE on public.t"], ()),
    ],
)
def test_what_a_rename_locks_and_breaks(sql, locks, breaks):
    [statement] = parse_statements(sql)
    effect = effect_of(statement, after("CREATE TABLE t (a int);"))
    assert ([str(lock) for lock in effect.locks], effect.breaks, effect.unknown) == (locks, breaks, None)
