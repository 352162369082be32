from __future__ import annotations

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


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)
