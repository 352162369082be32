"""Severity by rule, by theme and by path: which table wins, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate_safe.cli.main import main
from migrate_safe.model.preferences import Preferences, matches

RULE = "drop-column"
Levels = Callable[[str], dict[str, str]]


@pytest.fixture
def levels(tmp_path: Path, monkeypatch, capsys) -> Levels:
    """Give, under some settings, the severity of one rule in each file in which it speaks."""
    monkeypatch.chdir(tmp_path)
    for name in ("db/1.sql", "db/old/2.sql", "other/3.sql"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("SET lock_timeout = '1s';\nALTER TABLE users DROP COLUMN email;\n")

    def ask(settings: str) -> dict[str, str]:
        Path("migrate-safe.toml").write_text(settings)
        assert main(["lint", "db", "other", "--json"]) in (0, 1)
        found = json.loads(capsys.readouterr().out)["findings"]
        assert {f["rule"] for f in found} <= {RULE}
        return {f["file"]: f["severity"] for f in found}

    return ask


def test_a_theme_sets_its_rules_and_a_rule_wins_over_its_theme(levels: Levels):
    assert set(levels("").values()) == {"warning"}
    assert set(levels("severity = {compat = 'error'}").values()) == {"error"}
    assert set(levels("severity = {drop-column = 'notice', compat = 'error'}").values()) == {"notice"}
    assert set(levels("disable = ['compat']\nseverity = {drop-column = 'notice'}").values()) == {"notice"}
    assert levels("disable = ['drop-column']\nseverity = {compat = 'notice'}") == {}
    assert set(levels("disable = ['locks']\nseverity = {scans = 'error'}").values()) == {"warning"}


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ("[[paths]]\nmatch = 'db'\ndisable = ['compat']", {"other/3.sql": "warning"}),
        ("[[paths]]\nmatch = 'db/*.sql'\ndisable = ['drop-column']", {"db/old/2.sql": "", "other/3.sql": ""}),
        ("[[paths]]\nmatch = ['**/old', 'other/?.sql']\ndisable = ['compat']", {"db/1.sql": "warning"}),
        (
            """[[paths]]
match = 'db/**'
severity = {compat = 'error'}
            [[paths]]
match = 'db/old/**'
severity = {compat = 'notice'}""",
            {"db/1.sql": "error", "db/old/2.sql": "notice", "other/3.sql": "warning"},
        ),
        (
            "disable = ['drop-column']\n[[paths]]\nmatch = 'db/old'\nseverity = {compat = 'error'}",
            {"db/old/2.sql": "error"},
        ),
    ],
)
def test_the_last_table_that_means_a_file_decides(levels: Levels, tables, expected):
    found = levels(tables)
    assert found == {name: level or "warning" for name, level in expected.items()}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("postgres = 15\ndisable = ['locks', 'drop-colum']", ':2: in "disable": no rule or theme "drop-colum"'),
        ("[severity]\ncompatt = 'error'", ':2: in "severity": no rule or theme "compatt"'),
        (
            "[[paths]]\nmatch = 'a'\ndisable = ['locks']\n[[paths]]\nmatch = 'b'\ndisable = ['lokcs']",
            ':6: in "disable": no rule or theme "lokcs"',
        ),
    ],
)
def test_names_of_nothing_are_refused_with_their_line(tmp_path: Path, monkeypatch, capsys, settings, said):
    monkeypatch.chdir(tmp_path)
    Path("migrate-safe.toml").write_text(settings)
    Path("1.sql").write_text("SELECT 1;")
    assert main(["lint", "1.sql"]) == 2
    error = capsys.readouterr().err
    assert f"migrate-safe.toml{said}" in error
    assert "did you mean" in error


def test_how_the_files_of_a_path_are_sent(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(name).mkdir()
        Path(name, "1.sql").write_text("CREATE INDEX CONCURRENTLY i ON t (a);")
    Path("migrate-safe.toml").write_text("wrapping = 'file'\n[[paths]]\nmatch = 'a'\nwrapping = 'statement'\n")
    assert main(["lint", "a", "b", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [(f["file"], f["rule"]) for f in found] == [("b/1.sql", "concurrently-in-transaction")]
    assert main(["lint", "a", "b", "--transaction", "statement"]) == 0


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("a", "a/b/c.sql", True),
        ("a/", "a/b.sql", True),
        ("./a", "a/b.sql", True),
        ("a", "ab/c.sql", False),
        ("a", "b/a/c.sql", False),
        ("**/a", "b/a/c.sql", True),
        ("**/a", "a/c.sql", True),
        ("a/**", "a/b/c.sql", True),
        ("a/*.sql", "a/b/c.sql", False),
        ("a/*.sql", "a/b.sql", True),
        ("a/**/c.sql", "a/c.sql", True),
        ("*.sql", "a.sql", True),
        ("*.sql", "a/a.sql", False),
        ("**", "a/b/c.sql", True),
        ("a.sql", "axsql", False),
        ("[a]", "a", False),
        ("?", "a/b", True),
    ],
)
def test_patterns(pattern, name, expected):
    assert matches(pattern, name) is expected


def test_a_link_is_known_by_its_own_name_and_what_is_no_file_by_none(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "1.sql").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for match in ("link", "real"):
        table = Preferences(match=(match,), folder=tmp_path / "link" / "..")
        assert table.speaks_of(tmp_path / match / "1.sql")
    assert not Preferences(match=("**",), folder=tmp_path).speaks_of(Path("-"))
