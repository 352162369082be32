"""The worked stories of plans/: golden, clean, checked at every state, applied and taken back by the real executor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.check import check
from migrate_safe.app.executing import Target
from migrate_safe.app.plan import PlanRequest, plan
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import BASELINE, rollback
from migrate_safe.app.schema_source import named_schema
from migrate_safe.model.errors import MigrateSafeError
from migrate_safe.model.plan import Phase, Plan
from migrate_safe.planner.codec import from_yaml, to_yaml
from tests.recipes.lifecycle import Case, assert_same, plain_end
from tests.support.linted import found_in
from tests.support.pg import PgTools

ROOT = Path(__file__).parents[2] / "plans"
STORIES = sorted(p.parent.name for p in ROOT.glob("*/before.sql"))


def migrations(folder: Path) -> list[Path]:
    """Give the files of a story's release, in the order in which they run."""
    return sorted(folder.glob("migration*.sql"))


def made(story: str, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Plan a story from inside its folder, as its README says."""
    monkeypatch.chdir(ROOT / story)
    first, *more = migrations(Path())
    return plan(PlanRequest(first, schema=("before.sql",), name=story, more=more))


@pytest.mark.parametrize("story", STORIES)
def test_the_plan_is_the_golden_one(
    story: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    golden = ROOT / story / "plan.yaml"
    text = to_yaml(made(story, monkeypatch))
    if request.config.getoption("--update-golden"):
        golden.write_text(text, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == text


MEANT = {
    ("expand.add-converted-column", "new-trigger"),  # it raises where somebody breaks into the plan
    ("expand.add-converted-column", "unknown-statement"),  # a function is given to the table's owner, whoever that is
    ("expand.add-synced-column", "new-trigger"),
    ("expand.add-synced-column", "unknown-statement"),
    ("expand.build-index", "duplicate-index"),  # the one that takes the place of the other
    ("migrate.make-identity", "drop-object"),  # the plan's own sequence
    ("migrate.make-identity", "identity-always"),  # the story asks for it
}


@pytest.mark.parametrize("story", STORIES)
def test_the_linter_finds_nothing_while_the_old_version_lives(story: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / story)
    golden = from_yaml(Path("plan.yaml").read_text(encoding="utf-8"), "plan.yaml")
    found = found_in(golden, named_schema(("before.sql",)).schema)
    assert {it for it in found if it[0].startswith(("expand", "migrate"))} <= MEANT


@pytest.mark.parametrize("story", STORIES)
def test_no_query_of_a_live_version_breaks_at_any_state(
    story: str, monkeypatch: pytest.MonkeyPatch, server: ScratchServer
) -> None:
    monkeypatch.chdir(ROOT / story)
    old, new = (Path("releases/v1.yaml"),), (Path("releases/v2.yaml"),)
    found = check(Path("plan.yaml"), old=old, new=new, schema=("before.sql",), postgres=server.dsn())
    assert [v for v in found.matrix.verdicts if v.breaks] == []
    assert found.matrix.verdicts


@pytest.mark.parametrize("story", STORIES)
def test_the_plan_can_be_applied_taken_back_and_applied_again(story: str, server: ScratchServer, database: str) -> None:
    tools, folder = PgTools.of(server), ROOT / story
    before, migration = (folder / "before.sql").read_text(), "".join(p.read_text() for p in migrations(folder))
    tools.psql(database, before)
    start = tools.dump_schema(database)
    golden = from_yaml((folder / "plan.yaml").read_text(), "plan.yaml")
    target, contract = Target(database), Wish(Phase.CONTRACT)
    if (obstacle := folder / "obstacle.sql").exists():
        told, _, rows = obstacle.read_text().partition("\n")
        tools.psql(database, rows)
        with pytest.raises(MigrateSafeError, match=re.escape(told.removeprefix("-- "))):
            apply(golden, target, contract)
        tools.psql(database, (folder / "mend.sql").read_text())
    apply(golden, target, contract)
    if any(s.phase is Phase.CONTRACT for s in golden.steps):
        rollback(golden, target)
    rollback(golden, target, BASELINE)
    if (left := folder / "left.sql").exists():
        start = plain_end(Case(story, before, left.read_text(), (), ()), server, tools)
    assert_same(tools.dump_schema(database), start)
    apply(golden, target, contract)
    if any(s.phase is Phase.PURGE for s in golden.steps):
        purge(golden, target, now=True, confirm=golden.name)
    plain = server.create_database()
    tools.psql(plain, before)
    tools.psql(plain, migration)
    assert_same(tools.dump_schema(database), tools.dump_schema(plain))
    server.drop_database(plain)
