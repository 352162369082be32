"""Explain a rule, offline: the same words as its page in the docs."""

from __future__ import annotations

import difflib

from migrate_safe.model.errors import UsageError
from migrate_safe.report.rules import rule_index, rule_page
from migrate_safe.rulebook.load import load_rules


def explain(name: str) -> str:
    """Give the page of one rule as Markdown; a name that no rule has is answered with the nearest one."""
    rules = {rule.id: rule for rule in load_rules()}
    if name not in rules:
        near = difflib.get_close_matches(name, rules, n=1, cutoff=0.4)
        hint = f"did you mean: migrate-safe explain {near[0]}" if near else "see all rules: migrate-safe explain"
        raise UsageError(f'no rule "{name}"', next_move=hint)
    return rule_page(rules[name])


def explain_all() -> str:
    """Give the list of all rules by theme."""
    return rule_index(load_rules())
