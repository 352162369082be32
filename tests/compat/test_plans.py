"""Plans: which version works at which state, by the phases in which each may be running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate_safe.app.check import check
from migrate_safe.compat.states import plan_timeline
from migrate_safe.model.effect import BreakKind
from migrate_safe.model.names import Name
from migrate_safe.model.plan import (
    Backfill,
    BuildIndex,
    DropIndexConcurrently,
    Phase,
    Plan,
    PlanRelease,
    PlanSource,
    Sql,
    Step,
    Verify,
)
from migrate_safe.model.values import replace
from migrate_safe.planner.codec import to_yaml
from migrate_safe.report.check_json import check_json
from migrate_safe.report.check_text import check_text
from tests.compat.conftest import release_text

USERS = Name("public", "users")
BASE = "CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE, name text);"

OLD = (
    "SELECT id, email FROM users WHERE id = %s",
    "INSERT INTO users (email) VALUES (%(email)s) RETURNING id",
    "UPDATE users SET name = %s WHERE email = %s",
)
NEW = (
    "SELECT id, address FROM users WHERE id = %s",
    "INSERT INTO users (address) VALUES (%(email)s) RETURNING id",
    "UPDATE users SET address = %s WHERE id = %s",
)

SYNC = """CREATE FUNCTION migrate_safe.in_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE filling boolean := current_setting('migrate_safe.backfill', true) = 'on';
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.address := coalesce(NEW.address, NEW.email); NEW.email := coalesce(NEW.email, NEW.address);
  ELSIF NEW.address IS DISTINCT FROM OLD.address AND filling IS NOT TRUE THEN
    NEW.email := NEW.address;
  ELSIF NEW.email IS DISTINCT FROM OLD.email THEN
    NEW.address := NEW.email;
  END IF;
  RETURN NEW;
END $$"""
TRIGGER = (
    "CREATE TRIGGER in_step BEFORE INSERT OR UPDATE ON public.users "
    "FOR EACH ROW EXECUTE FUNCTION migrate_safe.in_step()"
)
INDEX = "CREATE UNIQUE INDEX CONCURRENTLY users_address ON public.users (address)"


def step(name: str, phase: Phase, work) -> Step:
    if phase is Phase.PURGE:
        return Step(name, phase, f"does {name}", work, None, irreversible="loses it")
    return Step(name, phase, f"does {name}", work, Sql())


def sql(*statements: str) -> Sql:
    return Sql(tuple(statements))


RENAME = (
    step("add-column", Phase.EXPAND, sql("ALTER TABLE public.users ADD COLUMN address text", SYNC, TRIGGER)),
    step("build-index", Phase.EXPAND, BuildIndex(USERS, Name("public", "users_address"), INDEX)),
    step("fill", Phase.MIGRATE, Backfill(USERS, (("address", "email"),), "address IS NULL AND email IS NOT NULL")),
    step("verify", Phase.MIGRATE, Verify(USERS, "address = email", "not in step")),
    step("enforce", Phase.CONTRACT, sql("ALTER TABLE public.users ALTER COLUMN address SET NOT NULL")),
    step(
        "hide",
        Phase.CONTRACT,
        sql(
            "DROP TRIGGER in_step ON public.users",
            'ALTER TABLE public.users RENAME COLUMN email TO "~gone"',
            'ALTER TABLE public.users ALTER COLUMN "~gone" DROP NOT NULL',
        ),
    ),
    step("drop-index", Phase.PURGE, DropIndexConcurrently(USERS, Name("public", "nothing"))),
    step(
        "drop", Phase.PURGE, sql('ALTER TABLE public.users DROP COLUMN "~gone"', "DROP FUNCTION migrate_safe.in_step")
    ),
)


@pytest.fixture
def check_plan(tmp_path: Path, server):
    def run(steps=RENAME, old=OLD, new=NEW, base=BASE, **more):
        (tmp_path / "migrations").mkdir()
        (tmp_path / "migrations" / "0001.sql").write_text(base)
        (tmp_path / "migrations" / "0002.sql").write_text("ALTER TABLE users RENAME COLUMN email TO address;")
        source = PlanSource(str(tmp_path / "migrations" / "0002.sql"), "0" * 64)
        plan = Plan("rename", "rename it", source, steps, "sha256:" + "0" * 64, (USERS,), **more)
        (tmp_path / "plan.yaml").write_text(to_yaml(plan))
        for version, queries in (("v41", old), ("v42", new)):
            (tmp_path / f"{version}.yaml").write_text(release_text(version, queries))
        return check(
            tmp_path / "plan.yaml", old=(tmp_path / "v41.yaml",), new=(tmp_path / "v42.yaml",), postgres=server.dsn()
        )

    return run


def works(found, version: str) -> dict[str, bool]:
    states = found.matrix.timeline.states
    return {state.id: all(v.works for v in found.matrix.at(state, version)) for state in states}


def test_a_rename_plan_serves_each_version_where_it_may_be_running(check_plan):
    found = check_plan()
    assert found.matrix.breaks == ()
    assert found.matrix.untried == ()
    assert [state for state, ok in works(found, "v41").items() if not ok] == ["hide", "drop-index", "drop"]
    assert [state for state, ok in works(found, "v42").items() if not ok] == ["baseline"]
    alive = {(v.version, v.state) for v in found.matrix.verdicts if v.alive}
    assert {s for v, s in alive if v == "v41"} == {"baseline", "add-column", "build-index", "fill", "verify"}
    assert {s for v, s in alive if v == "v42"} == {"verify", "enforce", "hide", "drop-index", "drop"}


def test_a_state_that_changes_nothing_has_the_verdicts_of_the_one_before(check_plan):
    found = check_plan()
    by_state = {s: [v.works for v in found.matrix.verdicts if v.state == s] for s in ("fill", "verify", "enforce")}
    assert by_state["fill"] == by_state["verify"]
    assert [s.id for s in plan_timeline(found_plan()).states if not s.changes] == ["verify"]


def found_plan() -> Plan:
    return Plan("rename", "x", PlanSource("x.sql", "0" * 64), RENAME, "sha256:x", (USERS,))


def test_contract_without_reverse_sync_of_not_null_breaks_the_new_version(check_plan):
    """The old column stays NOT NULL and nobody fills it: what a hand-edited plan could do."""
    hide = step(
        "hide",
        Phase.CONTRACT,
        sql("DROP TRIGGER in_step ON public.users", 'ALTER TABLE public.users RENAME COLUMN email TO "~gone"'),
    )
    found = check_plan(steps=(*RENAME[:5], hide))
    (verdict,) = found.matrix.breaks
    assert (verdict.version, verdict.state, verdict.kind) == ("v42", "hide", BreakKind.WRITE_REFUSED)
    assert verdict.object == "users.~gone"


def test_enforcing_before_the_old_version_is_gone_is_a_break(check_plan):
    early = replace(RENAME[5], id="early", phase=Phase.EXPAND)
    found = check_plan(steps=(*RENAME[:2], early, RENAME[7]))
    broken = {(v.version, v.state) for v in found.matrix.breaks}
    assert broken == {("v41", "early")}


def test_a_plan_for_other_versions_is_noted(check_plan):
    found = check_plan(release=PlanRelease("shop", "v40", "v42"))
    assert found.notes[0] == 'the plan is made for old version "v40", "v41" was given'


def test_a_plan_for_other_tables_is_noted(check_plan):
    assert "the tables here are not those that the plan was made for" in check_plan().notes[0]


def test_text_and_json_say_the_same(check_plan):
    found = check_plan(old=(*OLD, "SELECT * FROM users", "LISTEN jobs"))
    text = check_text(found)
    assert "BREAKS 1" in text
    assert "(breaks 3)" in text
    assert "LISTEN cannot be prepared" in text
    assert "what to do  name the columns instead of *" in text
    assert text.endswith("1 break in 7 queries of v41 and v42; 2 faults of the plan\n")
    value = json.loads(check_json(found))
    assert value["format"] == "migrate-safe/check/1"
    assert value["breaks"] == 1
    assert [q["query"] for q in value["not_judged"]] == ["LISTEN jobs"]
    first = next(v for v in value["verdicts"] if not v["works"] and v["alive"])
    assert (first["state"], first["phase"], first["after_step"]) == ("add-column", "expand", "add-column")
    assert (first["version"], first["object"], first["kind"]) == ("v41", "+address text", "shape")
    assert first["query"] == "SELECT * FROM users"
    assert first["source"].endswith("v41.yaml:11")
    assert value["versions"][0]["must_work_through"] == "verify"
