"""Settings are strict: a misspelt key never passes silently."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migrate_safe.adapters.config import Config, load_config
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Severity
from migrate_safe.model.framework import Framework
from migrate_safe.model.preferences import Preferences, SmallTable
from migrate_safe.model.statement import Wrapping

WHOLE = """
disable = ["drop-column"]
wrapping = "file"
framework = "goose"
small_table = "1MB"
postgres = 15
fail_on = "error"
rules = "our-rules"
dsn_env = "SHOP_DSN"
stall_budget = "2s"
environment = "staging"
releases = ["releases/*.yaml"]
severity = {rename-column = "notice"}

[[paths]]
match = "legacy/**"
disable = ["locks"]
severity = {drop-table = "error"}
wrapping = "statement"
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_every_key_is_read(tmp_path: Path):
    file = write(tmp_path / "migrate-safe.toml", WHOLE)
    assert load_config(file) == Config(
        severity={"rename-column": Severity.NOTICE},
        disable=("drop-column",),
        wrapping=Wrapping.FILE,
        framework=Framework.GOOSE,
        small_table=SmallTable(bytes=1024 * 1024),
        postgres=15,
        fail_on=Severity.ERROR,
        rules="our-rules",
        dsn_env="SHOP_DSN",
        stall_budget=2000,
        environment="staging",
        releases=("releases/*.yaml",),
        paths=(
            Preferences(
                severity={"drop-table": Severity.ERROR},
                disable=("locks",),
                wrapping=Wrapping.STATEMENT,
                match=("legacy/**",),
                folder=tmp_path,
            ),
        ),
        file=file,
    )


def test_pyproject_gives_the_same(tmp_path: Path):
    own = load_config(write(tmp_path / "migrate-safe.toml", WHOLE))
    project = load_config(write(tmp_path / "pyproject.toml", "[tool.migrate_safe]\n" + WHOLE))
    assert project.severity == own.severity
    assert project.stall_budget == own.stall_budget


def test_the_nearest_file_upwards_rules_but_not_beyond_the_repository(tmp_path: Path):
    write(tmp_path / "migrate-safe.toml", "postgres = 14")
    inner = tmp_path / "repo" / "db"
    inner.mkdir(parents=True)
    assert load_config(start=inner).postgres == 14
    (tmp_path / "repo" / ".git").mkdir()
    assert load_config(start=inner) == Config()
    write(tmp_path / "repo" / "pyproject.toml", "[tool.migrate_safe]\npostgres = 16")
    assert load_config(start=inner).postgres == 16
    assert load_config(start=inner).folder == (tmp_path / "repo").resolve()


def test_a_pyproject_without_our_table_says_nothing(tmp_path: Path):
    write(tmp_path / "pyproject.toml", "[project]\nname = 'x'\n")
    (tmp_path / ".git").mkdir()
    assert load_config(start=tmp_path) == Config()


@pytest.mark.parametrize(
    ("text", "message", "next_move"),
    [
        ("wraping = 'file'", 'unknown key "wraping"', 'did you mean "wrapping"?'),
        ("wrapping = 'flie'", "in \"wrapping\": unknown value 'flie'", 'did you mean "file"?'),
        ("[severity]\ndrop-column = 'eror'", "in \"severity.drop-column\": unknown value 'eror'", 'mean "error"?'),
        ("severity = 'error'", 'in "severity": must be a table', ""),
        ("disable = 'x'", 'in "disable": must be a list', ""),
        ("disable = [3]", 'in "disable": must be a text', ""),
        ("postgres = 13", 'in "postgres": must be a major version from 14 to 18, not 13', ""),
        ("postgres = true", 'in "postgres": must be a major', ""),
        ("small_table = '1 parsec'", 'in "small_table": must be a size such as "1MB" or "10000 rows"', ""),
        ("small_table = 9", 'in "small_table": must be a size', ""),
        ("stall_budget = 'soon'", 'in "stall_budget": must be a time such as', ""),
        ("stall_budget = 0", 'in "stall_budget": must be 10 ms or more', ""),
        ("disable = ['a']\n[severity]\na = 'error'", '"a" is both in "disable" and in "severity"', "keep one"),
        ("paths = 'x'", 'in "paths": must be tables', "write [[paths]]"),
        ("paths = ['x']", 'in "paths": must be tables', ""),
        ("[[paths]]", 'a table of "paths" without "match"', "add match"),
        ("[[paths]]\nmatch = 'a'", 'a table of "paths" that says nothing', ""),
        ("[[paths]]\nmatch = []", 'in "paths.match": must name files', ""),
        ("[[paths]]\nmatch = '../a'", 'in "paths.match": "../a" can match no file', ""),
        ("[[paths]]\nmatch = 'a'\ndisabel = []", 'unknown key "paths.disabel"', 'did you mean "disable"?'),
        ("[[paths]]\nmatch = 'a'\npostgres = 15", 'unknown key "paths.postgres"', "one of: match, severity"),
        ("[[paths]]\nmatch = 'a'\nwrapping = 'flie'", "in \"paths.wrapping\": unknown value 'flie'", '"file"?'),
        ("[tool.migrate_safe]", 'unknown key "tool"', "the keys stand at the top"),
        ("x = = 1", "not valid TOML", ""),
    ],
)
def test_what_is_not_understood_is_an_error_with_its_key(tmp_path: Path, text, message, next_move):
    line = text.count("\n") + 1
    file = write(tmp_path / "migrate-safe.toml", text)
    with pytest.raises(UsageError) as caught:
        load_config(file)
    assert message in caught.value.message
    assert next_move in caught.value.next_move
    assert caught.value.place == f"{file}:{line}"


TWO_TABLES = """disable = ["locks"] # severity = {x = 1}
[[paths]]
match = "a"
disable = ["x", "y"]

[paths.severity]
z = "error"

[[paths]]
match = ["b", "c"]
disable = [
  "z",
  "x",
]

[severity]
x = "notice"
"""


def test_the_line_of_every_name(tmp_path: Path):
    file = write(tmp_path / "migrate-safe.toml", TWO_TABLES)
    lines = [{n: int(p.rpartition(":")[2]) for n, p in t.places.items()} for t in load_config(file).preferences]
    assert lines == [{"locks": 1, "x": 17}, {"x": 4, "y": 4, "z": 7}, {"z": 12, "x": 13}]
    inside = TWO_TABLES.replace("paths", "tool.migrate_safe.paths").replace("[severity", "[tool.migrate_safe.severity")
    project = write(tmp_path / "pyproject.toml", "[tool.x]\nz = 1\n[tool.migrate_safe]\n" + inside)
    theirs = [{n: int(p.rpartition(":")[2]) - 3 for n, p in t.places.items()} for t in load_config(project).preferences]
    assert theirs == lines


def test_where_a_key_stands_is_looked_for_in_our_part_of_a_pyproject(tmp_path: Path):
    text = "[tool.other]\nseverity = 1\n\n[tool.migrate_safe.severity]\ndrop-table = 'notice'\n'drop-column' = 'eror'\n"
    file = write(tmp_path / "pyproject.toml", text)
    with pytest.raises(UsageError) as caught:
        load_config(file)
    assert caught.value.place == f"{file}:6"


@pytest.mark.parametrize(("text", "key"), [("tool = 3", "tool"), ("[tool]\nmigrate_safe = [1]", "tool.migrate_safe")])
def test_what_should_be_our_table_and_is_none(tmp_path: Path, text, key):
    file = write(tmp_path / "pyproject.toml", text)
    with pytest.raises(UsageError, match=f'in "{key}": must be a table') as caught:
        load_config(start=tmp_path)
    assert caught.value.place == f"{file}:{text.count(chr(10)) + 1}"


VALUES = [
    "3",
    "-1",
    "0.5",
    "nan",
    "true",
    "''",
    "'x'",
    "[]",
    "['']",
    "[[]]",
    "[{}]",
    "{}",
    "{a = 1}",
    "{a = {}}",
    "1979-05-27",
]


@pytest.mark.parametrize("key", [f for f in Config.__struct_fields__ if f not in ("file", "places")] + ["tool", "x"])
def test_any_value_under_any_key_is_read_or_refused_with_its_line(tmp_path: Path, key):
    for value in [*VALUES, "'" + "9" * 5000 + "'"]:
        file = write(tmp_path / "migrate-safe.toml", f"# settings\n{key} = {value}\n")
        try:
            load_config(file)
        except UsageError as error:
            assert error.place == f"{file}:2", value


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"a = '\xff'", ":1"),
        (b"\n\0", ":2"),
        ("a = 1".encode("utf-16"), ":1"),
        (b"a = " + b"[" * 9999, ""),
        (b"a = " + b"9" * 9999, ""),
    ],
)
def test_bytes_that_are_no_settings(tmp_path: Path, data, line):
    file = tmp_path / "migrate-safe.toml"
    file.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        load_config(start=tmp_path)
    assert caught.value.place == f"{file}{line}"


@pytest.mark.parametrize(
    "make", [lambda p: p.symlink_to("gone"), lambda p: p.mkdir(), os.mkfifo], ids=["link", "folder", "pipe"]
)
def test_settings_that_are_no_file_are_not_passed_over(tmp_path: Path, make):
    make(tmp_path / "migrate-safe.toml")
    with pytest.raises(UsageError, match="cannot read the settings"):
        load_config(start=tmp_path)


def test_two_files_of_settings_are_one_too_many(tmp_path: Path):
    write(tmp_path / "migrate-safe.toml", "postgres = 14")
    write(tmp_path / "pyproject.toml", "[tool.migrate_safe]\npostgres = 16")
    with pytest.raises(UsageError, match="two places"):
        load_config(start=tmp_path)


@pytest.mark.parametrize("text", [None, "[project]\nname = 'x'", "[tool]\nmigrate_safe = 3"])
def test_a_named_file_must_hold_settings(tmp_path: Path, text):
    file = tmp_path / "pyproject.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError):
        load_config(file)
