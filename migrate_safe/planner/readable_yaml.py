"""Write YAML for reviewers: texts of several lines as blocks, everything else on one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

_WIDTH = 1_000_000


class Flow(dict[str, Any]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent list items below their key."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write equal values in full each time: a reviewer should not have to look up anchors."""
        return True


def dump(value: Mapping[str, Any]) -> str:
    """Write plain values (mappings, lists, text, booleans) as one YAML document."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if _fits_block(text) else None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _flow(dumper: yaml.SafeDumper, value: Flow) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=True)


def _fits_block(text: str) -> bool:
    """Say whether a text of several lines comes back unharmed from a literal block."""
    if "\n" not in text or not text[0].isprintable() or text[0] == " ":
        return False
    lines = text.split("\n")
    return all(x.isprintable() and not x.endswith(" ") for x in lines)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Flow, _flow)
