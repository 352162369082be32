"""Explain a rule, offline: the same words as its page in the docs."""

from __future__ import annotations

import difflib
from pathlib import Path

from migrate_safe.model.errors import UsageError
from migrate_safe.report.rules import rule_index, rule_page
from migrate_safe.rulebook.load import check_together, load_rules
from migrate_safe.rulebook.rule import Rule


def explain(name: str, own: Path | None = None) -> str:
    """Give the page of one rule as Markdown; a name that no rule has is answered with the nearest one.

    `own` is a folder of rules beside those of the tool.
    """
    rules = {rule.id: rule for rule in _rules(own)}
    if name not in rules:
        near = difflib.get_close_matches(name, rules, n=1, cutoff=0.4)
        hint = f"did you mean: migrate-safe explain {near[0]}" if near else "see all rules: migrate-safe explain"
        raise UsageError(f'no rule "{name}"', next_move=hint)
    return rule_page(rules[name])


def explain_all(own: Path | None = None) -> str:
    """Give the list of all rules by theme."""
    return rule_index(_rules(own))


def _rules(own: Path | None) -> tuple[Rule, ...]:
    return load_rules() if own is None else check_together((*load_rules(), *load_rules(own)))
