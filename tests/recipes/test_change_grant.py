from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from migrate_safe.model.plan import Sql
from migrate_safe.model.schema import Schema
from tests.planner.test_build import known, planned
from tests.recipes.lifecycle import Case, alike, live, plan_of

BEFORE = """
CREATE SCHEMA side;
CREATE TABLE users (id bigserial PRIMARY KEY, name text, age int);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
CREATE TYPE mood AS ENUM ('ok'); CREATE VIEW named AS SELECT name FROM users;
GRANT SELECT ON users TO pg_monitor WITH GRANT OPTION; GRANT UPDATE (name, age) ON users TO pg_monitor;
GRANT USAGE ON SCHEMA side TO pg_signal_backend;
"""
WRITE = ("INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",)
SEEN = "SELECT id, name FROM users"
case = alike(BEFORE, WRITE, SEEN)

CASES = (
    case(
        "given",
        "GRANT SELECT, INSERT ON users TO pg_monitor, pg_signal_backend; GRANT SELECT (name) ON users TO PUBLIC;"
        "GRANT USAGE ON SEQUENCE users_id_seq TO pg_signal_backend;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;",
        "expand",
    ),
    case(
        "taken",
        "REVOKE GRANT OPTION FOR SELECT ON users FROM pg_monitor; REVOKE ALL ON users FROM pg_monitor;"
        "GRANT SELECT ON users TO pg_monitor;"
        "REVOKE EXECUTE ON FUNCTION twice(int) FROM PUBLIC; REVOKE USAGE ON TYPE mood FROM PUBLIC;"
        "REVOKE ALL ON SCHEMA side FROM pg_signal_backend",
        "contract",
    ),
    case(
        "owned",
        "ALTER TABLE users OWNER TO pg_monitor; ALTER VIEW named OWNER TO pg_signal_backend;"
        "ALTER FUNCTION twice(int) OWNER TO pg_signal_backend;",
        "contract",
    ),
)

GOING = Case(
    "going",
    BEFORE + "GRANT SELECT (age), UPDATE (age) ON users TO pg_monitor;",
    "REVOKE SELECT (age), UPDATE (age) ON users FROM pg_monitor; ALTER TABLE users DROP COLUMN age",
    WRITE,
    WRITE,
    SEEN,
    SEEN,
    expected_phases=("contract", "purge"),
)


@pytest.mark.parametrize("case", (*CASES, GOING), ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


def test_what_is_granted_now_must_be_known() -> None:
    with pytest.raises(Refused, match="what is granted on users now is not known here"):
        plan_of(case("unknown", "GRANT SELECT ON users TO pg_monitor"), Schema())


def test_what_all_changed_is_changed_back_by_all_for_servers_without_maintain() -> None:
    whole, given = "GRANT ALL ON t TO app", "GRANT ALL ON TABLE public.t TO app"
    taken = "REVOKE ALL ON TABLE public.t FROM app"
    for held, migration, back in (
        (whole, "REVOKE ALL ON t FROM app", (given,)),
        (f"{whole} WITH GRANT OPTION", "REVOKE ALL ON t FROM app", (f"{given} WITH GRANT OPTION",)),
        ("", whole, (taken,)),
        ("GRANT SELECT ON t TO app", whole, (taken, "GRANT SELECT ON TABLE public.t TO app")),
    ):
        plan = planned(migration, known(f"CREATE TABLE t (id int); {held}", server_version=18))
        assert [s.undo.statements for s in plan.steps if isinstance(s.undo, Sql)] == [back]
