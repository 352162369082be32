"""Laws that hold of every plan, whatever the migration: they end where the plain form ends, and lead back."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from migrate_safe.catalog.diff import differences
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.plan import Plan
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.planner.codec import from_yaml, to_yaml
from migrate_safe.planner.locks import state_after
from migrate_safe.sql.parse import parse_script
from tests.recipes.grounds import AT_MOST, Ground, grounds, joined, planned, state, statements, staying

Migration = tuple[Ground, tuple[str, ...]]
MEETING = grounds()[0]


@st.composite
def migrations(draw: st.DrawFn) -> Migration:
    """Draw a database and statements that are run on it."""
    ground = draw(st.sampled_from(grounds()))
    seeds = draw(st.lists(st.integers(0, 2**32), min_size=1, max_size=AT_MOST))
    return ground, tuple(ground.statement(random.Random(seed)) for seed in seeds)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(migrations(), st.sampled_from([14, 18]))
@example((MEETING, ("ALTER TABLE users RENAME name TO full_name", "ALTER TABLE users DROP IF EXISTS name")), 14)
def test_every_plan_ends_where_the_plain_form_ends_and_leads_back_to_the_start(
    migration: Migration, version: int
) -> None:
    start, text = state(migration[0], version), joined(migration[1])
    plan = planned(text, start)
    if plan is None:
        return
    note(text)
    assert from_yaml(to_yaml(plan)) == plan
    end = start
    for step in plan.steps:
        end = state_after(step.work, end)
    assert differences(fold(start, parse_script(Source("m.sql", text))), end) == ()
    left = differences(start, fold(start, parse_script(Source("left.sql", staying(text)))))
    assert [line for line in back_from_everywhere(plan, start) if not line.endswith(left)] == []


def back_from_everywhere(plan: Plan, start: Schema) -> list[str]:
    """Go forward to every position that has a way back and undo all; give the differences to the start."""
    wrong, state = [], start
    for at, step in enumerate(plan.steps):
        if step.undo is None:
            break
        state = state_after(step.work, state)
        back, position = state, at + 1
        while position > 0:
            undone = plan.steps[position - 1]
            assert undone.undo is not None
            back = state_after(undone.undo, back)
            position -= 1 + len(undone.takes_back)
        wrong += [f"from {step.id}: {line}" for line in differences(start, back)]
    return wrong


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(grounds()),
    st.lists(st.sampled_from(statements()) | st.text(max_size=30), min_size=1, max_size=4),
    st.booleans(),
)
def test_whatever_is_planned_is_planned_or_refused_but_never_crashes(
    ground: Ground, texts: list[str], known: bool
) -> None:
    planned(";\n".join(texts), state(ground, 18) if known else Schema())
