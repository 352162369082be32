"""Findings that a project knows when it begins to lint are left out, and new ones are not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from migrate_safe.cli.main import main

OLD = "CREATE TABLE t (id int PRIMARY KEY, a int);\nALTER TABLE far ADD COLUMN b bigserial;\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "1.sql").write_text(OLD)
    return tmp_path


def test_what_was_there_is_left_out_and_what_is_new_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", "db"]) == 1
    assert main(["lint", "--baseline", "known.json", "--write-baseline", "db"]) == 0
    assert "2 findings written to known.json" in capsys.readouterr().out
    assert [(f["rule"], f["file"], f["line"]) for f in json.loads(Path("known.json").read_text())["findings"]] == [
        ("add-serial-column", "db/1.sql", 2),
        ("lock-timeout-missing", "db/1.sql", 2),
    ]
    for paths in (["db"], [str(project / "db")], ["./db/../db/1.sql"]):
        assert main(["lint", "--baseline", "known.json", *paths]) == 0
        assert "no findings (2 statements in 1 file, 2 in the baseline)" in capsys.readouterr().out
    monkeypatch.chdir(project / "db")
    assert main(["lint", "--baseline", "../known.json", "."]) == 0
    monkeypatch.chdir(project)
    capsys.readouterr()
    Path("db/1.sql").write_text(f"SELECT 1;\n\n{OLD}")  # moved, the same all the same
    Path("db/2.sql").write_text("CREATE INDEX i ON t (a);\n")
    assert main(["lint", "--baseline", "known.json", "--json", "db"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert {f["file"] for f in told["findings"]} == {"db/2.sql"}
    assert told["summary"]["baselined"] == 2


def test_the_settings_name_it(project: Path) -> None:
    Path("db/migrate-safe.toml").write_text("baseline = 'known.json'\n")
    assert main(["lint", "--config", "db/migrate-safe.toml", "--write-baseline", "db"]) == 0
    assert Path("db/known.json").is_file()
    assert main(["lint", "--config", "db/migrate-safe.toml", "db"]) == 0


def test_the_same_statement_once_more_is_new(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--baseline", "k.json", "--write-baseline", "db"]) == 0
    Path("db/1.sql").write_text(OLD + "ALTER TABLE far ADD COLUMN b bigserial;\n")
    assert main(["lint", "--baseline", "k.json", "db"]) == 1


BAD = {
    "no file": (None, "k.json: cannot read the baseline: no such file or directory"),
    "no JSON": ("{\n  nope", "k.json:2: the baseline is no JSON"),
    "another format": ('{"format": "x", "findings": []}', 'no baseline of the form "migrate-safe/baseline/1"'),
    "no list": ('{"format": "migrate-safe/baseline/1", "findings": 3}', "no baseline of the form"),
    "no text": ("\x00", "k.json:1: is not text"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_that_is_no_baseline(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, said = BAD[what]
    if content is not None:
        Path("k.json").write_text(content)
    assert main(["lint", "--baseline", "k.json", "db"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "next: write it anew with --write-baseline" in err


@pytest.mark.parametrize("words", [["--write-baseline"], ["--write-baseline", "--baseline", "k", "--since", "main"]])
def test_writing_needs_a_file_and_the_whole(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", *words, "db"]) == 2
    assert "--write-baseline needs --baseline FILE" in capsys.readouterr().err


def test_nothing_is_written_when_a_file_could_not_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("db/2.sql").write_bytes(b"\xff\xfe\x00")
    assert main(["lint", "--baseline", "k.json", "--write-baseline", "db"]) == 2
    assert not Path("k.json").exists()
    out, err = capsys.readouterr()
    assert "db/2.sql:1: is UTF-16" in out
    assert 'nothing is written to "k.json", for not every file could be read' in err


def test_a_name_that_is_no_text_is_known_again() -> None:
    Path("db/1.sql").rename(os.fsdecode(b"db/1\xff.sql"))
    assert main(["lint", "--baseline", "k.json", "--write-baseline", "db"]) == 0
    assert r"db/1\xff.sql" in {f["file"] for f in json.loads(Path("k.json").read_text())["findings"]}
    assert main(["lint", "--baseline", "k.json", "db"]) == 0
    Path(os.fsdecode(b"db/1\xff.sql")).rename(os.fsdecode(b"db/1\xfe.sql"))
    assert main(["lint", "--baseline", "k.json", "db"]) == 1
