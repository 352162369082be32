"""Triggers, policies, rules, routines and what calls rest on, as values."""

from __future__ import annotations

import pytest

from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Expr, Function, Parameter, Policy, Rule, Thing, Trigger, TypeName
from migrate_safe.model.statement import (
    AlterPolicy,
    AlterRoutine,
    AlterThing,
    Call,
    CreateFunction,
    CreatePolicy,
    CreateRule,
    CreateThing,
    CreateTrigger,
    DropPart,
    DropRoutines,
    DropThings,
    DropTrigger,
    RenamePart,
    Routine,
)
from migrate_safe.model.values import replace
from tests.sql.reading import action

F = Name(None, "f")
T = Name(None, "t")
INT, TEXT = TypeName("integer"), TypeName("text")


@pytest.mark.parametrize(
    ("sql", "function"),
    [
        (
            "CREATE FUNCTION f(a int, OUT b text, VARIADIC c text[]) LANGUAGE SQL IMMUTABLE AS 'SELECT 1'",
            Function(
                F,
                "integer, text[]",
                "immutable",
                "sql",
                "SELECT 1",
                parameters=(
                    Parameter("a", INT),
                    Parameter("b", TEXT, "out"),
                    Parameter("c", replace(TEXT, dimensions=1), "variadic"),
                ),
                returns=TEXT,
            ),
        ),
        (
            "CREATE FUNCTION s.f() RETURNS trigger AS $$ BEGIN RETURN NEW; END $$ LANGUAGE plpgsql STABLE",
            Function(Name("s", "f"), "", "stable", "plpgsql", " BEGIN RETURN NEW; END ", returns=TypeName("trigger")),
        ),
        (
            "CREATE PROCEDURE f() LANGUAGE c AS 'lib', 'sym'",
            Function(F, "", "volatile", "c", "lib\nsym", kind="procedure"),
        ),
        (
            "CREATE FUNCTION f() RETURNS int RETURN g(1)",
            Function(F, language="sql", returns=INT, parsed=True, calls=frozenset({Name(None, "g")})),
        ),
        (
            "CREATE FUNCTION f() RETURNS SETOF int LANGUAGE sql COST 100 ROWS 1000 PARALLEL UNSAFE AS ''",
            Function(F, language="sql", returns=INT, returns_set=True),
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql STRICT COST 5 SET Search_Path = a, b SECURITY DEFINER AS ''",
            Function(
                F,
                language="sql",
                returns=INT,
                options=(("cost", "5"), ("security", "true"), ("set search_path", "a, b"), ("strict", "true")),
            ),
        ),
    ],
)
def test_functions(sql: str, function: Function) -> None:
    assert action(sql) == CreateFunction(function)


@pytest.mark.parametrize(
    ("body", "touches"),
    [
        ("SELECT * FROM s.a JOIN b USING (x)", {"s.a": "ACCESS SHARE", "b": "ACCESS SHARE"}),
        (
            "INSERT INTO a SELECT * FROM b; DELETE FROM c",
            {"a": "ROW EXCLUSIVE", "b": "ACCESS SHARE", "c": "ROW EXCLUSIVE"},
        ),
        ("SELECT 1 FROM a, b AS x FOR UPDATE OF x", {"a": "ACCESS SHARE", "b": "ROW SHARE"}),
        ("WITH q AS (UPDATE a SET x = 1 RETURNING x) SELECT * FROM q", {"a": "ROW EXCLUSIVE"}),
        ("CREATE TABLE n (a int)", {}),
        ("no sql", {}),
    ],
)
def test_an_sql_body_touches_what_its_queries_name(body: str, touches: dict[str, str]) -> None:
    read = action(f"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS '{body}'")
    assert isinstance(read, CreateFunction)
    assert {str(name): mode.sql for name, mode in read.touches} == touches


def test_nobody_looks_into_polymorphic_bodies_and_other_languages() -> None:
    for head in ("(x anyelement) RETURNS anyelement LANGUAGE sql", "() RETURNS void LANGUAGE plpgsql"):
        read = action(f"CREATE FUNCTION f{head} AS 'SELECT * FROM a'")
        assert isinstance(read, CreateFunction)
        assert read.touches == ()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER FUNCTION f(int) SET SCHEMA s", AlterRoutine("function", Routine(F, (INT,)), schema="s")),
        ("ALTER PROCEDURE s.f RENAME TO g", AlterRoutine("procedure", Routine(Name("s", "f")), to="g")),
        (
            "ALTER FUNCTION f STABLE RESET ALL",
            AlterRoutine("function", Routine(F), volatility="stable", options=(("set", ""),)),
        ),
        (
            "DROP FUNCTION IF EXISTS f, s.g(text) CASCADE",
            DropRoutines("function", (Routine(F), Routine(Name("s", "g"), (TEXT,))), if_exists=True, cascade=True),
        ),
        ("DROP AGGREGATE f(*)", DropRoutines("aggregate", (Routine(F, ()),))),
        ("CALL s.p(1, now())", Call(Name("s", "p"), 2, frozenset({Name(None, "now")}))),
    ],
)
def test_routines_that_change_go_and_are_called(sql: str, expected: object) -> None:
    assert action(sql) == expected


def test_aggregates_are_functions_of_their_parts() -> None:
    made = Function(
        F,
        "integer",
        "immutable",
        "internal",
        kind="aggregate",
        parameters=(Parameter("", INT),),
        options=(("initcond", "0"), ("sfunc", "g"), ("stype", "integer")),
        calls=frozenset({Name(None, "g")}),
    )
    assert action("CREATE AGGREGATE f(int) (SFUNC = g, STYPE = int, INITCOND = '0')") == CreateFunction(made)
    assert action("CREATE AGGREGATE f(BASETYPE = int, SFUNC = g, STYPE = int, INITCOND = '0')") == CreateFunction(made)


def test_triggers() -> None:
    read = action(
        "CREATE OR REPLACE TRIGGER x BEFORE INSERT OR UPDATE OF a, b ON s.t FOR EACH ROW EXECUTE FUNCTION s.f('1')"
    )
    trigger = Trigger("x", "BEFORE", ("INSERT", "UPDATE"), True, ("a", "b"), Name("s", "f"), ("1",))
    assert read == CreateTrigger(Name("s", "t"), trigger, replace=True)
    after = action("CREATE TRIGGER x AFTER TRUNCATE OR DELETE ON t EXECUTE PROCEDURE f()")
    assert after == CreateTrigger(T, Trigger("x", "AFTER", ("DELETE", "TRUNCATE"), False, (), F))
    instead = action("CREATE TRIGGER x INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f()")
    assert isinstance(instead, CreateTrigger)
    assert instead.trigger.timing == "INSTEAD OF"


def test_triggers_with_all_they_can_have() -> None:
    read = action(
        "CREATE TRIGGER x AFTER UPDATE ON t REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT "
        "WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION f()"
    )
    assert isinstance(read, CreateTrigger)
    assert (read.trigger.old_table, read.trigger.new_table, str(read.trigger.condition)) == (
        "o",
        "n",
        "pg_trigger_depth() = 0",
    )
    sql = (
        "CREATE CONSTRAINT TRIGGER x AFTER INSERT ON t FROM r DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION f()"
    )
    held = Trigger("x", "AFTER", ("INSERT",), function=F, constraint=True, deferrable=True, deferred=True)
    assert action(sql) == CreateTrigger(T, replace(held, references=Name(None, "r")))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "CREATE POLICY p ON s.t FOR SELECT TO b, a USING (c > 0)",
            CreatePolicy(
                Name("s", "t"), Policy("p", "SELECT", roles=("a", "b"), using=Expr("c > 0", frozenset({"c"})))
            ),
        ),
        ("ALTER POLICY p ON t TO PUBLIC", AlterPolicy(T, "p", roles=())),
        ("ALTER POLICY p ON t RENAME TO q", RenamePart("policy", T, "p", "q")),
        ("ALTER TRIGGER p ON t RENAME TO q", RenamePart("trigger", T, "p", "q")),
        ("DROP POLICY IF EXISTS p ON s.t", DropPart("policy", Name("s", "t"), "p", if_exists=True)),
        ("DROP RULE r ON t CASCADE", DropPart("rule", T, "r", cascade=True)),
        ("DROP TRIGGER r ON t CASCADE", DropTrigger(T, "r", cascade=True)),
    ],
)
def test_what_stands_on_relations(sql: str, expected: object) -> None:
    assert action(sql) == expected


def test_rules_know_what_their_actions_touch() -> None:
    read = action("CREATE RULE r AS ON INSERT TO t WHERE new.a > 0 DO ALSO (INSERT INTO log SELECT g(new.b) FROM s.u)")
    log, u = Name(None, "log"), Name("s", "u")
    rule = Rule(
        "r",
        "INSERT",
        condition=Expr("new.a > 0", frozenset({"a"})),
        actions=("insert",),
        relations=frozenset({log, u}),
        columns=frozenset({"a", "b"}),
        functions=frozenset({Name(None, "g")}),
    )
    assert isinstance(read, CreateRule)
    assert read.rule == rule
    assert dict(read.touches) == {log: LockMode.ROW_EXCLUSIVE, u: LockMode.ACCESS_SHARE}


@pytest.mark.parametrize(
    ("sql", "kind", "name"),
    [
        ("CREATE OPERATOR s.=== (LEFTARG = int, RIGHTARG = text, FUNCTION = f)", "operator", "s.===(integer,text)"),
        ("CREATE OPERATOR CLASS s.oc FOR TYPE int USING btree AS OPERATOR 1 <", "operator class", "s.oc using btree"),
        ("CREATE CAST (int AS s.mood) WITHOUT FUNCTION", "cast", "integer as mood"),
        ("CREATE TRANSFORM FOR int LANGUAGE l (FROM SQL WITH FUNCTION f(internal))", "transform", "integer language l"),
        ("CREATE LANGUAGE l HANDLER h", "language", "l"),
        ("CREATE COLLATION IF NOT EXISTS c (LOCALE = 'C')", "collation", "c"),
        ("CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION f()", "event trigger", "e"),
        ("CREATE TEXT SEARCH CONFIGURATION s.c (COPY = english)", "text search configuration", "s.c"),
    ],
)
def test_things_have_all_that_tells_them_apart_in_their_names(sql: str, kind: str, name: str) -> None:
    read = action(sql)
    assert isinstance(read, CreateThing)
    spelled = f"{read.thing.name.schema}.{read.thing.name.name}" if read.thing.name.schema else read.thing.name.name
    assert (read.thing.kind, spelled) == (kind, name)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER EVENT TRIGGER e DISABLE", AlterThing("event trigger", Name(None, "e"), facts=(("enabled", "D"),))),
        ("ALTER LANGUAGE l RENAME TO m", AlterThing("language", Name(None, "l"), to="m")),
        (
            "ALTER OPERATOR - (NONE, int) SET SCHEMA s",
            AlterThing("operator", Name(None, "-(NONE,integer)"), schema="s"),
        ),
        ("DROP CAST IF EXISTS (int AS text)", DropThings("cast", (Name(None, "integer as text"),), if_exists=True)),
        (
            "DROP OPERATOR FAMILY s.o USING gin CASCADE",
            DropThings("operator family", (Name("s", "o using gin"),), cascade=True),
        ),
    ],
)
def test_things_that_change_and_go(sql: str, expected: object) -> None:
    assert action(sql) == expected


def test_event_triggers_keep_their_tags_in_order() -> None:
    read = action("CREATE EVENT TRIGGER e ON sql_drop WHEN TAG IN ('drop table', 'DROP INDEX') EXECUTE FUNCTION s.f()")
    facts = (("enabled", "O"), ("event", "sql_drop"), ("function", "s.f"), ("tags", "DROP INDEX, DROP TABLE"))
    assert read == CreateThing(Thing("event trigger", Name(None, "e"), facts))
