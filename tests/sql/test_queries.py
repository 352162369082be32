"""Application queries in the form that a server prepares."""

import pytest

from migrate_safe.model.names import Name
from migrate_safe.sql.queries import prepare_form


@pytest.mark.parametrize(
    ("sql", "expected", "parameters"),
    [
        ("SELECT 1", "SELECT 1", ()),
        ("SELECT %s, %s", "SELECT $1, $2", ("", "")),
        ("SELECT %s,%s", "SELECT $1,$2", ("", "")),
        ("SELECT %(a)s, %(b)s, %(a)s", "SELECT $1, $2, $1", ("a", "b")),
        ("SELECT 5 %% 2, 'a%%', %s", "SELECT 5 % 2, 'a%', $1", ("",)),
        ("SELECT a FROM t WHERE b LIKE '%s'", "SELECT a FROM t WHERE b LIKE '%s'", ()),
        ("SELECT 5 % 2", "SELECT 5 % 2", ()),
        ("SELECT %b, %t", "SELECT $1, $2", ("", "")),
        ("SELECT $2::int, $1", "SELECT $2::int, $1", ("", "")),
        ("SELECT :a, :b::text, :a", "SELECT $1, $2::text, $1", ("a", "b")),
        ("SELECT a::int, ':x', \"a:b\", b[1:2] -- :y", "SELECT a::int, ':x', \"a:b\", b[1:2] -- :y", ()),
        ("SELECT a FROM t WHERE b=:b", "SELECT a FROM t WHERE b=$1", ("b",)),
        ("SELECT ?, ?", "SELECT $1, $2", ("", "")),
        ("SELECT a FROM t WHERE b=? AND c IN (?,?)", "SELECT a FROM t WHERE b=$1 AND c IN ($2,$3)", ("", "", "")),
        ("SELECT a FROM t WHERE j ? 'k'", "SELECT a FROM t WHERE j ? 'k'", ()),
        ("SELECT a FROM t WHERE j ? 'k' AND b = ?", "SELECT a FROM t WHERE j ? 'k' AND b = $1", ("",)),
        ("SELECT a FROM t WHERE j ?? 'k' AND b = ?", "SELECT a FROM t WHERE j ? 'k' AND b = $1", ("",)),
        (
            "SELECT a FROM t WHERE j ?| ARRAY['k'] AND x @? 'y'",
            "SELECT a FROM t WHERE j ?| ARRAY['k'] AND x @? 'y'",
            (),
        ),
        ("SELECT a FROM t WHERE j ? 'k' AND b = %s", "SELECT a FROM t WHERE j ? 'k' AND b = $1", ("",)),
        ("SELECT a FROM t WHERE j ? 'k' AND b = $1", "SELECT a FROM t WHERE j ? 'k' AND b = $1", ("",)),
        ("SELECT a FROM t WHERE b IN %s", "SELECT a FROM t WHERE b IN ($1)", ("",)),
        ("SELECT a FROM t WHERE b IN :ids", "SELECT a FROM t WHERE b IN ($1)", ("ids",)),
        ("SELECT a FROM t LIMIT ?OFFSET ?", "SELECT a FROM t LIMIT $1 OFFSET $2", ("", "")),
        ("SELECT 1;\n", "SELECT 1", ()),
        ("SELECT $$ %s :a ? $$, %s", "SELECT $$ %s :a ? $$, $1", ("",)),
        ("SELECT 1 /* %s */ + %s", "SELECT 1 /* %s */ + $1", ("",)),
    ],
)
def test_placeholders_become_those_of_the_server(sql: str, expected: str, parameters: tuple[str, ...]) -> None:
    form = prepare_form(sql)
    assert (form.sql, form.parameters, form.problem) == (expected, parameters, None)


@pytest.mark.parametrize(
    ("sql", "kind", "relations", "written"),
    [
        ("SELECT * FROM a, s.b", "select", ["a", "s.b"], []),
        ("VALUES (1)", "select", [], []),
        ("WITH x AS (SELECT * FROM a) INSERT INTO b SELECT * FROM x", "insert", ["a", "b"], ["b"]),
        ("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", "select", ["a"], ["a"]),
        ("UPDATE a SET b = 1 FROM c", "update", ["a", "c"], ["a"]),
        ("DELETE FROM a", "delete", ["a"], ["a"]),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", "merge", ["a", "b"], ["a"]),
    ],
)
def test_what_a_query_names(sql: str, kind: str, relations: list[str], written: list[str]) -> None:
    form = prepare_form(sql)
    assert (form.kind, sorted(map(str, form.relations)), list(map(str, form.written))) == (kind, relations, written)


def test_columns_and_functions_are_all_that_stand_anywhere() -> None:
    form = prepare_form(
        "INSERT INTO t (a, b) SELECT c, f(d) FROM u ON CONFLICT (e) WHERE g DO UPDATE SET h = excluded.i RETURNING j"
    )
    assert form.columns == set("abcdeghij")
    assert form.functions == {Name(None, "f")}


@pytest.mark.parametrize(
    ("sql", "star"),
    [
        ("SELECT * FROM t", True),
        ("SELECT t.*, 1 FROM t", True),
        ("SELECT a FROM t UNION SELECT * FROM u", True),
        ("UPDATE t SET a = 1 RETURNING *", True),
        ("SELECT count(*) FROM t", False),
        ("SELECT a FROM (SELECT * FROM t) u", False),
        ("SELECT EXISTS (SELECT * FROM t)", False),
        ("DELETE FROM t RETURNING a", False),
    ],
)
def test_star_means_that_the_result_follows_the_table(sql: str, star: bool) -> None:
    assert prepare_form(sql).star is star


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("", "the query is empty"),
        ("-- only words", "the query is empty"),
        ("SELECT 1; SELECT 2", "2 statements in one query"),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("COPY t FROM STDIN", "COPY cannot be prepared"),
        ("LISTEN x", "LISTEN cannot be prepared"),
        ("CREATE TABLE t ()", "CREATE cannot be prepared"),
        ("BEGIN", "BEGIN cannot be prepared"),
        ("SELECT '\0'", "the query contains a NUL character"),
    ],
)
def test_what_cannot_be_prepared_is_said(sql: str, problem: str) -> None:
    assert prepare_form(sql).problem == problem
