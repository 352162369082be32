from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, live

CASE = Case(
    "renamed",
    """
    CREATE TABLE t (id int PRIMARY KEY, c text, CONSTRAINT "Odd" UNIQUE (c, id), CHECK (id > 0));
    INSERT INTO t (id, c) SELECT g, 'c' FROM generate_series(1, 50) g;
    """,
    """
    ALTER TABLE t RENAME CONSTRAINT "Odd" TO even;
    ALTER TABLE t RENAME CONSTRAINT t_id_check TO positive;
    """,
    ("INSERT INTO t (id, c) VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING id, c",),
    ("UPDATE t SET c = 'n' || %(n)s::text WHERE id = 3 RETURNING id, c",),
    "SELECT id, c FROM t",
    "SELECT id, c FROM t",
    expected_phases=("contract",),
)
WITH_COLUMN = Case(
    "with column",
    """
    CREATE TABLE t (id int PRIMARY KEY, c text, CONSTRAINT "Odd" UNIQUE (c, id), up int REFERENCES t, CHECK (up > 0));
    INSERT INTO t (id, c) SELECT g, 'c' FROM generate_series(1, 50) g;
    """,
    """
    ALTER TABLE t RENAME COLUMN c TO d;
    ALTER TABLE t RENAME COLUMN up TO above;
    ALTER TABLE t RENAME CONSTRAINT "Odd" TO even;
    ALTER TABLE t RENAME CONSTRAINT t_up_fkey TO t_above_fkey;
    """,
    ("INSERT INTO t (id, c) VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING id, c",),
    ("UPDATE t SET d = 'n' || %(n)s::text WHERE id = 3 RETURNING id, d",),
    "SELECT id, c FROM t",
    "SELECT id, d FROM t",
)


@pytest.mark.parametrize("case", (CASE, WITH_COLUMN), ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)
