"""Which hazard which rule is about, as a page; a hazard that is neither covered nor explained is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from migrate_safe.model.errors import UsageError
from migrate_safe.rulebook.rule import Rule


class Hazards(Struct, frozen=True):
    """All hazards by id, their groups by letter, and why no rule is about those that are `out`."""

    groups: Mapping[str, str]
    names: Mapping[str, str]
    out: Mapping[str, str]


def coverage_page(rules: Sequence[Rule], hazards: Hazards) -> str:
    """Write the map of hazards to rules in Markdown.

    Raises UsageError where a hazard has neither rule nor reason, or has both, and where one is named that is not there.
    """
    for problem in _problems(rules, hazards):
        raise UsageError(
            problem, place="docs/rules/hazards.yaml", next_move="name each hazard once: in a rule or in out"
        )
    blocks = ["# Hazards and their rules", f"{len(hazards.names)} hazards, {len(hazards.out)} of them without a rule."]
    for letter, title in hazards.groups.items():
        lines = [_line(rules, hazards, key) for key in hazards.names if key.startswith(letter)]
        blocks += [f"## {letter}: {title}", "\n".join(["| | hazard | rules |", "|---|---|---|", *lines])]
    return "\n\n".join(blocks) + "\n"


def _line(rules: Sequence[Rule], hazards: Hazards, key: str) -> str:
    named = [f"[`{rule.id}`]({rule.id}.md)" for rule in rules if key in rule.hazards]
    return f"| {key} | {hazards.names[key]} | {', '.join(named) or f'none: {hazards.out[key]}'} |"


def _problems(rules: Sequence[Rule], hazards: Hazards) -> Iterator[str]:
    covered = {key for rule in rules for key in rule.hazards}
    for rule in rules:
        for key in rule.hazards:
            if key not in hazards.names:
                yield f'rule "{rule.id}" names hazard "{key}", which is not there'
    for key in hazards.names:
        if key[0] not in hazards.groups:
            yield f'hazard "{key}" is in no group'
        if (key in covered) is (key in hazards.out):
            what = "a rule and a reason for none" if key in covered else "neither rule nor reason"
            yield f'hazard "{key}" has {what}'
    yield from (
        f'a reason is given for hazard "{key}", which is not there' for key in hazards.out if key not in hazards.names
    )
