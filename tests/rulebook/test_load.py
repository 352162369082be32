"""Rule files are read strictly: whatever is not understood is an error that says where, and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Severity
from migrate_safe.rulebook.facts import Facts, Words
from migrate_safe.rulebook.load import check_together, load_rules, read_rule
from migrate_safe.rulebook.rule import All, AnyOf, AtLeast, Condition, Is, Not, Template, holds
from migrate_safe.rulebook.terms import ActionKind

WHOLE = """
title: Something
harm: It hurts.
when: {action: add-column, not: {any: [{rewrites: true}, {version: {at_least: 18}}]}}
severity:
  - when: {depends: true}
    then: warning
  - then: error
message: Do not touch {table}.
safe: SELECT '{{}}', {column};
manual: https://example.org
hazards: [A01]
examples:
  - bad: SELECT 1;
    message: said
  - good: SELECT 2;
    near_miss: true
"""


def write(folder: Path, text: str, name: str = "some-rule") -> Path:
    path = folder / "theme" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_whole_rule(tmp_path: Path):
    rule = read_rule(write(tmp_path, WHOLE))
    assert (rule.id, rule.theme) == ("some-rule", "theme")
    assert rule.when == All(
        (Is("action", ("add-column",)), Not(AnyOf((Is("rewrites", (True,)), AtLeast("version", 18)))))
    )
    assert rule.severity.pick(Facts(ActionKind.ADD_COLUMN)) is Severity.ERROR
    assert rule.severity.pick(Facts(ActionKind.ADD_COLUMN, depends=True)) is Severity.WARNING
    template = rule.safe.pick(Facts(ActionKind.ADD_COLUMN))
    assert template == Template(("SELECT '{}', ", ";"), ("column",))
    assert template.render(Words(column="a")) == "SELECT '{}', a;"
    assert template.render(Words()) is None
    assert [e.bad for e in rule.examples] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "message", "next_move"),
    [
        ("title:", "titel:", 'unknown key "titel"', '"title"'),
        ("title: Something\n", "", 'the key "title" is missing', ""),
        ("title: Something", "title: [1]", 'in "title": must be a text', ""),
        ("action: add", "acton: add", 'in "when": unknown fact "acton"', '"action"'),
        ("add-column", "add-colum", 'in "when.action": unknown value "add-colum"', '"add-column"'),
        ("rewrites: true", "rewrites: 1", 'in "when.not.any[0].rewrites": must be true or false', ""),
        ("{at_least: 18}", "{at_most: 18}", 'in "when.not.any[1].version": unknown key "at_most"', "at_least"),
        ("{at_least: 18}", "{at_least: '18'}", "must be a number", ""),
        ("rewrites: true", "rewrites: {at_least: 3}", '"rewrites" is not a number', ""),
        ("any: [", "any: {a: [", "YAML", ""),
        ("{table}", "{tabel}", 'in "message": unknown word "tabel"', '"table"'),
        ("{table}", "{table", "not a template", 'a brace itself as "{{"'),
        ("{table}", "{table!r}", 'the word "table" takes no format', ""),
        ("then: error", "then: eror", 'in "severity[1].then": unknown severity "eror"', '"error"'),
        ("then: warning", "than: warning", 'in "severity[0]": unknown key "than"', '"then"'),
        ("bad: SELECT 1;", "bda: SELECT 1;", 'in "examples[0]": unknown key "bda"', '"bad"'),
        ("    message: said\n", "", 'a bad example needs the "message"', ""),
        ("  - good: SELECT 2;", "  - good: SELECT 2;\n    bad: x", 'either "bad" or "good"', ""),
        ("near_miss: true", "near_miss: maybe", "must be true or false", ""),
        ("near_miss: true", "wrapping: flie", 'unknown wrapping "flie"', '"file"'),
        ("hazards: [A01]", "hazards: A01", 'in "hazards": must be a list', ""),
        ("hazards: [A01]", "postgres: new", "must be a range of major versions", ""),
        ("hazards: [A01]", "once: 1", "must be true or false", ""),
        ("hazards: [A01]", "title: Twice", 'the key "title" stands twice', ""),
        ("hazards: [A01]", "hazards: &a [*a]", "a rule has no aliases", "write out"),
        ("hazards: [A01]", "hazards: &a [A01]\nrecipe: *a", "a rule has no aliases", "write out"),
        ("hazards: [A01]", "? [a]\n: 1", "a key must be a text", "key: value"),
        ("hazards: [A01]", "hazards: 2020-13-45", "not valid YAML", "quote"),
    ],
)
def test_what_is_not_understood(tmp_path: Path, old, new, message, next_move):
    assert old in WHOLE
    path = write(tmp_path, WHOLE.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        read_rule(path)
    assert message in caught.value.message
    assert next_move in caught.value.next_move
    assert caught.value.place.startswith(str(path))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "must be a mapping, not nothing"),
        (b"- a", "must be a mapping, not a list"),
        (b"a", "must be a mapping, not a text"),
        (b"\xff", "cannot read the rule"),
        (b"title: [", "not valid YAML"),
        (b"title: '\n", "not valid YAML"),
        (b"title: " + b"[" * 5000 + b"]" * 5000, "not valid YAML"),
    ],
)
def test_files_that_are_no_rule(tmp_path: Path, data, said):
    path = write(tmp_path, "")
    path.write_bytes(data)
    with pytest.raises(UsageError, match=said):
        read_rule(path)


def test_rules_of_a_folder_know_each_other_and_those_of_the_tool(tmp_path: Path):
    write(tmp_path, WHOLE)
    write(tmp_path, WHOLE.replace("hazards: [A01]", "yields_to: [some-rul]"), "other-rule")
    with pytest.raises(UsageError, match='unknown rule "some-rul"') as caught:
        check_together((*load_rules(), *load_rules(tmp_path)))
    assert '"some-rule"' in caught.value.next_move
    write(tmp_path, WHOLE.replace("hazards: [A01]", "yields_to: [table-rewrite]"), "other-rule")
    check_together((*load_rules(), *load_rules(tmp_path)))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "some-rule.yaml").write_text(WHOLE)
    (tmp_path / "theme" / "other-rule.yaml").unlink()
    with pytest.raises(UsageError, match='two rules are named "some-rule"'):
        load_rules(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(UsageError, match="no folder of rules"):
        load_rules(tmp_path / "nowhere")


FACTS = [
    Facts(ActionKind.ADD_COLUMN),
    Facts(ActionKind.ADD_COLUMN, rewrites=True, version=17),
    Facts(ActionKind.DROP_COLUMN, version=18),
]
LEAVES = st.one_of(
    st.builds(Is, st.just("action"), st.sampled_from([("add-column",), ("drop-column", "add-column"), ("update",)])),
    st.builds(Is, st.just("rewrites"), st.sampled_from([(True,), (False,)])),
    st.builds(AtLeast, st.just("version"), st.integers(14, 19)),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(CONDITIONS, CONDITIONS, st.sampled_from(FACTS))
def test_conditions_follow_the_laws_of_logic(a: Condition, b: Condition, facts: Facts):
    assert holds(Not(All((a, b))), facts) == holds(AnyOf((Not(a), Not(b))), facts)
    assert holds(All((a, b)), facts) == (holds(a, facts) and holds(b, facts))
    assert holds(Not(Not(a)), facts) == holds(a, facts)
