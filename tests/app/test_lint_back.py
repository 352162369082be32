"""Ways back make anew what the way forward took away: an index on a new table is no harm, on one in use it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import Struct

from migrate_safe.app.lint import LintRequest, lint

TABLE = "CREATE TABLE tags (id bigint PRIMARY KEY, name text);"
MAYBE = TABLE.replace("TABLE", "TABLE IF NOT EXISTS")
INDEX = "CREATE INDEX tags_name ON tags (name);"
FIRST = "CREATE TABLE users (id bigint PRIMARY KEY);"


class Way(Struct, frozen=True):
    """A migration after others, and its way back."""

    before: str
    forward: str
    back: str


WAYS = {
    "dropped": Way(TABLE, "DROP TABLE tags;", TABLE + INDEX),
    "dropped, made again if not there": Way(TABLE, "DROP TABLE IF EXISTS tags;", MAYBE + INDEX),
    "dropped under its full name": Way(TABLE, "DROP TABLE public.tags;", MAYBE + INDEX),
    "renamed away": Way(TABLE, "ALTER TABLE tags RENAME TO labels;", MAYBE + INDEX),
    "moved away": Way(
        "CREATE SCHEMA IF NOT EXISTS old;" + TABLE, "ALTER TABLE tags SET SCHEMA old;", MAYBE + INDEX
    ),
    "made over by the way back itself": Way(
        TABLE, "ALTER TABLE tags ADD slug text;", "DROP TABLE IF EXISTS tags;" + MAYBE + INDEX
    ),
    "put aside by the way back itself": Way(
        TABLE, "ALTER TABLE tags ADD slug text;", "ALTER TABLE tags RENAME TO tags_2;" + MAYBE + INDEX
    ),
    "never gone": Way(TABLE, "ALTER TABLE tags ADD slug text;", MAYBE + INDEX),
    "gone and come again": Way(TABLE, "DROP TABLE tags;" + TABLE, MAYBE + INDEX),
    "another renamed into its place": Way(
        "CREATE TABLE labels (id bigint, name text);" + TABLE,
        "DROP TABLE tags; ALTER TABLE labels RENAME TO tags;",
        MAYBE + INDEX,
    ),
}  # fmt: skip
LAYOUTS = {
    "golang-migrate, sqlx": ("1_a.up.sql", "2_b.up.sql", "2_b.down.sql"),
    "diesel": ("2024-01-01-000000_a/up.sql", "2024-01-02-000000_b/up.sql", "2024-01-02-000000_b/down.sql"),
    "flyway": ("V1__a.sql", "V2__b.sql", "U2__b.sql"),
}
MARKS = {
    "goose": ("-- +goose Up\n", "-- +goose Down\n"),
    "dbmate": ("-- migrate:up\n", "-- migrate:down\n"),
    "sql-migrate": ("-- +migrate Up\n", "-- +migrate Down\n"),
}


def layouts_of(way: Way) -> dict[str, dict[str, str]]:
    """Write a migration as each runner wants it: the files by their names."""
    texts = (FIRST + way.before, way.forward, way.back)
    found = {runner: dict(zip(names, texts, strict=True)) for runner, names in LAYOUTS.items()}
    for runner, (up, down) in MARKS.items():
        found[runner] = {"1_a.sql": up + texts[0], "2_b.sql": f"{up}{way.forward}\n{down}{way.back}"}
    return found


def flagged(folder: Path, files: dict[str, str]) -> bool:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    found = lint(LintRequest((folder,))).report.findings
    return any(f.rule == "index-not-concurrent" for f in found)


@pytest.mark.parametrize("case", WAYS)
def test_the_table_of_an_index_is_new_where_the_server_says_so(each_database, connect, tmp_path: Path, case: str):
    way, session = WAYS[case], connect(each_database)
    session.execute(FIRST + way.before + way.forward)
    old = {oid for (oid,) in session.execute("SELECT oid FROM pg_class").fetchall()}
    session.execute(way.back)
    [(made,)] = session.execute("SELECT 'tags'::regclass::oid").fetchall()
    for runner, files in layouts_of(way).items():
        assert flagged(tmp_path / runner, files) is (made in old), runner


@pytest.mark.parametrize("runner", [*LAYOUTS, *MARKS])
def test_a_migration_alone_tells_enough(tmp_path: Path, runner: str):
    [_, *alone] = layouts_of(WAYS["dropped, made again if not there"])[runner].items()
    assert not flagged(tmp_path, dict(alone))


def test_what_a_way_back_makes_is_new_where_nothing_tells_of_it(tmp_path: Path):
    assert not flagged(tmp_path, {"2_b.down.sql": MAYBE + INDEX})


def test_the_way_forward_too_makes_anew_what_it_has_dropped(tmp_path: Path):
    assert flagged(tmp_path / "maybe", {"1.sql": MAYBE + INDEX})
    assert not flagged(tmp_path / "surely", {"1.sql": "DROP TABLE IF EXISTS tags;" + MAYBE + INDEX})
    view = "CREATE MATERIALIZED VIEW IF NOT EXISTS tags AS SELECT 1 AS name;"
    assert flagged(tmp_path / "maybe view", {"1.sql": view + INDEX})
    assert not flagged(tmp_path / "surely view", {"1.sql": "DROP MATERIALIZED VIEW IF EXISTS tags;" + view + INDEX})
