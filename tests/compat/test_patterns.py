"""Texts made for regular expressions and LIKE patterns."""

from __future__ import annotations

import re

import pytest

from migrate_safe.compat.patterns import like, matching

PATTERNS = [
    r"^[A-Z]{3}-\d{4}$",
    r"^\+?[0-9]{7,15}$",
    r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
    r"^(foo|ba[rz])_\w*$",
    r"^[0-9a-f]{64}$",
    r"^[a-z0-9]+(?:-[a-z0-9]+)*$",
    r"^#[0-9a-fA-F]{6}$",
    r"^[]x-]{5,}$",
    like("AB_%z"),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_they_match_and_are_distinct(pattern: str) -> None:
    made = list(matching(pattern, 200))
    assert len(set(made)) == 200
    assert [text for text in made if not re.search(pattern, text)] == []


@pytest.mark.parametrize(
    ("pattern", "texts"), [("^(a|b)$", ["a", "b"]), ("^x?$", ["", "x"]), ("[[:digit:]]", list("0123456789"))]
)
def test_all_that_a_pattern_allows_are_given_once(pattern: str, texts: list[str]) -> None:
    assert list(matching(pattern, 100)) == texts


@pytest.mark.parametrize("pattern", ["(", "a)", "[a", "(?=x)", "\\"])
def test_what_cannot_be_read_yields_nothing(pattern: str) -> None:
    assert list(matching(pattern, 100)) == []
