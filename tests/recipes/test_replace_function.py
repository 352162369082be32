from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.errors import Refused
from tests.recipes.lifecycle import Case, life, live

BEFORE = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text);
INSERT INTO users (name) SELECT 'user ' || g FROM generate_series(1, 50) g;
CREATE FUNCTION "Twice"(a int, "B" int DEFAULT 2 + 1, VARIADIC c text[] DEFAULT '{}') RETURNS int
    LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER COST 7 PARALLEL SAFE SET search_path TO public, "My Place"
    SET work_mem = '5MB' AS 'BEGIN RETURN $ms$ 2 $ms$::int * a; END';
COMMENT ON FUNCTION "Twice" IS 'kept'; REVOKE EXECUTE ON FUNCTION "Twice" FROM PUBLIC;
CREATE FUNCTION pairs(n int) RETURNS TABLE (a int, b text) LANGUAGE sql ROWS 9 AS 'SELECT 1, name FROM users';
CREATE FUNCTION couple(INOUT a int, OUT b int) LANGUAGE sql AS 'SELECT a, 1';
CREATE PROCEDURE run(a int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION atomic() RETURNS int BEGIN ATOMIC SELECT 1; END;
"""
WRITE = (
    "INSERT INTO users (name) VALUES ('o' || %(n)s::text) RETURNING id, name",
    'SELECT "Twice"(1), (SELECT count(*) FROM pairs(1)), couple(2)',
    "CALL run(1)",
)
SEEN = "SELECT id, name FROM users"
CHANGES = """
CREATE OR REPLACE FUNCTION "Twice"(a int, "B" int DEFAULT 3, VARIADIC c text[] DEFAULT '{}') RETURNS int LANGUAGE sql
    AS 'SELECT a + a';
CREATE OR REPLACE FUNCTION pairs(n int) RETURNS TABLE (a int, b text) LANGUAGE sql STABLE AS 'SELECT 2, ''x''';
CREATE OR REPLACE PROCEDURE run(a int) LANGUAGE plpgsql AS 'BEGIN END';
ALTER FUNCTION couple(int) STRICT COST 55;
CREATE FUNCTION fresh(a int[]) RETURNS SETOF users LANGUAGE sql AS 'SELECT * FROM users';
"""
CASE = Case("changes", BEFORE, CHANGES, WRITE, WRITE, SEEN, SEEN, expected_phases=("expand",))


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("CREATE OR REPLACE FUNCTION atomic() RETURNS int LANGUAGE sql AS 'SELECT 2'", "is not kept by the server"),
        ("ALTER FUNCTION couple(int) RENAME TO two", "has one name at a time"),
    ],
)
def test_what_cannot_be_taken_back_is_refused(change: str, reason: str, database: str) -> None:
    with pytest.raises(Refused, match=reason), life(Case("refused", BEFORE, change, (), ()), database):
        pass
