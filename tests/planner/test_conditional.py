"""IF EXISTS and IF NOT EXISTS: what finds nothing to do is not done, and so not undone."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.catalog.diff import diff
from migrate_safe.cli.main import main
from tests.conftest import Connect

BEFORE = """
CREATE TABLE users (id int PRIMARY KEY, name text, age int);
CREATE INDEX users_age ON users (age);
CREATE SEQUENCE numbers;
CREATE MATERIALIZED VIEW ages AS SELECT age FROM users;
INSERT INTO users SELECT g, 'n' || g, g FROM generate_series(1, 9) g;
"""
ABSENT = (
    "ALTER TABLE IF EXISTS absent ADD COLUMN x int",
    "ALTER TABLE IF EXISTS absent ADD COLUMN x int; ALTER TABLE IF EXISTS absent ADD COLUMN y int",
    "ALTER TABLE IF EXISTS absent RENAME COLUMN a TO b",
    "ALTER TABLE IF EXISTS absent RENAME TO gone",
    "ALTER TABLE IF EXISTS absent SET SCHEMA public",
    "DROP TABLE IF EXISTS absent, absent_too",
)
KNOWN = (
    "CREATE INDEX IF NOT EXISTS users_age ON users (name)",
    "CREATE TABLE IF NOT EXISTS users (id int)",
    "CREATE SEQUENCE IF NOT EXISTS numbers",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS ages AS SELECT 1 AS one",
    "ALTER TABLE users ADD COLUMN IF NOT EXISTS name text",
    "ALTER TABLE users DROP COLUMN IF EXISTS nothing",
    "ALTER TABLE users DROP CONSTRAINT IF EXISTS nothing",
    "ALTER TABLE users ALTER age DROP NOT NULL",
    "DROP TRIGGER IF EXISTS nothing ON users",
    "DROP POLICY IF EXISTS nothing ON users",
    "DROP RULE IF EXISTS nothing ON users",
)
SEEN_BY_A_SERVER_ALONE = (
    "DROP INDEX IF EXISTS nothing",
    "DROP VIEW IF EXISTS nothing",
    "DROP SEQUENCE IF EXISTS nothing",
    "DROP TYPE IF EXISTS nothing",
    "DROP FUNCTION IF EXISTS nothing()",
)


def planned(folder: Path, migration: str, *schema: str) -> str:
    """Plan a migration that also adds a column, and give the plan's file."""
    (folder / "1.sql").write_text(BEFORE)
    (folder / "2.sql").write_text(f"{migration};\nALTER TABLE users ADD COLUMN note text;")
    made = str(folder / "plan.yaml")
    assert main(["plan", str(folder / "2.sql"), "-o", made, "--name", "p", *schema]) == 0
    return made


@pytest.mark.parametrize(
    ("migration", "known"),
    [*product((*ABSENT, *KNOWN), ("files", "server")), *product(SEEN_BY_A_SERVER_ALONE, ("server",))],
)
def test_what_finds_nothing_is_done_and_taken_back_without_harm(
    migration: str, known: str, each_database: str, connect: Connect, tmp_path: Path
) -> None:
    c = connect(each_database)
    c.execute(BEFORE)
    made = planned(tmp_path, migration, *(["--schema", each_database] if known == "server" else []))
    start, there = read_schema(c), ["--dsn", each_database]
    assert main(["apply", made, *there]) == 0
    assert main(["rollback", "p", "--to", "baseline", *there]) == 0
    assert diff(start, read_schema(c)) == ()
    assert main(["apply", made, *there]) == 0


@pytest.mark.parametrize("migration", ABSENT[:1] + ABSENT[-1:])
def test_a_table_that_is_there_after_all_is_drift(
    migration: str, each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(each_database).execute(BEFORE + "CREATE TABLE absent (id int);")
    made = planned(tmp_path, migration)
    assert main(["apply", made, "--dsn", each_database]) == 77
    assert "+ table public.absent" in capsys.readouterr().err


def test_a_new_table_that_is_there_already_is_drift(
    each_database: str, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(each_database).execute(BEFORE + "CREATE TABLE teams (id int);")
    made = planned(tmp_path, "DROP TABLE IF EXISTS old_teams; CREATE TABLE IF NOT EXISTS teams (id int)")
    assert main(["apply", made, "--dsn", each_database]) == 77
    assert "+ table public.teams" in capsys.readouterr().err
