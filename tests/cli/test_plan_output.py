"""`plan`: what it prints in each form, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate_safe.cli.main import main
from migrate_safe.planner.codec import from_yaml

BEFORE = "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, name text);"
CHANGE = "ALTER TABLE users RENAME email TO email_address;\nCREATE INDEX ON users (name);"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001.sql").write_text(BEFORE)
    (tmp_path / "migrations" / "0002_mail.sql").write_text(CHANGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["plan", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_plan_goes_to_stdout_and_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "migrations/0002_mail.sql")
    plan = from_yaml(out, "out")
    assert (code, err, plan.name, plan.source.file) == (0, "", "0002_mail", "migrations/0002_mail.sql")
    assert len(plan.source.sha256) == 64


def test_with_a_file_the_terminal_shows_the_phases(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, err = run(capsys, "migrations/0002_mail.sql", "-o", "plans/0002.yaml", "--name", "mail")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line and line[0] not in " n"] == [
        "mail:", "expand", "migrate", "contract", "purge",
    ]  # fmt: skip
    assert "ACCESS EXCLUSIVE on public.users" in out
    assert "written to plans/0002.yaml" in err
    assert from_yaml((folder / "plans/0002.yaml").read_text(), "x").name == "mail"
    assert not list((folder / "plans").glob(".*"))


def test_other_forms_show_the_same_steps(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(run(capsys, "migrations/0002_mail.sql", "--json")[1])
    ids = [step["id"] for step in data["steps"]]
    sql, markdown = (run(capsys, "migrations/0002_mail.sql", "--format", f)[1] for f in ("sql", "markdown"))
    assert all(i in sql and f"`{i}`" in markdown for i in ids)
    assert "UPDATE public.users SET email_address = email WHERE" in sql


def test_the_state_before_can_be_named(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "alone.sql").write_text(CHANGE)
    assert run(capsys, "alone.sql")[0] == 77
    assert run(capsys, "alone.sql", "--schema", "migrations/0001.sql")[0] == 0


def test_what_is_refused_writes_nothing(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "bad.sql").write_text("DROP TABLE users;\nALTER TABLE users ALTER name TYPE int;")
    code, out, err = run(capsys, "bad.sql", "--schema", "migrations/0001.sql", "-o", "bad.yaml")
    assert (code, out) == (77, "")
    assert "bad.sql:1:1: DROP TABLE users" in err
    assert "bad.sql:2:1: ALTER TABLE users ALTER name TYPE int" in err
    assert not (folder / "bad.yaml").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "changes nothing"), (b"\xff\xfe\x00", "UTF-16"), (b"SELECT '\xe9'", "not UTF-8"), (b"a\x00b", "NUL byte")],
)
def test_bad_files_are_bad_usage(content: bytes, said: str, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "odd.sql").write_bytes(content)
    code, _, err = run(capsys, "odd.sql")
    assert code == 2 and said in err


def test_a_folder_a_missing_file_and_an_unwritable_place_are_bad_usage(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert run(capsys, "migrations")[0] == 2
    assert run(capsys, "nothing.sql")[0] == 2
    code, _, err = run(capsys, "migrations/0002_mail.sql", "-o", "migrations/0001.sql/x.yaml")
    assert code == 2 and "cannot be written" in err
