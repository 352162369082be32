from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from migrate_safe.model.schema import Schema
from tests.recipes.lifecycle import Case, live, plan_of

ROLES = ("ms_reader", "ms_writer")
BEFORE = """
CREATE SCHEMA side;
CREATE TABLE users (id bigserial PRIMARY KEY, name text, age int);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
CREATE TYPE mood AS ENUM ('ok'); CREATE VIEW named AS SELECT name FROM users;
GRANT SELECT ON users TO ms_reader WITH GRANT OPTION; GRANT UPDATE (name, age) ON users TO ms_reader;
GRANT USAGE ON SCHEMA side TO ms_writer;
"""
WRITE = ("INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",)
SEEN = "SELECT id, name FROM users"


def case(name: str, migration: str, *phases: str) -> Case:
    return Case(name, BEFORE, migration, WRITE, WRITE, SEEN, SEEN, expected_phases=phases)


CASES = (
    case(
        "given",
        "GRANT SELECT, INSERT ON users TO ms_reader, ms_writer; GRANT SELECT (name) ON users TO PUBLIC;"
        "GRANT USAGE ON SEQUENCE users_id_seq TO ms_writer; GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;",
        "expand",
    ),
    case(
        "taken",
        "REVOKE GRANT OPTION FOR SELECT ON users FROM ms_reader; REVOKE ALL ON users FROM ms_reader;"
        "REVOKE EXECUTE ON FUNCTION twice(int) FROM PUBLIC; REVOKE USAGE ON TYPE mood FROM PUBLIC;"
        "REVOKE ALL ON SCHEMA side FROM ms_writer",
        "contract",
    ),
    case(
        "owned",
        "ALTER TABLE users OWNER TO ms_reader; ALTER VIEW named OWNER TO ms_writer;"
        "ALTER FUNCTION twice(int) OWNER TO ms_writer;",
        "contract",
    ),
)


@pytest.fixture
def with_roles(each_server: ScratchServer) -> Iterator[ScratchServer]:
    with psycopg.connect(each_server.dsn(), autocommit=True) as c:
        for role in ROLES:
            c.execute(f"CREATE ROLE {role}".encode())
        yield each_server


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, with_roles: ScratchServer) -> None:
    dsn = with_roles.create_database()
    try:
        live(case, with_roles, dsn)
    finally:
        with_roles.drop_database(dsn)
        with psycopg.connect(with_roles.dsn(), autocommit=True) as c:
            for role in ROLES:
                c.execute(f"DROP ROLE {role}".encode())


def test_what_is_granted_now_must_be_known() -> None:
    with pytest.raises(Refused, match="what is granted on users now is not known here"):
        plan_of(case("unknown", "GRANT SELECT ON users TO ms_reader"), Schema())
