"""Rules as lint needs them, in one file that is quick to read: without examples, under a digest of their texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from migrate_safe.rulebook.load import check_names, read_data, rule_of
from migrate_safe.rulebook.rule import Rule
from migrate_safe.rulebook.rule_files import rule_files

COMPILED = "compiled.json"
"""Stands in the folder of rules in a wheel."""


def compile_rules(folder: Path) -> dict[str, Any]:
    """Read the rules below a folder as plain data. Raises UsageError for what is no rule, or does not go together."""
    files = rule_files(folder)
    found = {path.relative_to(folder).as_posix(): read_data(path) for path in files}
    check_names(tuple(rule_of(folder / name, data) for name, data in found.items()))
    rules = {name: {**_mapping(data), "examples": []} for name, data in found.items()}
    return {"digest": digest_of(folder, files), "rules": rules}


def rules_of(folder: Path, compiled: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Give compiled rules, which have no examples."""
    return tuple(rule_of(folder / name, data) for name, data in compiled["rules"].items())


def compiled_beside(folder: Path) -> Mapping[str, Any] | None:
    """Read the compiled rules that stand in their folder; None where there are none."""
    try:
        found = json.loads((folder / COMPILED).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def digest_of(folder: Path, files: Sequence[Path]) -> str:
    """Give the digest of the texts of rules and of their places below a folder."""
    hasher = blake2b(digest_size=32)
    for path in files:
        text = path.read_bytes()
        hasher.update(f"{path.relative_to(folder).as_posix()}\0{len(text)}\0".encode())
        hasher.update(text)
    return hasher.hexdigest()


def _mapping(data: object) -> dict[str, Any]:
    assert isinstance(data, dict), "a rule that was understood is a mapping"
    return data
