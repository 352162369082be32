from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from migrate_safe.model.schema import Schema
from tests.recipes.lifecycle import Case, live, plan_of

BEFORE = """
CREATE TABLE plans (code text PRIMARY KEY, price int NOT NULL, note text);
INSERT INTO plans VALUES ('free', 0, NULL), ('team', 900, 'x');
CREATE TABLE users (id bigserial PRIMARY KEY, name text);
INSERT INTO users (name) SELECT 'n' || g FROM generate_series(1, 50) g;
"""
WRITE = ("INSERT INTO users (name) VALUES ('app' || %(n)s::text) RETURNING id, name", "SELECT price FROM plans")
SEEN = "SELECT id, name FROM users"


def case(name: str, migration: str, phases: tuple[str, ...]) -> Case:
    return Case(name, BEFORE, migration, WRITE, WRITE, SEEN, SEEN, expected_phases=phases)


DATA = """
-- migrate-safe: undo DELETE FROM plans
-- migrate-safe: undo WHERE code = 'pro';
INSERT INTO plans VALUES ('pro', 2900, 'a;b');
-- migrate-safe: undo UPDATE plans SET price = 900 WHERE code = 'team';
-- migrate-safe: phase contract
UPDATE plans SET price = 1200 WHERE code = 'team';
-- migrate-safe: phase purge
DELETE FROM plans WHERE code = 'free';
-- migrate-safe: undo UPDATE plans SET price = price - length(note) WHERE note IS NOT NULL;
-- migrate-safe: phase contract
UPDATE plans SET price = price + length(note) WHERE note IS NOT NULL;
ALTER TABLE plans DROP COLUMN note;
"""
DDL = """
-- migrate-safe: undo ALTER TABLE plans RESET (fillfactor), ALTER note DROP DEFAULT;
ALTER TABLE plans SET (fillfactor = 70), ALTER note SET DEFAULT 'none';
-- migrate-safe: undo nothing
ANALYZE plans;
-- migrate-safe: undo DROP FUNCTION twice(int); DROP TYPE pair
DO $$ BEGIN CREATE TYPE pair AS (a int, b int);
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1'; END $$;
"""
CASES = (case("data", DATA, ("expand", "contract", "purge")), case("ddl", DDL, ("expand",)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("undo DELETE FRM plans", "its undo cannot be read"),
        ("undo", "its undo cannot be read: it is empty"),
        ("phase later\n-- migrate-safe: undo nothing", '"later" is no phase'),
        ("phase contract", "without an undo"),
        ("phase purge\n-- migrate-safe: undo SELECT 1", "what purge does is not taken back"),
    ],
)
def test_what_cannot_be_understood_is_refused(said: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        plan_of(case("wrong", f"-- migrate-safe: {said}\nDELETE FROM plans WHERE code = 'x';", ()), Schema())


def test_a_statement_that_no_transaction_bears_is_refused() -> None:
    with pytest.raises(Refused, match="cannot run inside a transaction"):
        plan_of(case("vacuum", "-- migrate-safe: undo nothing\nVACUUM plans;", ()), Schema())
