"""`lint` and `explain` as people and scripts meet them."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import jsonschema
import pytest

from migrate_safe.cli.docs import outdated, write
from migrate_safe.cli.main import main
from migrate_safe.report.lint_json import lint_schema_path
from migrate_safe.rulebook.load import load_rules


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder that is the top of its own repository."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def migration(text: str, name: str = "1.sql") -> None:
    Path(name).write_text(text)


def test_findings_are_text_and_exit_code_1(capsys):
    migration("DROP TABLE users;")
    assert main(["lint", "1.sql"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("1.sql:1:1: warning: drop-table\n")
    assert err == ""


@pytest.mark.parametrize("asked", [["--json"], ["--format", "json"], ["--format=json"]])
def test_json_is_valid_by_the_schema_that_ships(capsys, asked):
    migration("DROP TABLE users; SELEC 1; \\i x\n")
    assert main(["lint", *asked, "."]) == 1
    data = json.loads(capsys.readouterr().out)
    jsonschema.validate(data, json.loads(lint_schema_path().read_text()))
    assert data["summary"]["statements"] == 3


@pytest.mark.parametrize("form", ["json", "github", "gitlab", "sarif", "junit", "markdown", "text"])
def test_a_name_that_is_no_text_hides_no_other_file(
    form: str, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", write_through=True))
    for name in (b"1_\xff.sql", b"2_%\xc3\xbc.sql"):
        Path(os.fsdecode(name)).write_text("DROP TABLE users; SELEC 1;")
    assert main(["lint", "--format", form, "."]) == 1
    out = capsysbinary.readouterr().out.decode("utf-8")
    if form in ("json", "gitlab", "sarif"):
        json.loads(out)
    assert {"sarif": "1_%FF.sql", "json": r"1_\\xff.sql", "gitlab": r"1_\\xff.sql"}.get(form, "1_") in out
    assert {"sarif": "2_%25%C3%BC.sql", "github": "2_%25ü.sql"}.get(form, "2_%ü.sql") in out


def test_github_form(capsys):
    migration("DROP TABLE users;")
    assert main(["lint", "--format", "github", "1.sql"]) == 1
    assert capsys.readouterr().out.startswith("::warning file=1.sql,line=1,")


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("SELECT 1;", [], 0),
        ("DROP TABLE users;", ["--fail-on", "error"], 0),
        ("ALTER TABLE users ADD a int;", [], 0),
        ("ALTER TABLE users ADD a int;", ["--fail-on", "notice"], 1),
        ("CREATE INDEX CONCURRENTLY i ON t (a);", [], 0),
        ("CREATE INDEX CONCURRENTLY i ON t (a);", ["--transaction", "file"], 1),
        ("", [], 0),
    ],
)
def test_exit_codes(text, options, code):
    migration(text)
    assert main(["lint", *options, "1.sql"]) == code


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lint"], "name a PATH, or what changed with --since REF"),
        (["lint", "gone.sql"], 'no file or folder "gone.sql"'),
        (["lint", "--fail-on", "eror", "1.sql"], "Invalid value for '--fail-on'"),
        (["lint", "--postgres", "9", "1.sql"], "Invalid value for '--postgres'"),
        (["lint", "--schema", "gone.sql", "1.sql"], "gone.sql"),
        (["lint", "--rules", "gone", "1.sql"], 'no folder of rules "gone"'),
        (["lint", "--config", "gone.toml", "1.sql"], "cannot read the settings"),
        (["explain", "drop-tabel"], 'no rule "drop-tabel"\n  next: did you mean: migrate-safe explain drop-table'),
    ],
)
def test_bad_usage_is_exit_code_2_and_says_what_to_do(capsys, words, message):
    migration("SELECT 1;")
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "next:" in err or "settings" in err


def test_an_undecodable_file_is_exit_code_2_beside_the_findings_of_others(capsys):
    Path("1.sql").write_bytes(b"\xff")
    migration("DROP TABLE users;", "2.sql")
    assert main(["lint", "."]) == 2
    out = capsys.readouterr().out
    assert "drop-table" in out
    assert "1.sql:1: is not UTF-8: byte 0xff at offset 0" in out


def test_settings_are_obeyed_and_the_command_line_wins(capsys):
    migration("DROP TABLE users; CREATE INDEX CONCURRENTLY i ON t (a);")
    Path("migrate-safe.toml").write_text('disable = ["drop-table"]\nwrapping = "file"\nfail_on = "error"\n')
    assert main(["lint", "1.sql"]) == 1
    out = capsys.readouterr().out
    assert "concurrently-in-transaction" in out
    assert "drop-table" not in out
    assert main(["lint", "--transaction", "statement", "1.sql"]) == 0


def test_a_wrong_setting_is_named_with_its_file(capsys):
    migration("SELECT 1;")
    Path("migrate-safe.toml").write_text('disabel = ["drop-table"]')
    assert main(["lint", "1.sql"]) == 2
    err = capsys.readouterr().err
    assert 'migrate-safe.toml:1: unknown key "disabel"' in err
    assert 'did you mean "disable"?' in err


@pytest.mark.parametrize("rule", [r.id for r in load_rules()])
def test_every_rule_is_explained(capsys, rule):
    assert main(["explain", rule]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"# {rule}\n")
    assert "https://www.postgresql.org/docs/current/" in out


def test_all_rules_are_listed(capsys):
    assert main(["explain"]) == 0
    out = capsys.readouterr().out
    assert all(f"`{rule.id}`" in out for rule in load_rules())


OWN = """
title: Names say what they hold
harm: Nobody knows what is in it.
when: {action: create-table}
severity: notice
message: "{table} is made."
manual: https://example.org
examples:
  - bad: CREATE TABLE t ();
    message: t is made.
"""


@pytest.mark.parametrize("how", ["settings", "option"])
def test_rules_of_ones_own_are_explained(how: str, capsys):
    Path("rl/naming").mkdir(parents=True)
    Path("rl/naming/table-made.yaml").write_text(OWN)
    words = ["--rules", "rl"]
    if how == "settings":
        Path("migrate-safe.toml").write_text('rules = "rl"\n')
        words = []
    assert main(["explain", "table-made", *words]) == 0
    assert capsys.readouterr().out.startswith("# table-made\n")
    assert main(["explain", *words]) == 0
    listed = capsys.readouterr().out
    assert "`table-made`" in listed
    assert "`drop-table`" in listed


# ---- generated docs --------------------------------------------------------------------------


def test_the_generated_docs_are_up_to_date():
    assert outdated() == (), "run: python -m migrate_safe.cli.docs --write"


def test_what_is_out_of_date_is_written_and_what_is_over_is_removed(tmp_path: Path):
    write(tmp_path)
    assert outdated(tmp_path) == ()
    (tmp_path / "rules" / "gone-rule.md").write_text("old")
    (tmp_path / "cli.md").write_text("edited")
    assert outdated(tmp_path) == ("cli.md", "rules/gone-rule.md")
    write(tmp_path)
    assert outdated(tmp_path) == ()
