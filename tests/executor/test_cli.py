"""The commands as people and scripts see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate_safe.cli.executing import teller
from migrate_safe.cli.main import main
from migrate_safe.executor.news import Journaled, Moved, Waiting
from migrate_safe.model.journal import Entry, EventKind, Progress
from migrate_safe.planner.codec import to_yaml
from tests.executor.plans import STORY, fit


def test_a_story_by_command_line(users: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "story.yaml"
    file.write_text(to_yaml(fit(users, STORY)))
    assert main(["apply", str(file), "--dsn", users, "--environment", "prod"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "story: 4 steps done; at migrate, 4 of 9 steps done\n"
    assert "done               expand.add-column\n" in shown.err
    there = ["--dsn", users, "--environment", "prod"]
    assert main(["apply", "story", "--through", "contract", *there]) == 0
    assert main(["rollback", "story", *there]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "story: 4 steps done; at contract, 8 of 9 steps done",
        "story: 4 steps taken back; at migrate, 4 of 9 steps done",
    ]
    assert main(["apply", "story", "--through", "contract", *there]) == 0
    assert main(["purge", "story", *there]) == 77
    assert main(["purge", "story", "--now", *there]) == 2
    assert "type its name: --now --confirm story" in capsys.readouterr().err
    assert main(["purge", "story", "--now", "--confirm", "story", *there]) == 0
    assert main(["rollback", "story", *there]) == 77
    assert main(["status", "--dsn", users]) == 0
    assert "story: closed, 9 of 9 steps done" in capsys.readouterr().out


def test_json_is_one_value_a_line(users: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "story.yaml"
    file.write_text(to_yaml(fit(users, STORY)))
    assert main(["apply", str(file), "--dsn", users, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(x["event"], x["step"]) for x in lines if x["event"] in ("started", "done")] == [
        ("done", "expand.add-column"),
        ("started", "expand.build-index"),
        ("done", "expand.build-index"),
        ("started", "migrate.backfill"),
        ("done", "migrate.backfill"),
        ("started", "migrate.verify"),
        ("done", "migrate.verify"),
    ]
    assert next(x for x in lines if x["event"] == "progress")["rows_total"] == 200
    assert lines[-1] == {
        "format": "migrate-safe/apply/1",
        "event": "end",
        "plan": "story",
        "from": 0,
        "to": 4,
        "steps": 9,
        "phase": "migrate",
        "closed": False,
    }


def test_news_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    tell = teller("text")
    tell(Journaled(Entry("p", EventKind.FAILED, "a", {"reason": "no lock"})))
    tell(Moved(Progress("p", "b", ("5",), 500, 1000, 40), 100, 250.0, 2.0))
    tell(Waiting("waiting for a lock", ("pid 7", "pid 8")))
    assert capsys.readouterr().err.splitlines() == [
        "FAILED             a: no lock",
        "  [############............] 500 of about 1000 rows, 40 changed, 250 rows/s, 2 s left",
        "waiting for a lock: pid 7; pid 8",
    ]


def test_what_is_waited_for_is_said_once_while_it_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    tell = teller("text")
    for reason in ("one", "one", "other", "other", "one"):
        tell(Waiting(reason, ("pid 7",)))
    assert capsys.readouterr().err == "one: pid 7\nother: pid 7\none: pid 7\n"


@pytest.mark.parametrize("command", ["apply", "rollback", "purge", "status"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"migrate-safe {command}" in capsys.readouterr().out.split("Examples:")[1]


def test_the_database_may_be_named_by_the_environment(
    users: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", users)
    assert main(["status"]) == 0
    assert "nothing here yet" in capsys.readouterr().out
    (tmp_path / "migrate-safe.toml").write_text('dsn_env = "SHOP_DSN"\n')
    monkeypatch.setenv("SHOP_DSN", "postgres//u:x@h/d")
    assert main(["status"]) == 2
    assert "malformed connection string" in capsys.readouterr().err
    assert main(["status", "--dsn", users]) == 0
