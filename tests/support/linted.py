"""What the linter says of the steps of a plan."""

from __future__ import annotations

from functools import cache

from migrate_safe.effects.analyse import analyse
from migrate_safe.model.finding import Severity
from migrate_safe.model.plan import Plan
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.planner.locks import script_of, state_after
from migrate_safe.rulebook.load import load_rules
from migrate_safe.rulebook.match import judge
from migrate_safe.rulebook.rule import Rule
from migrate_safe.sql.parse import parse_script


def found_in(plan: Plan, schema: Schema) -> set[tuple[str, str]]:
    """Give pairs of a kind of step and a rule that finds more than a notice in it.

    The statements are judged under the lock_timeout that the executor sets but for builds.
    """
    rules, found = _rules(), set()
    for step in plan.steps:
        plain = script_of(step.work)
        if plain.statements:
            builds = "CONCURRENTLY" in plain.source.text
            text = f"SET lock_timeout = {0 if builds else 100};\n{plain.source.text}"
            script = parse_script(Source("<plan>", text), wrapping=plain.wrapping)
            kind = ".".join(step.id.split(".")[:2])
            told = judge(analyse(script, schema), script, rules)
            found |= {(kind, f.rule) for f in told if f.severity is not Severity.NOTICE}
        schema = state_after(step.work, schema)
    return found


@cache
def _rules() -> tuple[Rule, ...]:
    return load_rules(None)
