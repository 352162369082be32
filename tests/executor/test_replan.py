"""Steps of an open plan that have not begun are changed; what is done stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.journal_table import read_plans
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.replan import replan
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.cli.main import main
from migrate_safe.executor.drive import Stopped
from migrate_safe.model.errors import Refused, UsageError
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Phase, Plan, Step
from migrate_safe.model.values import replace
from migrate_safe.planner.codec import to_yaml
from tests.executor.plans import ADD, FILL, HIDE, PURGE, STORY, fit, index_step, plan, sql

ALL = Wish(Phase.CONTRACT)
NOTE = Step(
    "contract.note",
    Phase.CONTRACT,
    "note",
    sql("ALTER TABLE users ALTER note SET DEFAULT 'x'"),
    sql("ALTER TABLE users ALTER note DROP DEFAULT"),
)


def changed(story: Plan) -> Plan:
    """A step more, one less, and another window."""
    return replace(story, steps=(*story.steps[:4], NOTE, story.steps[7], replace(PURGE, not_before="1d")))


def test_what_has_not_begun_is_changed_and_the_way_goes_both_ways(
    users: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, story, file = Target(users), fit(users, STORY), tmp_path / "story.yaml"
    apply(story, target)
    file.write_text(to_yaml(changed(story)))
    assert main(["apply", str(file), "--dsn", users]) == 77
    assert "change the steps that have not begun: replan FILE" in capsys.readouterr().err
    assert main(["replan", str(file), "--dry-run", "--dsn", users]) == 0
    assert len(status(target).plans[0].steps) == 9
    assert main(["replan", str(file), "--dsn", users]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert (shown.count("--- journal"), shown[-1]) == (2, "story: changed after step 4")
    assert "+  - id: contract.note" in shown
    assert main(["replan", str(file), "--dsn", users, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["changed"], told["difference"]) == ("migrate-safe/replan/1", False, [])
    assert apply(file, target, ALL).after.done[4:] == ("contract.note", "contract.hide")
    assert rollback("story", target, "baseline").after.closed


def test_it_is_still_as_old_as_it_was(users: str) -> None:
    story = fit(users, STORY)
    apply(story, Target(users))
    db = Database(users)
    try:
        before = read_plans(db)[0].opened
        replan(changed(story), Target(users))
        assert read_plans(db)[0].opened == before
    finally:
        db.close()


def test_what_is_done_cannot_be_changed_moved_or_left_out(users: str) -> None:
    target, story = Target(users), fit(users, STORY)
    apply(story, target)
    add, index, *others = story.steps
    for steps, name in (
        ((replace(add, does="other"), index, *others), "expand.add-column"),
        ((index, add, *others), "expand.add-column"),
        ((add, *others), "expand.build-index"),
        ((add,), "expand.build-index"),
    ):
        with pytest.raises(Refused, match=f'step "{name}" is done and cannot be changed') as caught:
            replan(replace(story, steps=steps), target)
    assert "rollback story --to expand.add-column" in caught.value.next_move
    rollback("story", target, "expand.add-column")
    replan(replace(story, steps=(add, *others)), target)
    assert apply("story", target).stage == "migrate"


def test_what_was_cut_off_cannot_be_changed_before_it_is_taken_back(users: str) -> None:
    target, made = Target(users), fit(users, plan(ADD, index_step(), FILL))
    for n in range(1, 20):
        with pytest.raises(Stopped):
            apply(made, target, stop_after=n)
        if status(target).plans[0].steps[1].state == "interrupted":
            break
    other = replace(made, steps=(ADD, index_step("UNIQUE"), FILL))
    with pytest.raises(Refused, match=r'step "expand\.build-index" has begun'):
        replan(other, target)
    rollback("p", target, "expand.add-column")
    replan(other, target)
    assert apply("p", target).stage == "migrate"


def test_what_the_done_steps_touch_is_kept(users: str) -> None:
    story = fit(users, STORY)
    apply(story, Target(users))
    with pytest.raises(Refused, match=r'no longer touches "public\.users"'):
        replan(replace(changed(story), touches=(Name("public", "orders"),)), Target(users))


def test_another_open_plan_is_in_the_way_of_new_tables(users: str, connect) -> None:
    connect(users).execute("CREATE TABLE orders (id int)")
    orders, target, story = Name("public", "orders"), Target(users), fit(users, STORY)
    add = replace(ADD, work=sql("ALTER TABLE orders ADD a int", table=orders), undo=sql("ALTER TABLE orders DROP a"))
    apply(story, target)
    apply(fit(users, plan(add, HIDE, name="other", touches=(orders,))), target)
    with pytest.raises(Refused, match=r'plan "other" is open and touches "public\.orders" as well'):
        replan(replace(changed(story), touches=(*story.touches, orders)), target)


def test_tables_that_come_in_are_no_drift(users: str, connect) -> None:
    connect(users).execute("CREATE TABLE orders (id int)")
    orders, target, story = Name("public", "orders"), Target(users), fit(users, STORY)
    add = sql("ALTER TABLE orders ADD a int", table=orders)
    apply(story, target)
    more = Step("contract.more", Phase.CONTRACT, "more", add, sql("ALTER TABLE orders DROP a", table=orders))
    replan(replace(story, steps=(*story.steps[:4], more), touches=(*story.touches, orders)), target)
    assert apply("story", target, ALL).after.closed


def test_a_plan_that_is_done_is_not_replanned(users: str) -> None:
    target, story = Target(users), fit(users, plan(ADD, FILL))
    apply(story, target, ALL)
    with pytest.raises(UsageError, match='plan "p" is closed: every step of it is done'):
        replan(story, target)


def test_only_open_plans_are_replanned(users: str, tmp_path: Path) -> None:
    target, story = Target(users), fit(users, STORY)
    with pytest.raises(UsageError, match='"story" is no plan file'):
        replan("story", target)
    with pytest.raises(UsageError, match="was never applied"):
        replan(story, target)
    apply(story, target)
    rollback("story", target, "baseline")
    with pytest.raises(UsageError, match="is not open"):
        replan(changed(story), target)
