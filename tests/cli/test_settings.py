"""What each command takes from the settings file, and what wins over it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate_safe.adapters.config import Config, load_config
from migrate_safe.cli.main import main
from migrate_safe.planner.codec import to_yaml
from tests.executor.conftest import SCHEMA
from tests.executor.plans import STORY, fit

PAGE = Path(__file__).parents[2] / "docs" / "config.md"
Say = Callable[[str], None]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Write the settings file of the working directory; no variable of the environment says anything."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "MIGRATE_SAFE_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    return lambda text: (tmp_path / "migrate-safe.toml").write_text(text) and None


@pytest.fixture
def story(database: str, connect, monkeypatch, say: Say) -> str:
    """Name a database by a variable, and write a plan for it into the working directory."""
    connect(database).execute(SCHEMA.format(rows=20))
    Path("story.yaml").write_text(to_yaml(fit(database, STORY)))
    monkeypatch.setenv("SHOP_DSN", database)
    return database


def test_every_command_that_needs_a_database_finds_it(story: str, say: Say):
    say("dsn_env = 'SHOP_DSN'")
    for words in (["apply", "story.yaml", "--through", "contract"], ["status"], ["rollback", "story"]):
        assert main(words) == 0
    assert main(["apply", "story", "--through", "contract"]) == 0
    assert main(["purge", "story", "--now", "--confirm", "story"]) == 0


@pytest.mark.parametrize(
    "command", [["apply", "story"], ["rollback", "story"], ["purge", "story", "--now", "--confirm", "story"]]
)
def test_the_environment(story: str, say: Say, monkeypatch, capsys, command):
    say("dsn_env = 'SHOP_DSN'\nenvironment = 'staging'")
    assert main(["apply", "story.yaml", "--through", "contract"]) == 0
    say("dsn_env = 'SHOP_DSN'\nenvironment = 'prod'")
    assert main(command) == 77
    assert 'this database is environment "staging", not "prod"' in capsys.readouterr().err
    monkeypatch.setenv("MIGRATE_SAFE_ENVIRONMENT", "staging")
    assert main([*command, "--environment", "test"]) == 77
    assert 'not "test"' in capsys.readouterr().err
    assert main(command) == 0


def test_the_stall_budget(story: str, say: Say, capsys):
    def budget(*more: str) -> set[str]:
        assert main(["apply", "story.yaml", "--dry-run", "--dsn", story, *more]) == 0
        return set(re.findall(r"lock_timeout = '?(\d+)", capsys.readouterr().out))

    usual = budget()
    say("stall_budget = '2s'")
    assert budget() == budget("--config", "migrate-safe.toml") != usual
    assert budget("--stall-budget", "100") == usual


def test_the_budget_of_the_way_back(story: str, say: Say, capsys):
    say("stall_budget = 5")
    for words in (["apply", "story.yaml"], ["rollback", "story"], ["purge", "story"]):
        assert main([*words, "--dsn", story]) == 2
        assert 'migrate-safe.toml:1: in "stall_budget": must be 10 ms or more' in capsys.readouterr().err


def test_another_file_by_name(story: str, say: Say):
    say("dsn_env = 'NOTHING'")
    Path("other.toml").write_text("dsn_env = 'SHOP_DSN'")
    assert main(["status", "--config", "other.toml"]) == 0
    assert main(["apply", "story.yaml", "--config", "other.toml"]) == 0


def test_the_releases_that_check_asks(say: Say, server, capsys):
    Path("0001.sql").write_text("CREATE TABLE users (id bigint PRIMARY KEY, email text);")
    Path("0002.sql").write_text("ALTER TABLE users RENAME email TO mail;")
    Path("v1.yaml").write_text("app: shop\nversion: v1\nqueries: [SELECT email FROM users]\n")
    Path("v2.yaml").write_text("app: shop\nversion: v2\nqueries: [SELECT mail FROM users]\n")
    ask = ["check", "0002.sql", "--postgres", server.dsn()]
    assert main(ask) == 2
    assert "no app version to check for" in capsys.readouterr().err
    say("releases = ['v*.yaml']")
    assert main([*ask, "--new", "v2.yaml", "--json"]) == 1
    configured = verdicts(capsys)
    assert main([*ask, "--new", "v2.yaml", "--old", "v1.yaml", "--json"]) == 1
    assert verdicts(capsys) == configured
    assert {version for _, version, _ in configured} == {"v1", "v2"}
    say("releases = ['w*.yaml']")
    assert main(ask) == 2
    assert 'in "releases": no file "w*.yaml"' in capsys.readouterr().err


def verdicts(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, bool]]:
    found = json.loads(capsys.readouterr().out)["verdicts"]
    return [(v["state"], v["version"], v["works"]) for v in found]


def test_lint_trace_and_plan(say: Say, capsys):
    Path("1.sql").write_text("SET lock_timeout = '1s'; ALTER TABLE users DROP COLUMN email;")
    assert main(["lint", "1.sql"]) == 1
    say("fail_on = 'error'")
    assert main(["lint", "1.sql"]) == 0
    assert main(["lint", "1.sql", "--fail-on", "warning"]) == 1
    say("disable = ['drop-column']")
    assert main(["lint", "1.sql"]) == 0
    say("postgres = 13")
    for words in (["lint", "1.sql"], ["trace", "1.sql"], ["plan", "1.sql"], ["check", "1.sql"]):
        assert main(words) == 2
        assert "migrate-safe.toml:1" in capsys.readouterr().err


def test_the_page_tells_of_every_key_and_its_example_is_read(tmp_path: Path):
    text = PAGE.read_text()
    example = text.split("```toml\n")[1].split("```")[0]
    assert set(tomllib.loads(example)) == set(Config.__struct_fields__) - {"file", "places"}
    (tmp_path / "migrate-safe.toml").write_text(example)
    assert load_config(start=tmp_path).postgres == 15
    assert [key for key in tomllib.loads(example) if f"| `{key}` |" not in text] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("placeholders = 1", 'in "placeholders": must be a table of NAME = VALUE'),
        ("[placeholders]\na = 1", 'in "placeholders.a": must be a text of one line, not 1'),
        ('[placeholders]\na = "x\\ny"', 'in "placeholders.a": must be a text of one line'),
    ],
)
def test_placeholders_that_are_none(text, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "migrate-safe.toml").write_text(text)
    (tmp_path / "1.sql").write_text("SELECT 1;")
    assert main(["lint", "1.sql"]) == 2
    assert said in capsys.readouterr().err


def test_placeholders_of_the_settings_and_of_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "migrate-safe.toml").write_text('[placeholders]\na = "one"\nb = "two"\n')
    (tmp_path / "1.sql").write_text("DROP TABLE ${a}; DROP TABLE :b;")
    assert main(["lint", "--placeholder", "b=three", "1.sql"]) == 1
    out = capsys.readouterr().out
    assert "DROP TABLE one" in out
    assert "DROP TABLE three" in out
    assert main(["lint", "--placeholder", "b", "1.sql"]) == 2
    assert "--placeholder takes NAME=VALUE" in capsys.readouterr().err
