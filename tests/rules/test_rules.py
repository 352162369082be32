"""The rules that ship: their examples say what they find, what they pass over, and what to write instead."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from migrate_safe.app.lint import analyse_both_ways
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.effect import Session
from migrate_safe.model.finding import Finding
from migrate_safe.model.framework import Framework, Runner
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Unparsed, Wrapping
from migrate_safe.model.values import replace
from migrate_safe.rulebook.facts import Facts
from migrate_safe.rulebook.load import bundled_rules, load_rules
from migrate_safe.rulebook.match import judgement
from migrate_safe.rulebook.rule import ALWAYS, WORDS, Example, Rule
from migrate_safe.sql.parse import parse_script, parse_statements
from tests.rules.golden import write_examples

ROOT = Path(__file__).parents[2]
RULES = load_rules()
TODAY = date(2026, 1, 1)
IMPATIENT = Session(lock_timeout=2000)
UNDER_NO_TIMEOUT = ("lock-timeout-missing", "concurrent-build-under-timeout")
BESIDE = {
    "cascade-takes-more": {"drop-view", "drop-object"},
    "foreign-key-without-index": {"new-constraint-refuses-writes"},
    "sequence-stays-short": {"column-type-rewrite"},
    "validate-while-locked": {"new-constraint-refuses-writes"},
}
"""Harm of another kind that the bad examples of a rule cannot be without."""


def cases(*, bad: bool) -> list[object]:
    return [
        pytest.param(rule, example, id=f"{rule.id}-{i}")
        for rule in RULES
        for i, example in enumerate(rule.examples)
        if example.bad is bad
    ]


def schema_of(example: Example) -> Schema:
    return fold(Schema(), parse_script(Source("given.sql", example.given)))


def findings_in(rule: Rule, example: Example, sql: str, wrapping: Wrapping) -> tuple[Finding, ...]:
    """Judge a text by all rules; a lock_timeout is set, except where that is what the rule is about."""
    runner = Runner(Framework(example.runner), forced=True, holds=True) if example.runner else None
    script = parse_script(Source("example.sql", sql), wrapping=None if runner else wrapping, runner=runner)
    session = Session() if rule.id in UNDER_NO_TIMEOUT else IMPATIENT
    analysed = analyse_both_ways(script, schema_of(example), session=session)
    return judgement(analysed, script, RULES, version=example.postgres, today=TODAY).findings


@pytest.mark.parametrize(("rule", "example"), cases(bad=True))
def test_a_bad_example_gives_this_finding_and_no_other(rule: Rule, example: Example):
    found = findings_in(rule, example, example.sql, example.wrapping)
    beside = BESIDE.get(rule.id, set()) | ({"concurrent-build-under-timeout"} - {rule.id})  # it is under IMPATIENT
    assert {f.rule for f in found} - beside == {rule.id}
    said = next(f for f in found if f.rule == rule.id)
    assert (said.message, said.safe) == (example.message, example.safe)
    assert said.message != rule.title  # which is what stands in for a message that lacks a word


@pytest.mark.parametrize(("rule", "example"), cases(bad=False))
def test_a_good_example_gives_no_finding_of_its_rule(rule: Rule, example: Example):
    found = findings_in(rule, example, example.sql, example.wrapping)
    assert rule.id not in {f.rule for f in found}


@pytest.mark.parametrize(("rule", "example"), [c for c in cases(bad=True) if c.values[1].safe])
def test_what_to_write_instead_parses_and_is_clean(rule: Rule, example: Example):
    assert not [s for s in parse_statements(example.safe) if isinstance(s.action, Unparsed)]
    both = [findings_in(rule, example, example.safe, w) for w in (Wrapping.STATEMENT, example.wrapping)]
    assert any(rule.id not in {f.rule for f in found} for found in both)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_shown_from_both_sides(rule: Rule):
    assert sum(e.bad for e in rule.examples) >= 1
    assert sum(not e.bad for e in rule.examples) >= 2
    assert any(e.near_miss for e in rule.examples if not e.bad)


@pytest.mark.parametrize("rule", [r for r in RULES if r.recipe], ids=lambda rule: rule.id)
def test_the_recipe_that_a_rule_names_is_there(rule: Rule):
    assert (ROOT / "migrate_safe" / "planner" / "recipes" / f"{rule.recipe}.py").is_file()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_finding_has_a_severity_and_a_message(rule: Rule):
    assert rule.severity.cases[-1][0] == ALWAYS
    assert rule.message.cases[-1][0] == ALWAYS


def test_every_fact_and_every_word_is_used_by_a_rule():
    texts = "".join(path.read_text() for path in bundled_rules().rglob("*.yaml"))
    assert [field for field in Facts.__struct_fields__ if f"{field}:" not in texts] == [
        "multiple",
        "shared",
    ]  # the engine asks these
    assert [w for w in sorted(WORDS) if f"{{{w}}}" not in texts] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_golden_words(rule: Rule, request: pytest.FixtureRequest):
    examples = []
    for example in rule.examples:
        found = [f for f in findings_in(rule, example, example.sql, example.wrapping) if f.rule == rule.id]
        spoken = found[0] if example.bad and found else None
        examples.append(replace(example, message=spoken.message if spoken else "", safe=spoken.safe if spoken else ""))
    if examples != list(rule.examples) and request.config.getoption("--update-golden"):
        write_examples(rule, examples)
    else:
        assert examples == list(rule.examples)
