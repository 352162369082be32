"""Rules as pages: the docs, and what `explain` prints, are made from the same YAML."""

from __future__ import annotations

from collections.abc import Sequence

from migrate_safe.model.finding import Severity
from migrate_safe.rulebook.rule import Example, Rule

THEMES = {
    "locks": "Locks that clients wait for",
    "rewrites": "Tables that are written anew",
    "scans": "Tables that are read in full under a lock",
    "indexes": "Indexes that fail, mislead or serve nobody",
    "compat": "What breaks app versions that are running",
    "transactions": "What transactions do not allow",
    "data": "Data that is changed or lost",
    "reading": "What cannot be judged",
}
"""The themes of the tool's own rules, in the order of the docs."""


def rule_page(rule: Rule) -> str:
    """Write the page of one rule in Markdown."""
    blocks = [
        f"# {rule.id}",
        f"{rule.title}.",
        _facts(rule),
        rule.harm,
        *(_example(example) for example in rule.examples),
        f"In the manual: <{rule.manual}>",
    ]
    return "\n\n".join(blocks) + "\n"


def rule_index(rules: Sequence[Rule], *, links: bool = False) -> str:
    """Write the list of rules by theme in Markdown; with `links` each leads to its page beside the list."""
    themes = [*THEMES, *sorted({r.theme for r in rules} - set(THEMES))]
    blocks = ["# Rules"]
    for theme in themes:
        lines = [f"- {_name(r, links)} ({severities(r)}): {_lower(r.title)}" for r in rules if r.theme == theme]
        if lines:
            blocks += [f"## {theme}: {_lower(THEMES.get(theme, 'rules of your own'))}", "\n".join(lines)]
    return "\n\n".join(blocks) + "\n"


def _name(rule: Rule, link: bool) -> str:
    return f"[`{rule.id}`]({rule.id}.md)" if link else f"`{rule.id}`"


def severities(rule: Rule) -> str:
    """Write the severities that a rule may give, the worst first."""
    given = {severity for _, severity in rule.severity.cases}
    return " or ".join(str(s) for s in Severity if s in given)


def _facts(rule: Rule) -> str:
    first, last = rule.postgres
    lines = [f"- severity: {severities(rule)}", f"- theme: {rule.theme}", f"- PostgreSQL: {first} to {last}"]
    if rule.recipe is not None:
        lines.append(f"- recipe of `migrate-safe plan`: {rule.recipe}")
    if rule.once:
        lines.append("- said once a file")
    return "\n".join(lines)


def _example(example: Example) -> str:
    head = "Bad" if example.bad else "Good, though near to it" if example.near_miss else "Good"
    said = ", ".join([head, *_setting(example)]) + (f": {example.why}" if example.why else "")
    parts = [f"{said}:", _code(_with_given(example))]
    if example.message:
        parts.append("> " + example.message.replace("\n", "\n> "))
    if example.safe:
        parts += ["Instead:", _code(example.safe)]
    return "\n\n".join(parts)


def _setting(example: Example) -> list[str]:
    words = ["in a file that the runner wraps in a transaction"] if example.wrapping == "file" else []
    words += [f"run by {example.runner}"] if example.runner else []
    words += [f"on PostgreSQL {example.postgres}"] if example.postgres else []
    return words


def _with_given(example: Example) -> str:
    if not example.given:
        return example.sql
    given = "\n".join(f"-- {line}" for line in example.given.splitlines())
    return f"-- on a database with:\n{given}\n{example.sql}"


def _code(sql: str) -> str:
    return f"```sql\n{sql}\n```"


def _lower(text: str) -> str:
    """Take the capital off an ordinary word; SQL keywords and names keep theirs."""
    first, _, _ = text.partition(" ")
    return text if first.isupper() and len(first) > 1 else text[:1].lower() + text[1:]
