"""README.md, docs/check.md, docs/trace.md: their commands are real, and their output is what these print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from migrate_safe.app import demo_shop
from migrate_safe.cli.main import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FILE = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n\$ migrate-safe (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINTED = re.compile(r"^```text\n\$ migrate-safe (lint .*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = "[...]\n"
TIME = re.compile(r"(time +)[\d.,]+ m?s")


@pytest.mark.parametrize("page", ["check.md", "trace.md"])
def test_commands_print_what_the_page_shows(
    page: str, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
):
    text = (DOCS / page).read_text()
    monkeypatch.chdir(tmp_path)
    for name, body in FILE.findall(text):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(body)
    commands = CONSOLE.findall(text)
    assert commands
    for command, shown in commands:
        main([*shlex.split(command), "--postgres", "embedded"])
        printed = capsys.readouterr().out
        if request.config.getoption("--update-golden"):
            text = text.replace(f"$ migrate-safe {command}\n{shown}```", f"$ migrate-safe {command}\n{printed}```")
        else:
            assert TIME.sub(r"\1", printed) == TIME.sub(r"\1", shown)
    (DOCS / page).write_text(text) if request.config.getoption("--update-golden") else None


def test_lint_prints_what_the_readme_shows(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    (command, shown), *others = LINTED.findall((ROOT / "README.md").read_text())
    assert not others
    demo_shop.lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # which pytest sets for what it runs in parallel
    main(shlex.split(command))
    printed = capsys.readouterr().out
    places = [printed.find(part) for part in shown.split(LEFT_OUT) if part]
    assert -1 not in places and places == sorted(places) and len(places) > 1, printed
