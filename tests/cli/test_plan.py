"""`plan`: where it writes, what it never overwrites, and the code for what it cannot read."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from migrate_safe.cli.main import main


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0001.sql").write_text("CREATE TABLE users (id int PRIMARY KEY, email text);")
    (tmp_path / "0002.sql").write_text("ALTER TABLE users ADD COLUMN name text;")
    return tmp_path


def test_a_plan_is_written_over_an_earlier_plan_and_over_an_empty_file(project, capsys):
    file = project / "plans" / "p.yaml"
    assert main(["plan", "0002.sql", "-o", str(file)]) == 0
    first = file.read_text()
    file.write_text(first + "# reviewed\n")
    assert main(["plan", "0002.sql", "-o", str(file)]) == 0
    assert file.read_text() == first
    file.write_text("")
    assert main(["plan", "0002.sql", "-o", str(file)]) == 0
    assert file.read_text() == first


@pytest.mark.parametrize("name", ["0002.sql", "notes.txt", "picture.png"])
def test_what_is_no_plan_is_never_overwritten(project, capsys, name):
    (project / "notes.txt").write_text("remember\n")
    (project / "picture.png").write_bytes(b"\x89PNG\0")
    before = (project / name).read_bytes()
    assert main(["plan", "0002.sql", "-o", name]) == 2
    assert f'"{name}" exists and is no plan' in capsys.readouterr().err
    assert (project / name).read_bytes() == before


def test_a_dash_is_standard_output(project, capsys):
    assert main(["plan", "0002.sql", "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("format: migrate-safe/plan/1\n")
    assert not (project / "-").exists()


def test_a_pipe_is_written_to_and_stays_a_pipe(project, capsys):
    pipe, read = project / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    assert main(["plan", "0002.sql", "-o", "pipe"]) == 0
    assert pipe.is_fifo()
    reader.join(timeout=30)
    assert read[0].startswith("format: migrate-safe/plan/1\n")


def test_a_link_is_followed(project, capsys):
    (project / "real").mkdir()
    (project / "p.yaml").symlink_to("real/p.yaml")
    assert main(["plan", "0002.sql", "-o", "p.yaml"]) == 0
    assert (project / "p.yaml").is_symlink()
    assert (project / "real" / "p.yaml").read_text().startswith("format:")


def test_a_syntax_error_is_bad_input_with_its_place(project, capsys):
    (project / "0003.sql").write_text("SELECT 1;\nALTER TABEL users ADD x int;")
    assert main(["plan", "0003.sql"]) == 2
    assert '0003.sql:2:1: it cannot be read: syntax error at or near "TABEL"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "said"), [(b"format: \xe9", "not UTF-8 text, from byte 8 on"), (None, "cannot be read: is a directory")]
)
def test_an_unreadable_plan_is_named_in_plain_words(project, capsys, data, said):
    if data is None:
        (project / "p.yaml").mkdir()
    else:
        (project / "p.yaml").write_bytes(data)
    assert main(["apply", "p.yaml", "--dsn", "host=/nowhere"]) == 2
    assert said in capsys.readouterr().err


RETYPED = "ALTER TABLE users ALTER email TYPE integer USING email::integer;"


@pytest.mark.parametrize(
    ("migration", "place", "said"),
    [
        ("-- migrate-safe: frobnicate\n{}", "0003.sql:1:18", "known after migrate-safe: are old-app-keeps, back,"),
        (
            "-- migrate-safe: old-ap-keeps all is well\n{}",
            "0003.sql:1:18",
            'did you mean "migrate-safe: old-app-keeps"?',
        ),
        ("-- migrate_safe: old-app-keeps it\n{}", "0003.sql:1:1", 'did you mean "migrate-safe: old-app-keeps"?'),
        ("{}\n-- migrate-safe: undo nothing", "0003.sql:2:1", "stands above no statement"),
        ("-- migrate-safe: back age = 1\n{}", "0003.sql:1:1", "names age, and the statement changes no type"),
        ("{}\n-- migrate-safe: back Mail = 1\n" + RETYPED, "0003.sql:2:1", "names mail, and the statement changes the"),
        ("{}\n-- migrate-safe: back email\n" + RETYPED, "0003.sql:2:1", "does not say how the old email follows from"),
    ],
)
@pytest.mark.parametrize("before", [(), ("0002.sql",)])
def test_a_directive_that_says_nothing_to_anybody_is_bad_input(project, capsys, migration, place, said, before):
    (project / "0003.sql").write_text(migration.format("ALTER TABLE users ADD COLUMN age int;"))
    assert main(["plan", *before, "0003.sql"]) == 2
    told = capsys.readouterr().err
    assert place in told
    assert said in told


def test_what_speaks_to_lint_is_no_error_of_plan(project):
    said = "".join(f"-- migrate-safe: {verb} index-not-concurrent: small\n" for verb in ("ignore-file", "ignore"))
    (project / "0003.sql").write_text(said + "CREATE INDEX ON users (email);")
    assert main(["plan", "0003.sql"]) == 0
