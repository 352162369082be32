"""A constraint that a migration brings: the old version knows nothing of it, the new one is written for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.app.check import check
from migrate_safe.app.plan import PlanRequest, plan
from migrate_safe.compat.checked import Checked
from migrate_safe.model.effect import BreakKind
from migrate_safe.model.plan import Phase, Plan, Sql, Step
from migrate_safe.model.values import replace
from migrate_safe.planner.codec import to_yaml
from tests.compat.conftest import release_text

BASE = """
CREATE TABLE teams (id bigserial PRIMARY KEY, name text NOT NULL);
CREATE TABLE users (
  id bigserial PRIMARY KEY,
  team_id bigint,
  email text NOT NULL,
  age int,
  status text NOT NULL DEFAULT 'fresh'
);
"""

INSERT = "INSERT INTO users (email, age, team_id, status) VALUES (%s, %s, %s, %s) RETURNING id"
UPDATE = "UPDATE users SET email = %s, age = %s, team_id = %s, status = %s WHERE id = %s"
UPSERT = "INSERT INTO users (id, email, age) VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET email = excluded.email"
DELETE = "DELETE FROM users WHERE id = %s"
BULK = "INSERT INTO users (email, age, status) VALUES (%s, %s, 'paid'), (%s, %s, 'paid') RETURNING id"
BYSTANDER = "UPDATE users SET email = email || %s WHERE id = %s"
"""Writes another column of rows that a NOT VALID constraint may refuse to write at all."""
FREE = (INSERT, UPDATE, UPSERT, DELETE, BULK, BYSTANDER)

CONSTRAINTS = {
    "unique": "ALTER TABLE users ADD CONSTRAINT brought UNIQUE (email)",
    "unique index": "CREATE UNIQUE INDEX brought ON users (lower(email))",
    "check": "ALTER TABLE users ADD CONSTRAINT brought CHECK (age >= 18 AND age < 150)",
    "check of labels": "ALTER TABLE users ADD CONSTRAINT brought CHECK (status IN ('fresh', 'paid'))",
    "foreign key": "ALTER TABLE users ADD CONSTRAINT brought FOREIGN KEY (team_id) REFERENCES teams",
}
EXCLUDE = "ALTER TABLE users ADD CONSTRAINT brought EXCLUDE USING btree (email WITH =)"


@pytest.fixture
def run(tmp_path: Path):
    """Check a plan, or what `migrate-safe plan` makes of a migration: `run(dsn, migration, old=(...), new=(...))`."""

    def checked(dsn: str, migration: str, *, old=(), new=(), made: Plan | None = None, base: str = BASE) -> Checked:
        folder = tmp_path / "migrations"
        folder.mkdir()
        (folder / "0001.sql").write_text(base)
        (folder / "0002.sql").write_text(migration)
        planned = plan(PlanRequest(folder / "0002.sql")) if made is None else made
        planned = replace(planned, source=replace(planned.source, file=str(folder / "0002.sql")))
        (tmp_path / "plan.yaml").write_text(to_yaml(planned))
        paths = {}
        for version, queries in (("v41", old), ("v42", new)):
            (tmp_path / f"{version}.yaml").write_text(release_text(version, queries))
            paths[version] = (tmp_path / f"{version}.yaml",) if queries else ()
        return check(tmp_path / "plan.yaml", old=paths["v41"], new=paths["v42"], postgres=dsn)

    return checked


@pytest.fixture
def hand_made(tmp_path: Path):
    """Write a plan by hand: `hand_made((Phase.CONTRACT, "ALTER TABLE ..."), ...)`."""

    def made(*steps: tuple[Phase, str]) -> Plan:
        (tmp_path / "any.sql").write_text("ALTER TABLE users ALTER age SET DEFAULT 20")
        (tmp_path / "0.sql").write_text(BASE)
        made = plan(PlanRequest(tmp_path / "any.sql", schema=(str(tmp_path / "0.sql"),)))
        written = (Step(f"{phase}.{i}", phase, f"step {i}", Sql((sql,)), Sql()) for i, (phase, sql) in enumerate(steps))
        return replace(made, steps=tuple(written))

    return made


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_the_new_version_sends_no_values_that_its_own_constraint_refuses(run, each_server, kind):
    found = run(each_server.dsn(), CONSTRAINTS[kind], old=FREE, new=FREE)
    assert found.matrix.breaks == ()
    assert found.matrix.untried == ()
    refused = [v for v in found.matrix.verdicts if not v.works]
    assert {v.version for v in refused} == {"v41"}, "after contract the old version would be refused: it is gone then"
    assert DELETE not in {v.query for v in refused}


def test_exclusion_constraints_are_no_different(run, hand_made, each_server):
    made = hand_made((Phase.CONTRACT, EXCLUDE))
    found = run(each_server.dsn(), "SELECT 1", old=FREE, new=FREE, made=made)
    assert found.matrix.breaks == ()
    assert found.matrix.untried == ()
    assert {v.version for v in found.matrix.verdicts if not v.works} == {"v41"}


@pytest.mark.parametrize("migration", [*CONSTRAINTS.values(), EXCLUDE])
def test_the_old_version_breaks_where_values_that_it_was_free_to_write_are_refused(run_check, each_server, migration):
    found = run_check(base=BASE, migration=migration, old=(INSERT, DELETE), new=(INSERT,), postgres=each_server.dsn())
    assert [(v.version, v.query, v.kind) for v in found.matrix.breaks] == [("v41", INSERT, BreakKind.WRITE_REFUSED)]
    assert found.matrix.breaks[0].object == "brought on users"


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_a_plan_that_enforces_in_expand_breaks_the_old_version(run, hand_made, server, kind):
    early = hand_made((Phase.EXPAND, CONSTRAINTS[kind]))
    found = run(server.dsn(), "SELECT 1", old=(UPDATE,), new=(UPDATE,), made=early)
    assert [(v.version, v.state) for v in found.matrix.breaks] == [("v41", "expand.0")]


# migration, a query of the new version that leaves it no choice
NO_CHOICE = [
    (CONSTRAINTS["check of labels"], "INSERT INTO users (email, status) VALUES (%s, 'draft')"),
    (CONSTRAINTS["check of labels"], "UPDATE users SET status = 'draft' WHERE id = %s"),
    (CONSTRAINTS["check"], "INSERT INTO users (email, age) SELECT %s, 5"),
    (
        "ALTER TABLE users ADD CONSTRAINT brought CHECK (status <> 'fresh')",
        "INSERT INTO users (email) VALUES (%s)",
    ),
    ("CREATE UNIQUE INDEX brought ON users (lower(status))", "INSERT INTO users (email) VALUES (%s)"),
    ("ALTER TABLE users ALTER age SET NOT NULL", "INSERT INTO users (email, team_id) VALUES (%s, %s)"),
]


@pytest.mark.parametrize(("migration", "query"), NO_CHOICE)
def test_what_the_query_itself_writes_down_breaks_the_new_version(run, each_server, migration, query):
    found = run(each_server.dsn(), migration, new=(INSERT, query))
    assert [(v.version, v.query, v.kind) for v in found.matrix.breaks] == [("v42", query, BreakKind.WRITE_REFUSED)]
    assert found.matrix.untried == ()


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_values_are_found_for_several_rows_of_one_insert(run_check, kind):
    found = run_check(base=BASE, migration=CONSTRAINTS[kind], new=FREE)
    assert found.matrix.breaks == ()
    assert found.matrix.untried == ()


def test_a_column_without_a_default_that_is_left_out_breaks_both_versions(run_check, each_server):
    query = "INSERT INTO users (email, team_id) VALUES (%s, %s)"
    found = run_check(
        base=BASE,
        migration="ALTER TABLE users ALTER age SET NOT NULL",
        old=(query,),
        new=(query,),
        postgres=each_server.dsn(),
    )
    assert [(v.version, v.object) for v in found.matrix.breaks] == [("v41", "users.age"), ("v42", "users.age")]


@pytest.mark.parametrize(
    "query",
    ["INSERT INTO users (email, status) VALUES (%s, 'draft')", "UPDATE users SET status = 'draft' WHERE id = %s"],
)
def test_a_version_whose_literals_a_check_refuses_cannot_start(run_check, query):
    found = run_check(base=BASE, migration=CONSTRAINTS["check of labels"], new=(query,))
    (verdict,) = found.matrix.breaks
    assert verdict.reason.startswith("does not work on the schema that v42 is to start on: ")
    assert verdict.object == "brought on users"


def test_a_literal_key_may_be_of_a_row_that_only_the_real_table_has(run_check):
    found = run_check(
        base=BASE,
        migration=CONSTRAINTS["foreign key"],
        new=("INSERT INTO users (email, team_id) VALUES (%s, 1)", "UPDATE users SET team_id = 1 WHERE id = %s"),
    )
    assert found.matrix.breaks == ()
    assert [u.query for u in found.matrix.untried] == ["INSERT INTO users (email, team_id) VALUES (%s, 1)"]


def test_what_no_sample_satisfies_is_listed_and_no_break(run, server):
    strict = "ALTER TABLE users ADD CONSTRAINT brought CHECK (email ~ '^[0-9]{3}-[xyz]{4}$')"
    found = run(server.dsn(), strict, new=(INSERT,))
    assert found.matrix.breaks == ()
    ((untried),) = found.matrix.untried
    assert untried.query == INSERT
    assert "no sample values were accepted after contract.add-constraint" in untried.reason


def test_deleting_what_others_may_refer_to_by_now_is_listed(run, server):
    found = run(server.dsn(), CONSTRAINTS["foreign key"], old=(INSERT,), new=("DELETE FROM teams WHERE id = %s",))
    assert found.matrix.breaks == ()
    ((untried),) = found.matrix.untried
    assert "violates foreign key constraint" in untried.reason


def test_what_is_refused_only_on_the_way_breaks_the_new_version(run, hand_made, server):
    """The schema that it is written for takes the values, so it may send them."""
    made = hand_made(
        (Phase.CONTRACT, CONSTRAINTS["check"] + " NOT VALID"),
        (Phase.CONTRACT, "ALTER TABLE users DROP CONSTRAINT brought"),
    )
    found = run(server.dsn(), "SELECT 1", new=(UPDATE,), made=made)
    assert [(v.version, v.state) for v in found.matrix.breaks] == [("v42", "contract.0")]
