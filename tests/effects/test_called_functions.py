"""A SELECT or PERFORM of a function does what the function's body does, as far as that can be read."""

from __future__ import annotations

from migrate_safe.effects.analyse import analyse
from migrate_safe.model.effect import Analysed
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script

T = Name("public", "t")


def last(*statements: str) -> Analysed:
    return analyse(parse_script(Source("x.sql", ";\n".join(["CREATE TABLE t (a int)", *statements]))), Schema())[-1]


def test_what_a_function_makes_is_there_and_new_when_it_was_called():
    function = "CREATE FUNCTION mig() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE n (a int); END $$"
    after = last(function, "SELECT mig()", "SELECT 1")
    assert Name("public", "n") in after.before.tables
    assert Name("public", "n") in after.born


def test_a_function_that_calls_itself_is_read_once_and_the_rest_is_unknown():
    function = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN TRUNCATE t; PERFORM f(); END $$"
    called = last(function, "SELECT f()")
    assert called.effect.mode_on(T) is LockMode.ACCESS_EXCLUSIVE
    assert called.effect.unknown == "function f may do anything"
    assert Name("public", "f") in called.after.functions


def test_a_procedure_that_calls_itself_is_read_once():
    called = last("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN TRUNCATE t; CALL p(); END $$", "CALL p()")
    assert called.effect.mode_on(T) is LockMode.ACCESS_EXCLUSIVE


def test_a_harmless_function_leaves_nothing_unknown():
    function = "CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN x := x + 1; RETURN x; END $$"
    assert last(function, "SELECT f(1)").effect.unknown is None


def test_which_of_two_functions_is_called_is_not_known():
    one, two = (f"CREATE FUNCTION f(x {t}) RETURNS int LANGUAGE sql AS 'SELECT 1'" for t in ("int", "text"))
    assert last(one, two, "SELECT f(1)").effect.unknown == "function f may do anything"


def test_what_is_put_together_from_arguments_stays_unknown():
    function = "CREATE FUNCTION f(x text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DROP TABLE ' || x; END $$"
    assert last(function, "SELECT f('t')").effect.unknown == "EXECUTE 'DROP TABLE ' || x"


def test_a_variable_that_changes_is_no_constant():
    block = "DO $$ DECLARE n text := 't'; BEGIN {} EXECUTE 'TRUNCATE ' || n; END $$"
    assert last(block.format("")).effect.mode_on(T) is LockMode.ACCESS_EXCLUSIVE
    for change in ("n := 'u';", "SELECT 'u' INTO n;", "FOR n IN SELECT 'u' LOOP NULL; END LOOP;"):
        assert last(block.format(change)).effect.unknown == "EXECUTE 'TRUNCATE ' || n"
