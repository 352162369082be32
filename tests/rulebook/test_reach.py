"""How far a data statement goes, held against the rows that a server really looks at."""

from __future__ import annotations

from typing import Any

import pytest

from migrate_safe.app.lint import lint_source
from migrate_safe.app.schema_source import empty_schema
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.finding import Severity
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script

ROWS = 20_000
FEW = 100
TABLES = """
CREATE TABLE users (
  id bigint PRIMARY KEY, email text UNIQUE, tenant int, code int, kind text, name text, UNIQUE (tenant, code)
);
CREATE UNIQUE INDEX users_name ON users (name);
CREATE UNIQUE INDEX users_vip ON users (kind) WHERE id = 0;
CREATE TABLE roles (id bigint PRIMARY KEY, name text);
"""
FILLED = f"""
INSERT INTO users SELECT i, 'u' || i, i % 100, i / 100, 'k' || i % 2, 'n' || i
FROM generate_series(1, {ROWS}) i;
INSERT INTO roles SELECT i, 'r' || i FROM generate_series(1, {ROWS}) i;
ANALYZE users, roles;
"""
SHORT = [
    "UPDATE users SET kind = 'x' WHERE id = 1",
    "UPDATE users AS u SET kind = 'x' WHERE 1 = u.id AND u.kind IS NOT NULL",
    "UPDATE users SET kind = 'x' WHERE id = 1 OR (id = 2 AND kind = 'a')",
    "DELETE FROM users WHERE email IN ('u1', 'u2')",
    "DELETE FROM users WHERE id = ANY ('{1,2,3}'::bigint[])",
    "UPDATE users SET kind = 'x' WHERE tenant = 1 AND code = 2",
    "UPDATE users SET kind = 'x' WHERE name = lower('N5')",
    "UPDATE users SET kind = v.kind FROM (VALUES (1, 'a'), (2, 'b')) AS v (id, kind) WHERE users.id = v.id",
    "INSERT INTO roles (id, name) VALUES (0, 'a'), (-1, 'b')",
    "INSERT INTO roles SELECT id, name FROM users WHERE id = 7 ON CONFLICT DO NOTHING",
    "INSERT INTO roles SELECT 0, 'a' WHERE NOT EXISTS (SELECT FROM roles WHERE id = 1 AND name = 'a')",
]
LONG = [
    "UPDATE users SET kind = 'x'",
    "UPDATE users SET kind = 'x' WHERE kind IS NULL",
    "UPDATE users SET kind = 'x' WHERE kind = 'k1'",
    "UPDATE users SET kind = 'x' WHERE tenant = 1",
    "UPDATE users SET kind = 'x' WHERE id > 0",
    "UPDATE users SET kind = 'x' WHERE id <> 1",
    "UPDATE users SET kind = 'x' WHERE id = 1 OR kind = 'a'",
    "UPDATE users SET kind = 'x' WHERE NOT id = 1",
    "UPDATE users SET kind = 'x' WHERE id = id",
    "UPDATE users SET kind = 'x' WHERE lower(name) = 'n5'",
    "UPDATE users SET kind = 'x' WHERE kind = 'k0' AND id > 5",
    "DELETE FROM users WHERE email LIKE '%7'",
    "DELETE FROM users WHERE id IN (SELECT id FROM roles)",
    "UPDATE users SET kind = r.name FROM roles r WHERE r.id = users.id",
    "INSERT INTO roles SELECT id + 100000, name FROM users",
    "WITH gone AS (DELETE FROM users WHERE kind = 'k1' RETURNING id) INSERT INTO roles SELECT id + 100000 FROM gone",
]


@pytest.mark.parametrize("sql", SHORT + LONG)
def test_a_long_statement_under_a_lock_is_told_from_a_lookup(sql: str):
    assert (spoken(sql) == [Severity.WARNING]) is (sql in LONG)


@pytest.mark.parametrize(
    ("sql", "severity"),
    [
        ("UPDATE users SET kind = 'x' WHERE kind = 'k1'", Severity.NOTICE),
        ("INSERT INTO roles SELECT id, name FROM users WHERE id = 7", Severity.NOTICE),
        ("UPDATE users SET kind = 'x' WHERE kind IS NULL", Severity.WARNING),
        ("DELETE FROM users", Severity.WARNING),
    ],
)
def test_given_values_may_be_those_of_a_key_where_the_table_is_not_known(sql: str, severity: Severity):
    assert spoken(sql, given="") == [severity]


def spoken(sql: str, given: str = TABLES) -> list[Severity]:
    """Give the severities with which the rule speaks of a statement after ALTER TABLE in its transaction."""
    schema = fold(empty_schema(), parse_script(Source("given.sql", given)))
    script = Source("x.sql", f"BEGIN; ALTER TABLE other ADD note text; {sql}; COMMIT;")
    return [f.severity for f in lint_source(script, schema) if f.rule == "work-while-locked"]


def test_what_is_called_long_looks_at_many_rows(each_database, connect):
    session = connect(each_database)
    session.execute(TABLES + FILLED)
    for sql in SHORT + LONG:
        session.execute("BEGIN")
        [(plan,)] = session.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}").fetchall()
        session.execute("ROLLBACK")
        assert (rows_seen(plan[0]["Plan"]) > FEW) is (sql in LONG), sql


def rows_seen(node: dict[str, Any]) -> int:
    """Count the rows that a plan looks at in tables, whether they pass its conditions or not."""
    below = sum(rows_seen(child) for child in node.get("Plans", []))
    if "Relation Name" not in node or node["Node Type"] == "ModifyTable":
        return below
    return below + node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
