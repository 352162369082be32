"""Runners of migrations from the command line: found, named, and what they do to ways back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from migrate_safe.cli.main import main

CIC = "SET work_mem = '1GB';\nCREATE INDEX CONCURRENTLY i ON t (a);\n"


@pytest.fixture
def lint(tmp_path: Path, monkeypatch, capsys):
    """Write files, lint them, and give file and rule of each finding, and how many files each runner runs."""
    monkeypatch.chdir(tmp_path)
    Path(".git").mkdir()

    def run(files: dict[str, str], *options: str) -> tuple[list[tuple[str, str]], dict[str, int]]:
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)
        assert main(["lint", ".", *options, "--json"]) in (0, 1)
        said = json.loads(capsys.readouterr().out)
        return [(f["file"], f["rule"]) for f in said["findings"]], said["summary"]["frameworks"]

    return run


def test_what_runs_a_file_decides_and_is_said(lint, capsys):
    fails = "concurrently-in-transaction"
    assert lint({"a/1_a.sql": CIC}) == ([], {"psql": 1})
    assert lint({"a/1_a.sql": "-- migrate:up\n" + CIC}) == ([("a/1_a.sql", fails)], {"dbmate": 1})
    assert lint({"a/1_a.sql": CIC}, "--framework", "goose") == ([("a/1_a.sql", fails)], {"goose": 1})
    assert lint({}, "--framework", "goose", "--transaction", "statement") == ([], {"goose": 1})
    main(["lint", ".", "--framework", "goose"])
    assert "(2 statements in 1 file of goose)" in capsys.readouterr().out
    assert main(["lint", ".", "--framework", "gose"]) == 2
    assert "goose" in capsys.readouterr().err


def test_settings_name_a_runner_for_all_or_some(lint):
    settings = "framework = 'golang-migrate'\n[[paths]]\nmatch = 'b'\nframework = 'psql'\n"
    found, runners = lint({"a/1.sql": CIC, "b/1.sql": CIC, "migrate-safe.toml": settings})
    assert found == [("a/1.sql", "concurrently-in-transaction")]
    assert runners == {"golang-migrate": 1, "psql": 1}


MADE = "CREATE TABLE users (id bigint PRIMARY KEY);"
ADDED = "SET lock_timeout = '1s';\nALTER TABLE users ADD COLUMN age int;"
GONE = "SET lock_timeout = '1s';\nALTER TABLE users DROP COLUMN age;\nCREATE INDEX i ON users (id);"
PLAN = "%syntax-version=1.0.0\nusers 2024-01-01T00:00:00Z A <a@b>\nage [users] 2024-01-02T00:00:00Z A <a@b>\n"


@pytest.mark.parametrize(
    "files",
    [
        {"1_a.up.sql": MADE, "2_b.up.sql": ADDED, "2_b.down.sql": GONE},
        {"1_a/up.sql": MADE, "2_b/up.sql": ADDED, "2_b/down.sql": GONE},
        {"V1__a.sql": MADE, "V2__b.sql": ADDED, "U2__b.sql": GONE},
        {"1_a.sql": f"-- +goose Up\n{MADE}", "2_b.sql": f"-- +goose Up\n{ADDED}\n-- +goose Down\n{GONE}"},
        {"1_a.sql": f"-- +migrate Up\n{MADE}", "2_b.sql": f"-- +migrate Up\n{ADDED}\n-- +migrate Down\n{GONE}"},
        {"1_a.sql": f"-- migrate:up\n{MADE}", "2_b.sql": f"-- migrate:up\n{ADDED}\n-- migrate:down\n{GONE}"},
        {"1_a.sql": MADE, "2_b.sql": f"{ADDED}\n---- create above / drop below ----\n{GONE}"},
        {"1_a.sql": MADE, "2_b.sql": f"-- Down Migration\n{GONE}\n-- Up Migration\n{ADDED}"},
        {"deploy/users.sql": MADE, "deploy/age.sql": ADDED, "revert/age.sql": GONE, "sqitch.plan": PLAN},
    ],
    ids=["golang-migrate", "diesel", "flyway", "goose", "sql-migrate", "dbmate", "tern", "node-pg-migrate", "sqitch"],
)
def test_ways_back_are_judged_as_ways_back_on_what_the_way_forward_left(lint, files):
    found, _ = lint(files)
    [(file, rule)] = found
    assert rule == "index-not-concurrent"  # and no drop-column: nobody uses what is taken back
    assert file == next(name for name, text in files.items() if GONE in text)


@pytest.mark.parametrize("behind", ["SELECT 1;", "COMMIT;\n"])
def test_a_commit_of_the_files_own_ends_the_transaction_of_the_runner(lint, behind):
    text = f"-- +goose Up\n{ADDED}\n{behind}\nCREATE INDEX CONCURRENTLY i ON users (age);\n"
    found, _ = lint({"1_a.sql": f"-- +goose Up\n{MADE}", "2_b.sql": text})
    assert ("2_b.sql", "concurrently-in-transaction") in found or behind.startswith("COMMIT")
    whole, _ = lint({"2_b.sql": text.replace("+goose Up", "migrate:up")}, "--framework", "dbmate")
    assert ("2_b.sql", "concurrently-in-transaction") in whole  # one message: behind COMMIT the next one begins


OWN = "BEGIN;\nSET LOCAL lock_timeout = '1s';\nALTER TABLE users ADD COLUMN age int;\nCOMMIT;\n"


@pytest.mark.parametrize(
    ("file", "nested"),
    [
        ({"1.sql": OWN}, False),
        ({"1_a.up.sql": OWN}, False),
        ({"1_a.up.sql": OWN + OWN.replace("age", "size")}, False),
        ({"1/migration.sql": OWN}, False),
        ({"1.sql": f"-- migrate:up transaction:false\n{OWN}"}, False),
        ({"1.sql": f"-- +goose NO TRANSACTION\n-- +goose Up\n{OWN}"}, False),
        ({"1.sql": f"-- +goose Up\n{OWN}"}, True),
        ({"1.sql": f"-- migrate:up\n{OWN}"}, True),
        ({"1/up.sql": OWN}, True),
        ({"V1__a.sql": OWN}, True),
        ({"1_a.up.sql": "BEGIN;\n" + OWN}, True),
    ],
)
def test_a_transaction_of_the_files_own_is_nested_only_where_the_runner_opened_one(lint, file, nested):
    found, _ = lint(file)
    assert ("nested-transaction" in [rule for _, rule in found]) is nested


def test_what_the_cache_answers_needs_no_parser():
    heavy = ("migrate_safe.model.statement", "migrate_safe.sql", "postgast", "psycopg", "yaml")
    code = f"import sys, migrate_safe.cli.lint; sys.exit(', '.join(m for m in {heavy} if m in sys.modules) or 0)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
