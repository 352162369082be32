"""Release files: every query keeps its place, every mistake its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.adapters.release_files import read_release
from migrate_safe.model.errors import UsageError


@pytest.fixture
def release(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "v41.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_queries_keep_their_lines(release):
    path = release(
        "app: shop\nversion: v41\nqueries:\n  - SELECT 1\n  - |\n    SELECT id\n    FROM users\n  - 'SELECT '':x'''\n"
    )
    found = read_release(path)
    assert (found.app, found.version) == ("shop", "v41")
    assert [(q.sql, q.place) for q in found.queries] == [
        ("SELECT 1", f"{path}:4"),
        ("SELECT id\nFROM users", f"{path}:6"),
        ("SELECT ':x'", f"{path}:8"),
    ]


def test_sources_are_read_from_the_folder_of_the_release(release, tmp_path: Path):
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "b.sql").write_text("SELECT 3")
    (tmp_path / "queries" / "a.sql").write_text(
        "-- name: one; not an end\nSELECT ';', \"a;b\", $$;$$, E'\\';' /* ; */ WHERE x = %(x)s;\n\n"
        "-- only words\n;\nDELETE FROM t;"
    )
    path = release("app: shop\nversion: v41\nsources:\n  - sql: queries/*.sql\n")
    assert [(q.sql, q.place) for q in read_release(path).queries] == [
        ("SELECT ';', \"a;b\", $$;$$, E'\\';' /* ; */ WHERE x = %(x)s", f"{tmp_path}/queries/a.sql:2"),
        ("DELETE FROM t", f"{tmp_path}/queries/a.sql:6"),
        ("SELECT 3", f"{tmp_path}/queries/b.sql:1"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", None, "empty"),
        ("# only a comment\n", None, "empty"),
        (b"\xff\xfe\x00", 1, "not UTF-8"),
        (b"app: shop\x00\n", 1, "zero byte"),
        ("app: shop\nversion: v41\n", 1, "has no queries"),
        ("app: shop\nversion: v41\nqueries: []\n", 1, "has no queries"),
        ("app: shop\nqueries: [SELECT 1]\n", 1, 'has no "version"'),
        ("app: shop\nversion: 41\nqueries: [SELECT 1]\n", 2, 'quote it: "41"'),
        ("app: shop\nversion: v41\nquerys: [SELECT 1]\n", 3, 'did you mean "queries"?'),
        ("app: shop\nversion: v41\nqueries: SELECT 1\n", 3, "must be a list"),
        ("app: shop\nversion: v41\nqueries:\n  - SELECT 1\n  - {a: b}\n", 5, "must be text"),
        ("app: shop\nversion: v41\nqueries:\n  - ''\n", 4, "is empty"),
        ("app: shop\nversion: v41\nsources:\n  - sqlalchemy: shop.models:Base.metadata\n", 4, "No module named 'shop'"),
        ("app: shop\nversion: v41\nsources:\n  - pg_stat_statements: x.json\n", 4, "matches no file"),
        ("app: shop\nversion: v41\nsources:\n  - sq: x.sql\n", 4, 'did you mean "sql"?'),
        ("app: shop\nversion: v41\nsources:\n  - sql: none/*.sql\n", 4, "matches no file"),
        ("app: shop\nversion: v41\nsources:\n  - {sql: a, sqlalchemy: b}\n", 4, "one kind of source"),
        ("app: [shop\n", 2, "not valid YAML"),
        ("- a\n- b\n", 1, "must be a mapping"),
    ],
)
def test_mistakes_have_a_line_and_a_next_move(release, text, line, words):
    path = release(text)
    with pytest.raises(UsageError) as caught:
        read_release(path)
    assert words in str(caught.value)
    assert caught.value.next_move
    assert caught.value.place == (str(path) if line is None else f"{path}:{line}")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(UsageError, match=str(path)):
            read_release(path)
