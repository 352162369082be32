"""Bounds and keys of partitions as values."""

import pytest

from migrate_safe.sql.bounds import (
    Bound,
    Everything,
    HashBound,
    ListBound,
    PartitionKey,
    RangeBound,
    bound_expression,
    bound_of,
    canonical_bound,
    partition_key_of,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DEFAULT", Everything()),
        ("FOR VALUES FROM (0) TO (10)", RangeBound(("=0",), ("=10",))),
        ("FOR VALUES FROM (-5) TO ('10')", RangeBound(("=-5",), ("=10",))),
        ("FOR VALUES FROM (MINVALUE, 'a') TO (1, maxvalue)", RangeBound(("MINVALUE", "=a"), ("=1", "MAXVALUE"))),
        ("FOR VALUES IN (1, NULL, 'x'::text, true)", ListBound(("1", None, "x", "true"))),
        ("FOR VALUES WITH (MODULUS 4, REMAINDER 0)", HashBound(4, 0)),
        ("FOR VALUES FROM (now()) TO (1)", None),
        ("FOR VALUES FROM (NULL) TO (1)", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_bounds(text: str, expected: Bound | None) -> None:
    assert bound_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RANGE (a)", PartitionKey("range", ("a",), frozenset({"a"}))),
        ('LIST ("A b")', PartitionKey("list", ("A b",), frozenset({"A b"}))),
        ("HASH (a, lower(b))", PartitionKey("hash", ("a", None), frozenset({"a", "b"}))),
        ("", None),
    ],
)
def test_keys(text: str, expected: PartitionKey | None) -> None:
    assert partition_key_of(text) == expected


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("FOR VALUES IN (1, 2)", "FOR VALUES IN ('2', '1')"),
        ("FOR VALUES FROM ('1') TO (2)", "for values from (1) to ('2')"),
        ("DEFAULT", " default"),
    ],
)
def test_spellings_of_one_bound_have_one_form(one: str, two: str) -> None:
    assert canonical_bound(one) == canonical_bound(two)


def test_other_bounds_have_other_forms() -> None:
    texts = ["FOR VALUES IN (1)", "FOR VALUES IN (1, 2)", "FOR VALUES FROM (1) TO (2)", "FOR VALUES FROM (1) TO (3)"]
    assert len({repr(canonical_bound(t)) for t in texts}) == len(texts)


@pytest.mark.parametrize(
    ("key", "bound", "expected"),
    [
        ("RANGE (a)", "FOR VALUES FROM (1) TO (MAXVALUE)", "a IS NOT NULL AND a >= '1'"),
        ("LIST (a)", "FOR VALUES IN ('x')", "a IS NOT NULL AND a = 'x'"),
        ("LIST (a)", "FOR VALUES IN ('x', 'a b')", """a IS NOT NULL AND a = ANY ('{x,"a b"}'::text[])"""),
        ("LIST (a)", "FOR VALUES IN (NULL)", "a IS NULL"),
        ("LIST (a)", "FOR VALUES IN (1, NULL)", "a IS NULL OR a = '1'"),
        ("RANGE (a, b)", "FOR VALUES FROM (1, 1) TO (2, 2)", None),
        ("HASH (a)", "FOR VALUES WITH (MODULUS 4, REMAINDER 0)", None),
        ("RANGE ((a + 1))", "FOR VALUES FROM (1) TO (2)", None),
    ],
)
def test_the_condition_that_detaching_leaves_behind(key: str, bound: str, expected: str | None) -> None:
    assert bound_expression(key, bound) == expected
