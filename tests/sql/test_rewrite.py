"""Statements and expressions written anew."""

import pytest

from migrate_safe.model.errors import UsageError
from migrate_safe.sql.rewrite import make_concurrent, rename_columns


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a", "b"),
        ("t.a + a", "t.b + b"),
        ("paid > 0 AND a <> 'a'", "paid > 0 AND b <> 'a'"),
        ("a::a", "b::a"),
        ("a(a)", "a(b)"),
        ("(c).a", "(c).a"),
        ("(a).a", "(b).a"),
        ('"A" = a', '"A" = b'),
        ("CASE a WHEN 1 THEN a END", "CASE b WHEN 1 THEN b END"),
        ("1", "1"),
    ],
)
def test_columns_are_renamed_and_nothing_else(expression: str, expected: str) -> None:
    assert rename_columns(expression, {"a": "b"}) == expected


def test_renames_do_not_meet() -> None:
    assert rename_columns("a + b", {"a": "b", "b": "a"}) == "b + a"
    assert rename_columns("a", {"a": "Order By"}) == '"Order By"'


@pytest.mark.parametrize("expression", ["", "a,", "DROP TABLE t", "EXISTS (SELECT 1 FROM t WHERE a)"])
def test_what_cannot_be_renamed_for_certain_is_refused(expression: str) -> None:
    with pytest.raises(UsageError):
        rename_columns(expression, {"a": "b"})


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE INDEX i ON t (a)", "CREATE INDEX CONCURRENTLY i ON t (a)"),
        (
            "create unique /* index */ index\n  ON t (a) -- x",
            "create unique /* index */ index CONCURRENTLY\n  ON t (a) -- x",
        ),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX CONCURRENTLY i ON t (a)"),
        ("DROP INDEX IF EXISTS s.i", "DROP INDEX CONCURRENTLY IF EXISTS s.i"),
        ("DROP INDEX a, b", "DROP INDEX CONCURRENTLY a;\nDROP INDEX CONCURRENTLY b"),
        ("DROP INDEX CONCURRENTLY i", "DROP INDEX CONCURRENTLY i"),
        ("REINDEX (VERBOSE) TABLE t", "REINDEX (VERBOSE) TABLE CONCURRENTLY t"),
        ("REINDEX INDEX i", "REINDEX INDEX CONCURRENTLY i"),
        ("REFRESH MATERIALIZED VIEW v", "REFRESH MATERIALIZED VIEW CONCURRENTLY v"),
        ("ALTER TABLE t DETACH PARTITION p", "ALTER TABLE t DETACH PARTITION p CONCURRENTLY"),
    ],
)
def test_the_concurrent_form(sql: str, expected: str) -> None:
    assert make_concurrent(sql) == expected
    for statement in make_concurrent(sql).split(";\n"):
        assert make_concurrent(statement) == statement


@pytest.mark.parametrize(
    "sql",
    [
        "DROP INDEX a CASCADE",
        "CREATE TABLE t ()",
        "ALTER TABLE t DROP a, DETACH PARTITION p",
        "nonsense",
        "",
        "BEGIN; COMMIT",
    ],
)
def test_what_has_no_concurrent_form_is_refused(sql: str) -> None:
    with pytest.raises(UsageError):
        make_concurrent(sql)
