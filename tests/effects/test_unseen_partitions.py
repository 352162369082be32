"""A partitioned table of which no partition is known: somebody made them elsewhere, and they hold the rows."""

from __future__ import annotations

import pytest

from migrate_safe.catalog.evolve import fold
from migrate_safe.effects.effect import effect_of
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script, parse_statements

PARENT = "CREATE TABLE t (at date NOT NULL, a int, b text) PARTITION BY RANGE (at);"
CHILD = "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
T, T_1 = Name("public", "t"), Name("public", "t_1")

GROWING = [
    "ALTER TABLE t ALTER a SET NOT NULL",
    "ALTER TABLE t ADD CHECK (a > 0)",
    "ALTER TABLE t ALTER a TYPE bigint",
    "ALTER TABLE t ADD COLUMN c bigserial",
    "CREATE INDEX i ON t (a)",
]


def scans(schema: Schema, sql: str) -> tuple[Name, ...]:
    [statement] = parse_statements(sql)
    return effect_of(statement, schema).scans


@pytest.mark.parametrize("sql", GROWING)
def test_unseen_partitions_are_read_under_the_parents_name(sql):
    parent = fold(Schema(), parse_script(Source("x.sql", PARENT)))
    assert scans(parent, sql) == (T,)
    assert scans(replace(parent, complete=True), sql) == ()
    both = fold(Schema(), parse_script(Source("x.sql", PARENT + CHILD)))
    assert scans(both, sql) == (T_1,)


def test_only_means_only():
    parent = fold(Schema(), parse_script(Source("x.sql", PARENT)))
    assert scans(parent, "CREATE INDEX i ON ONLY t (a)") == ()
