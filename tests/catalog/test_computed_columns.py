"""Values given to columns that the server computes, on a schema of which not all is known."""

from __future__ import annotations

import pytest

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve import apply, fold
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script, parse_statements

MADE = """
CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, a int, g int GENERATED ALWAYS AS (a * 2) STORED);
ALTER TABLE old ADD g int GENERATED ALWAYS AS (1) STORED;
CREATE TABLE told (id int GENERATED ALWAYS AS IDENTITY);
CREATE RULE r AS ON INSERT TO told DO INSTEAD NOTHING;
CREATE VIEW w AS SELECT a AS g, id AS a FROM t;
"""
SCHEMA = fold(Schema(), parse_script(Source("made.sql", MADE)))


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO old VALUES (1, 2)",
        "INSERT INTO old SELECT 1",
        "INSERT INTO old (a) VALUES (1)",
        "INSERT INTO absent (g) VALUES (1)",
        "INSERT INTO told (id) VALUES (1)",
        "INSERT INTO w (g) VALUES (1)",
        "INSERT INTO t SELECT * FROM absent",
        "INSERT INTO t (a) SELECT g FROM t",
        "UPDATE t SET (a, g) = ROW(1, DEFAULT)",
        "UPDATE t SET a = g",
        "DELETE FROM t WHERE g = 1",
        "COPY t (id, a) FROM STDIN",
        "WITH g AS (SELECT 1 AS id) INSERT INTO t (a) SELECT id FROM g",
    ],
)
def test_what_may_be_taken_is_not_refused(sql: str) -> None:
    (statement,) = parse_statements(sql)
    apply(SCHEMA, statement)


@pytest.mark.parametrize("sql", ["INSERT INTO t VALUES (1)", "UPDATE old SET g = 1", "INSERT INTO old (g) SELECT 1"])
def test_a_value_for_a_known_computed_column_is_refused(sql: str) -> None:
    (statement,) = parse_statements(sql)
    with pytest.raises(CannotApply, match=r"column '(g|id)'"):
        apply(SCHEMA, statement)
