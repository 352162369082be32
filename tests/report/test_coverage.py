"""The map of hazards to rules: each hazard has a rule or a reason, and not both."""

from __future__ import annotations

import pytest

from migrate_safe.cli.docs import read_hazards
from migrate_safe.model.errors import UsageError
from migrate_safe.model.values import replace
from migrate_safe.report.coverage import Hazards, coverage_page
from migrate_safe.rulebook.load import load_rules
from migrate_safe.rulebook.rule import Rule

RULE = next(rule for rule in load_rules() if rule.id == "drop-table")
HAZARDS = Hazards({"E": "Gone"}, {"E01": "a table goes", "E02": "a column goes"}, {"E02": "nobody minds"})


def rule(*hazards: str) -> Rule:
    return replace(RULE, hazards=hazards)


def test_the_page_names_rules_and_reasons() -> None:
    assert coverage_page([rule("E01")], HAZARDS) == (
        "# Hazards and their rules\n\n2 hazards, 1 of them without a rule.\n\n## E: Gone\n\n"
        "| | hazard | rules |\n|---|---|---|\n"
        "| E01 | a table goes | [`drop-table`](drop-table.md) |\n"
        "| E02 | a column goes | none: nobody minds |\n"
    )


@pytest.mark.parametrize(
    ("rules", "hazards", "problem"),
    [
        ([rule("E01", "E09")], HAZARDS, 'rule "drop-table" names hazard "E09", which is not there'),
        ([rule()], HAZARDS, 'hazard "E01" has neither rule nor reason'),
        ([rule("E01", "E02")], HAZARDS, 'hazard "E02" has a rule and a reason for none'),
        ([rule("E01")], replace(HAZARDS, out={"E02": "x", "E03": "y"}), 'for hazard "E03", which is not there'),
        ([rule("E01")], replace(HAZARDS, groups={"F": "x"}), 'hazard "E01" is in no group'),
    ],
)
def test_gaps_and_contradictions_are_refused(rules: list[Rule], hazards: Hazards, problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        coverage_page(rules, hazards)
    assert problem in str(refused.value)


def test_the_rules_of_the_tool_cover_all_groups() -> None:
    hazards = read_hazards()
    assert {key[0] for key in hazards.names} == set(hazards.groups) == set("ABCDEFG")
    assert len(hazards.names) == 181
    assert coverage_page(load_rules(), hazards)
