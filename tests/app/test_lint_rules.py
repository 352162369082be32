"""Rules from their compiled form are those of their files; a compiled form of other texts is not taken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from migrate_safe.adapters.store import Store
from migrate_safe.app import lint_rules
from migrate_safe.app.lint_rules import quick_rules
from migrate_safe.model.errors import UsageError
from migrate_safe.model.values import replace
from migrate_safe.rulebook.compiled import COMPILED, compile_rules
from migrate_safe.rulebook.load import load_rules
from migrate_safe.rulebook.rule import Rule
from migrate_safe.rulebook.rule_files import bundled_rules

BARE = tuple(replace(rule, examples=()) for rule in load_rules())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundled_rules(), tmp_path / "rules"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "cache").mkdir()
    return Store(tmp_path / "cache")


def refuse(_: Path) -> tuple[Rule, ...]:
    raise AssertionError("no YAML is read")


def test_rules_compiled_beside_their_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / COMPILED).write_text(json.dumps(compile_rules(folder)))
    monkeypatch.setattr(lint_rules, "load_rules", refuse)
    assert quick_rules(folder, None) == BARE


@pytest.mark.parametrize("there", ["", "null", "{}", "[1]", '{"digest": "of other rules", "rules": {}}'])
def test_a_compiled_form_of_something_else_is_not_taken(folder: Path, there: str) -> None:
    (folder / COMPILED).write_text(there)
    assert quick_rules(folder, None) == load_rules()


def test_rules_from_the_cache(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert quick_rules(folder, store) == BARE
    monkeypatch.setattr(lint_rules, "compile_rules", refuse)
    assert quick_rules(folder, store) == BARE


def test_a_rule_that_changes_is_read_anew(folder: Path, store: Store) -> None:
    quick_rules(folder, store)
    path = folder / "data" / "data-loss.yaml"
    path.write_text(path.read_text().replace("title:", "title: Now", 1))
    [changed] = [rule for rule in quick_rules(folder, store) if rule.id == "data-loss"]
    assert changed.title.startswith("Now")


def test_a_rule_that_cannot_be_understood_is_told(folder: Path, store: Store) -> None:
    path = folder / "data" / "data-loss.yaml"
    path.write_text(path.read_text().replace("title:", "titel:", 1))
    with pytest.raises(UsageError, match="did you mean"):
        quick_rules(folder, store)
