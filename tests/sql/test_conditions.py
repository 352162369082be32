"""Conditions over single columns as values."""

import pytest

from migrate_safe.sql.conditions import (
    Comparison,
    Condition,
    Either,
    Every,
    NullTest,
    Opaque,
    bound_condition,
    condition_of,
    has_subquery,
    negated,
)

A1 = Comparison("a", ">=", "1")
A9 = Comparison("a", "<", "9")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a >= 1", A1),
        ("1 <= a", A1),
        ("a >= 1 AND a < 9", Every((A1, A9))),
        ("a >= 1 OR a < 9", Either((A1, A9))),
        ("NOT (a < 1)", A1),
        ("NOT (a < 1 OR a >= 9)", Every((A1, A9))),
        ("a BETWEEN 1 AND 9", Every((A1, Comparison("a", "<=", "9")))),
        ("a IN (1, 2)", Either((Comparison("a", "=", "1"), Comparison("a", "=", "2")))),
        ("a = ANY (ARRAY[1, 2])", Either((Comparison("a", "=", "1"), Comparison("a", "=", "2")))),
        ("(b)::text = 'x'::text", Comparison("b", "=", "x")),
        ("b <> ALL (ARRAY['x'::text])", Every((Comparison("b", "<>", "x"),))),
        ("a IS NOT NULL", NullTest("a", False)),
        ("NOT (a IS NULL)", NullTest("a", False)),
        ("a >= -1", Comparison("a", ">=", "-1")),
        ("abs(a) >= 1", Opaque()),
        ("a::bigint >= 1", Opaque()),
        ("a >= b", Opaque()),
        ("a >= NULL", Opaque()),
        ("a ~ 'x'", Opaque()),
        ("a NOT BETWEEN 1 AND 2", Opaque()),
        ("no condition at all", Opaque()),
    ],
)
def test_conditions(text: str, expected: Condition) -> None:
    assert condition_of(text) == expected


@pytest.mark.parametrize(
    ("key", "bound", "expected"),
    [
        ("RANGE (a)", "FOR VALUES FROM (1) TO (9)", Every((NullTest("a", False), A1, A9))),
        ("RANGE (a)", "FOR VALUES FROM (MINVALUE) TO (9)", Every((NullTest("a", False), A9))),
        ("LIST (a)", "FOR VALUES IN (1)", Every((NullTest("a", False), Either((Comparison("a", "=", "1"),))))),
        ("LIST (a)", "FOR VALUES IN (1, NULL)", Either((NullTest("a", True), Comparison("a", "=", "1")))),
        ("HASH (a)", "FOR VALUES WITH (MODULUS 2, REMAINDER 1)", Opaque()),
        ("RANGE (a, b)", "FOR VALUES FROM (1, 1) TO (2, 2)", Opaque()),
        ("LIST (a)", "DEFAULT", Opaque()),
    ],
)
def test_bounds_as_conditions(key: str, bound: str, expected: Condition) -> None:
    assert bound_condition(key, bound) == expected


@pytest.mark.parametrize("text", ["a >= 1", "a IS NULL", "a > 1 AND (b < 2 OR c <> 3)", "abs(a) > 1"])
def test_a_condition_negated_twice_is_itself(text: str) -> None:
    assert negated(negated(condition_of(text))) == condition_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > (SELECT 1)", True),
        ("EXISTS (SELECT 1)", True),
        ("a IN (SELECT b FROM t)", True),
        ("selected > 1", False),
        ("a = 'select 1'", False),
        ("a > 1", False),
    ],
)
def test_subqueries_are_seen(text: str, expected: bool) -> None:
    assert has_subquery(text) is expected
