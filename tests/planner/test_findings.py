"""Every plan, held to the linter: of the lifecycle cases of all recipes and of the worked stories, both ways.

The linter sees one step after the other, as the executor sends it: under a lock_timeout, but for what is CONCURRENTLY.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate_safe.effects.analyse import analyse
from migrate_safe.model.finding import Severity
from migrate_safe.model.plan import Phase, Plan, Work
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.planner.locks import course_of, script_of
from migrate_safe.report.plan import PLANNED, plan_sql
from migrate_safe.rulebook.load import load_rules
from migrate_safe.rulebook.match import Bench
from migrate_safe.sql.parse import parse_script
from tests.recipes.grounds import Ground, cases, planned, state

BENCH = Bench.of(load_rules(None))
THEMES = {rule.id: rule.theme for rule in BENCH.rules}
CLIENTS_WAIT = frozenset({"locks", "rewrites", "scans", "transactions"})
"""Themes of which no plan may have a finding, whatever its migration asks for."""
STORIES = sorted((Path(__file__).parents[2] / "plans").glob("*/migration.sql"))
MEANT = {
    ("add-synced-column", "new-trigger"): "it raises where somebody breaks into the plan",
    ("add-synced-column", "unknown-statement"): "a function is given to the owner of the table, whoever that is",
    ("hide-column", "unknown-statement"): "as above",
    ("exchange-columns", "unknown-statement"): "as above",
    ("add-converted-column", "new-trigger"): "it raises where somebody breaks into the plan",
    ("add-converted-column", "unknown-statement"): "as above",
    ("make-identity", "identity-always"): "the migration asks for it, and no app knows the column yet",
    ("make-identity", "drop-object"): "the sequence that numbered the column until then is the plan's own",
    ("make-identity", "drop-default"): "so is the default",
    ("change-identity", "drop-default"): "the identity takes its place in the same transaction",
    ("build-index", "duplicate-index"): "one that takes the place of another, or that the migration asks for",
}
"""What steps are found to do that is meant, and why."""
NOT_IN_FILES = ("change_grant.owned",)
"""Plans that need a server: no file tells who owns what."""
LOUD_BACK = {
    "index-drop-not-concurrent": "the index of a partitioned table cannot be dropped CONCURRENTLY",
    "column-type-narrower": "back to a shorter type; see docs/operations/change-type.md",
    "column-type-rewrite": "back to a shorter type; see docs/operations/change-type.md",
}


def everything() -> Iterator[tuple[str, str, str]]:
    """Give the name, the database and the migration of each plan."""
    for recipe, its in cases().items():
        named = ((f"{recipe}.{case}", case) for case in its if case.migration)
        yield from ((name, case.before, case.migration) for name, case in named if name not in NOT_IN_FILES)
    for story in STORIES:
        yield story.parent.name, (story.parent / "before.sql").read_text(), story.read_text()


PLANS = tuple(everything())


@pytest.mark.parametrize(("name", "before", "migration"), PLANS, ids=[name for name, _, _ in PLANS])
def test_no_step_of_a_plan_makes_clients_wait_or_breaks_a_version_that_lives(
    name: str, before: str, migration: str
) -> None:
    start = state(Ground(name, before, ()), 18)
    plan = planned(migration, start)
    assert plan is not None
    asked = set(findings(migration, start))
    assert {found for found in of_steps(plan, start) if not is_meant(*found, asked)} == set()
    assert plan_sql(plan).startswith(PLANNED)


def is_meant(way: str, phase: Phase, step: str, rule: str, asked: set[str]) -> bool:
    """Say whether a finding is what the migration asks for, or what its phase is for."""
    if THEMES[rule] in CLIENTS_WAIT:
        return rule in LOUD_BACK and (way == "back" or phase is Phase.PURGE)
    retires = phase in (Phase.CONTRACT, Phase.PURGE) or way == "back"
    return (step, rule) in MEANT or rule in asked or (retires and THEMES[rule] in ("compat", "data", "indexes"))


def of_steps(plan: Plan, start: Schema) -> Iterator[tuple[str, Phase, str, str]]:
    """Give the findings of all steps, on the way forward and back, with the kind of the step."""
    course = course_of(plan.steps, start)
    for at, step in enumerate(plan.steps):
        kind = step.id.split(".")[1]
        yield from (("on", step.phase, kind, rule) for rule in of_work(step.work, course.ahead[at]))
        if step.undo is not None:
            yield from (("back", step.phase, kind, rule) for rule in of_work(step.undo, course.back[at]))


def of_work(work: Work, schema: Schema) -> list[str]:
    """Give the rules that find something in a piece of work."""
    script = script_of(work)
    if not script.statements:
        return []
    wait = 0 if "CONCURRENTLY" in script.source.text else 100
    return findings(f"SET lock_timeout = {wait};\n{script.source.text}", schema)


def findings(text: str, schema: Schema) -> list[str]:
    """Give the rules that find more than a notice in a text."""
    script = parse_script(Source("m.sql", text))
    told = BENCH.judgement(analyse(script, schema), script).findings
    return [finding.rule for finding in told if finding.severity is not Severity.NOTICE]
