"""Write the examples of a rule file anew, after `--update-golden`; all else in the file stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from migrate_safe.model.statement import Wrapping
from migrate_safe.rulebook.rule import Example, Rule

WIDTH = 110


def write_examples(rule: Rule, examples: list[Example]) -> None:
    path = next(Path(__file__).parents[2].joinpath("rules").rglob(f"{rule.id}.yaml"))
    head, mark, _ = path.read_text().partition("\nexamples:\n")
    assert mark, f"{path}: the examples stand last"
    body = yaml.dump([_entry(e) for e in examples], Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
    path.write_text(head + mark + "".join(f"  {line}\n" if line else "\n" for line in body.splitlines()))


def _entry(example: Example) -> dict[str, Any]:
    entry: dict[str, Any] = {"bad" if example.bad else "good": example.sql}
    default = Example("", True)
    for field in Example.__struct_fields__:
        value = getattr(example, field)
        if field not in ("sql", "bad") and value != getattr(default, field):
            entry[field] = str(value) if isinstance(value, Wrapping) else value
    return entry


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else ">" if len(text) > WIDTH - 20 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text + "\n" if style == "|" else text, style=style)


_Dumper.add_representer(str, _text)
