"""Programs that rest on the shape of a table's rows bar plans that change it; those that do not are let be."""

from __future__ import annotations

import psycopg
import pytest

from migrate_safe.catalog.evolve import fold
from migrate_safe.model.errors import Refused
from migrate_safe.model.plan import Plan, PlanSource
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.planner.build import build_plan
from migrate_safe.sql.parse import parse_script

TABLES = "CREATE TABLE t (id int PRIMARY KEY, a int, b text); CREATE TABLE h (id int, a int, b text{more});"
ADD = "ALTER TABLE t ADD COLUMN c int;"
RENAME = "ALTER TABLE t RENAME COLUMN a TO c;"
CONVERT = "ALTER TABLE t ALTER COLUMN a TYPE bigint;"
DROP = "ALTER TABLE t DROP COLUMN b;"
ALL = (ADD, RENAME, CONVERT, DROP)


def plan_of(before: str, migration: str) -> Plan:
    schema = fold(Schema(), parse_script(Source("s.sql", before)))
    return build_plan(parse_script(Source("m.sql", migration)), schema, name="p", source=PlanSource("m.sql", "00"))


def trigger(body: str) -> str:
    function = f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$;"
    calls = "FOR EACH ROW EXECUTE FUNCTION f();"
    return f"{function} CREATE TRIGGER tr AFTER INSERT OR UPDATE ON t {calls}"


def function(returns: str, body: str, language: str = "sql") -> str:
    return f"CREATE FUNCTION f() RETURNS {returns} LANGUAGE {language} AS $$ {body} $$;"


RESTING = (
    trigger("INSERT INTO h SELECT NEW.*"),
    trigger("INSERT INTO h VALUES (OLD.*)"),
    trigger("INSERT INTO h SELECT (NEW).*"),
    trigger("IF OLD.* IS DISTINCT FROM NEW.* THEN INSERT INTO h VALUES (NEW.*); END IF"),
    trigger("EXECUTE format('INSERT INTO %I SELECT ($1).*', 'h_' || TG_OP) USING NEW"),
    function("SETOF t", "SELECT id, a, b FROM t"),
    function("SETOF t", "BEGIN RETURN QUERY SELECT id, a, b FROM t; END", "plpgsql"),
    function("TABLE (x int, y int, z text)", "SELECT t.* FROM public.t JOIN h USING (id)"),
    function("t", "SELECT ROW(1, 2, 'a')::t"),
    function("void", "INSERT INTO h SELECT * FROM t WHERE a > 3"),
    function("void", "WITH old AS (DELETE FROM t RETURNING *) INSERT INTO h SELECT * FROM old"),
    function("void", "DECLARE r t%ROWTYPE; BEGIN INSERT INTO h VALUES (r.*); END", "plpgsql"),
)
LET_BE = (
    trigger("IF OLD.* IS DISTINCT FROM NEW.* THEN INSERT INTO h (id) VALUES (NEW.id); END IF"),
    trigger("INSERT INTO h (id, b) VALUES (NEW.id, md5(NEW.*::text))"),
    function("SETOF t", "SELECT * FROM t WHERE id IN (SELECT id FROM h)"),
    function("SETOF t", "SELECT x FROM t x"),
    function("SETOF t", "DECLARE r t; BEGIN FOR r IN SELECT * FROM t LOOP RETURN NEXT r; END LOOP; END", "plpgsql"),
    function("TABLE (x int, y bigint)", "WITH w AS (SELECT id, count(*) FROM t GROUP BY id) SELECT * FROM w"),
    function("void", "WITH w AS (SELECT id, count(*) FROM t GROUP BY 1) INSERT INTO h SELECT * FROM w"),
    function("t", "SELECT jsonb_populate_record(NULL::t, '{}')"),
    function("bigint", "SELECT id * count(*) FROM t GROUP BY id"),
    function("void", "INSERT INTO t SELECT * FROM h"),
)


@pytest.mark.parametrize("migration", ALL)
@pytest.mark.parametrize("program", RESTING)
def test_what_rests_on_the_shape_of_rows_bars_the_plan(program: str, migration: str) -> None:
    with pytest.raises(Refused, match=r"public\.f .*, once public\.t changes its columns"):
        plan_of(TABLES.format(more="") + program, migration)


@pytest.mark.parametrize("migration", [ADD, "ALTER TABLE t ALTER COLUMN b TYPE varchar;"])
@pytest.mark.parametrize("program", LET_BE)
def test_what_does_not_is_let_be(program: str, migration: str) -> None:
    assert plan_of(TABLES.format(more="") + program, migration).steps
    assert plan_of(TABLES.format(more="") + program, RENAME).steps


def test_a_history_that_has_the_column_already_takes_rows_with_and_without_it() -> None:
    history = trigger("INSERT INTO h SELECT NEW.*")
    assert plan_of(TABLES.format(more="") + history, "ALTER TABLE h ADD COLUMN c int;" + ADD).steps
    assert plan_of(TABLES.format(more=", c int") + history, ADD).steps
    for more, migration in (("", ADD + "ALTER TABLE h ADD COLUMN c int;"), (", c int, at date", ADD)):
        with pytest.raises(Refused, match="or give the other table column c first"):
            plan_of(TABLES.format(more=more) + history, migration)


def test_a_column_that_holds_rows_bars_all_but_new_columns() -> None:
    before = TABLES.format(more=", held t")
    assert plan_of(before, ADD).steps
    with pytest.raises(Refused, match=r"column held of public\.h holds rows of it"):
        plan_of(before, RENAME)


@pytest.mark.parametrize("program", [trigger("INSERT INTO h (id) VALUES (length(to_jsonb(NEW)::text))"), ""])
def test_json_of_whole_rows_is_noted(program: str) -> None:
    program = program or function("jsonb", "SELECT jsonb_agg(x) FROM t x")
    for migration in (RENAME, CONVERT, DROP):
        plan = plan_of(TABLES.format(more="") + program, migration)
        assert any("function public.f: what it gives of whole rows" in n for n in plan.notes)
    assert not any("whole rows" in n for n in plan_of(TABLES.format(more="") + program, ADD).notes)


@pytest.mark.parametrize(
    ("program", "call"),
    [(RESTING[0], "INSERT INTO t VALUES (1)"), (RESTING[5], "SELECT f()"), (RESTING[7], "SELECT f()")],
)
def test_the_server_says_so_at_the_next_call_of_a_new_connection(program: str, call: str, each_database: str) -> None:
    with psycopg.connect(each_database, autocommit=True) as client:
        client.execute(TABLES.format(more="") + program)
        client.execute(call)
        client.execute(f"DELETE FROM t; {ADD}")
    wanted = r"more expressions than target columns|return type mismatch"
    new = psycopg.connect(each_database, autocommit=True)  # PL/pgSQL keeps what a connection has parsed
    with new, pytest.raises(psycopg.Error, match=wanted):
        new.execute(call)
