"""Laws that hold of every plan, whatever the migration: they end where the plain form ends, and lead back."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from migrate_safe.catalog.diff import diff
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.errors import Refused, UsageError
from migrate_safe.model.plan import Plan, PlanSource
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.planner.build import build_plan
from migrate_safe.planner.codec import from_yaml, to_yaml
from migrate_safe.planner.locks import state_after
from migrate_safe.sql.parse import parse_script

BASE = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE orgs (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE users (
    id bigserial PRIMARY KEY, org int REFERENCES orgs, email text NOT NULL DEFAULT 'x' CONSTRAINT once UNIQUE,
    name text,
    age int CHECK (age > 0), m mood DEFAULT 'ok', number serial, UNIQUE (name, age)
);
CREATE INDEX ON users (lower(email), age DESC) WHERE name IS NOT NULL;
CREATE TABLE "Odd" ("a b" int NOT NULL, "SELECT" text, PRIMARY KEY ("a b"));
"""

TEXTS = (
    "ALTER TABLE users RENAME email TO mail",
    "ALTER TABLE users RENAME name TO full_name",
    "ALTER TABLE users RENAME age TO years",
    "ALTER TABLE users RENAME m TO feels",
    "ALTER TABLE users RENAME number TO no",
    "ALTER TABLE users RENAME org TO organisation",
    'ALTER TABLE "Odd" RENAME "SELECT" TO "from"',
    "ALTER TABLE users ALTER name SET NOT NULL",
    "ALTER TABLE users ALTER full_name SET NOT NULL",
    "ALTER TABLE users ALTER age SET NOT NULL, ALTER m SET NOT NULL",
    "ALTER TABLE users ALTER name SET DEFAULT 'y'",
    "ALTER TABLE users ALTER email DROP DEFAULT",
    "ALTER TABLE users ALTER mail SET DEFAULT 'z'",
    "ALTER TABLE users ADD a int, ADD b text NOT NULL DEFAULT 'b', ADD UNIQUE (a)",
    "ALTER TABLE users ADD c uuid NOT NULL DEFAULT gen_random_uuid()",
    "ALTER TABLE users ADD d int REFERENCES orgs CHECK (d > 0)",
    "ALTER TABLE users ADD e mood DEFAULT 'sad'",
    "ALTER TABLE users DROP COLUMN age",
    "ALTER TABLE users DROP m, DROP org",
    "ALTER TABLE users DROP IF EXISTS name",
    "CREATE INDEX ON users (email)",
    "CREATE INDEX ON users (mail, age)",
    "CREATE UNIQUE INDEX ON users (name)",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON users USING hash (name)",
    "DROP INDEX i",
    "ALTER TABLE users ADD UNIQUE (age)",
    "ALTER TABLE users ADD CONSTRAINT u UNIQUE USING INDEX users_name_idx",
    "ALTER TABLE users ADD CHECK (age < 200)",
    "ALTER TABLE users ADD CONSTRAINT k CHECK (name <> '') NOT VALID",
    "ALTER TABLE users VALIDATE CONSTRAINT k",
    "ALTER TABLE users DROP CONSTRAINT k",
    "ALTER TABLE users ADD FOREIGN KEY (age) REFERENCES orgs (id)",
    "ALTER TABLE orgs ADD CONSTRAINT self FOREIGN KEY (code) REFERENCES orgs (code)",
    "ALTER TABLE users DROP CONSTRAINT once",
    "ALTER TABLE users DROP CONSTRAINT users_org_fkey, ADD FOREIGN KEY (org) REFERENCES orgs ON DELETE CASCADE",
    "ALTER TABLE users DROP CONSTRAINT IF EXISTS users_age_check",
    "ALTER TABLE users DROP CONSTRAINT users_pkey",
    "ALTER TABLE users RENAME CONSTRAINT once TO sole",
    "ALTER TABLE users ALTER CONSTRAINT users_org_fkey DEFERRABLE INITIALLY DEFERRED",
    "ALTER TABLE users ALTER email DROP NOT NULL",
    "ALTER TABLE users ALTER age TYPE bigint",
    "ALTER TABLE users ALTER id TYPE numeric, ALTER name TYPE varchar(99)",
    "ALTER TABLE users ALTER number TYPE bigint",
    "ALTER TABLE users ALTER email TYPE varchar",
    "ALTER TABLE users ALTER m DROP DEFAULT, ALTER m TYPE text",
    "CREATE TABLE fresh (id int PRIMARY KEY, u bigint REFERENCES users)",
    "ALTER TABLE fresh ADD COLUMN x int NOT NULL",
    "CREATE INDEX ON fresh (u)",
    "INSERT INTO fresh VALUES (1)",
    "COMMENT ON COLUMN users.name IS 'n'",
    "COMMENT ON TABLE users IS 'people'",
    "CREATE TYPE size AS ENUM ('s', 'm')",
    "CREATE VIEW v AS SELECT id FROM users",
    "DROP TABLE orgs",
    "UPDATE users SET age = 1",
    "BEGIN; COMMIT",
    "SET lock_timeout = '1s'",
    "-- migrate-safe: old-app-keeps it was always so\nALTER TABLE users ADD CHECK (age > 1)",
)
STATEMENTS = st.sampled_from(TEXTS)


def base(version: int) -> Schema:
    return replace(fold(Schema(server_version=version), parse_script(Source("b.sql", BASE))), complete=True)


def planned(text: str, schema: Schema) -> Plan | None:
    try:
        return build_plan(parse_script(Source("m.sql", text)), schema, name="m", source=PlanSource("m.sql", ""))
    except (Refused, UsageError) as refusal:
        assert refusal.next_move
        return None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STATEMENTS, min_size=1, max_size=5), st.sampled_from([14, 18]))
@example(["ALTER TABLE users RENAME name TO full_name", "ALTER TABLE users DROP IF EXISTS name"], 14)
def test_every_plan_ends_where_the_plain_form_ends_and_leads_back_to_the_start(
    statements: list[str], version: int
) -> None:
    start, text = base(version), ";\n".join(statements) + ";"
    plan = planned(text, start)
    if plan is None:
        return
    note(text)
    assert from_yaml(to_yaml(plan)) == plan
    end = start
    for step in plan.steps:
        end = state_after(step.work, end)
    assert diff(fold(start, parse_script(Source("m.sql", text))), end) == ()
    assert back_from_everywhere(plan, start) == []


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
        wrong += [f"from {step.id}: {line}" for line in diff(start, back)]
    return wrong


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STATEMENTS | st.text(max_size=30), min_size=1, max_size=4), st.booleans())
def test_whatever_is_planned_is_planned_or_refused_but_never_crashes(statements: list[str], known: bool) -> None:
    planned(";\n".join(statements), base(18) if known else Schema())
