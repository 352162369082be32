"""Comments to this tool find their statements."""

import pytest

from tests.sql.reading import script


def directives(text: str) -> list[tuple[str, str, int | None]]:
    read = script(text)
    for found in read.directives:
        assert "migrate-safe:" in text[found.span.start : found.span.end]
    return [(d.verb, d.arguments, d.statement) for d in read.directives]


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("-- migrate-safe: ignore x: y\nDROP TABLE a;\nDROP TABLE b;", 0),
        ("DROP TABLE a;\n-- migrate-safe: ignore x: y\n\nDROP TABLE b;", 1),
        ("DROP TABLE a; -- migrate-safe: ignore x: y\nDROP TABLE b;", 0),
        ("DROP TABLE a -- migrate-safe: ignore x: y\n;DROP TABLE b;", 0),
        ("DROP TABLE\n-- migrate-safe: ignore x: y\na;DROP TABLE b;", 0),
        ("DROP TABLE a; DROP TABLE b; -- migrate-safe: ignore x: y", 1),
        ("DROP TABLE a; /* migrate-safe: ignore x: y */ DROP TABLE b;", 0),
        ("/* migrate-safe: ignore x: y */ DROP TABLE a;", 0),
        ("--migrate-safe: ignore x: y\nDROP TABLE a", 0),
        ("DROP TABLE a;\nDROP TABLE b;\n-- migrate-safe: ignore x: y", 2),
        ("-- migrate-safe: ignore x: y", 0),
        ("SELECT 1;\nDO $$ BEGIN\n  -- migrate-safe: ignore x: y\n  DROP TABLE a;\nEND $$;\nDROP TABLE b", 1),
    ],
)
def test_a_directive_belongs_to_the_statement_it_stands_at(text: str, statement: int) -> None:
    assert directives(text) == [("ignore", "x: y", statement)]


def test_file_directives_belong_to_no_statement() -> None:
    assert directives("DROP TABLE a;\n-- migrate-safe: ignore-file x: y\n") == [("ignore-file", "x: y", None)]


def test_a_block_comment_may_hold_several() -> None:
    text = "/*\n * migrate-safe: ignore a: b\n * migrate-safe: assume c d\n */\nDROP TABLE a"
    assert directives(text) == [("ignore", "a: b", 0), ("assume", "c d", 0)]


def test_a_directive_without_words_is_reported_as_such() -> None:
    assert directives("-- migrate-safe:\nDROP TABLE a") == [("", "", 0)]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '-- migrate-safe: ignore x: y'",
        "SELECT $$\n-- migrate-safe: ignore x: y\n$$",
        'SELECT 1 AS "-- migrate-safe: ignore x"',
        "-- see migrate-safe: ignore\nSELECT 1",
        "COPY t FROM stdin;\n-- migrate-safe: ignore x: y\n\\.\n",
    ],
)
def test_only_comments_that_start_so_count(text: str) -> None:
    assert directives(text) == []


def test_the_span_is_that_of_the_comment() -> None:
    (found,) = script("DROP TABLE a;\r\n  -- migrate-safe: ignore é: ü\r\nDROP TABLE b").directives
    assert (found.span.line, found.span.column, found.span.end_column) == (2, 3, 31)
