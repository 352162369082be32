from __future__ import annotations

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, live

CASE = Case(
    "set",
    """
    CREATE TABLE t (id int PRIMARY KEY, c text, n int);
    INSERT INTO t (id, c) SELECT g, 'c' FROM generate_series(1, 50) g;
    ALTER TABLE t ALTER c SET STATISTICS 300, ALTER n SET (n_distinct = 5, n_distinct_inherited = 7);
    """,
    """
    ALTER TABLE t ALTER c SET STATISTICS 500, ALTER c SET STORAGE EXTERNAL, ALTER c SET COMPRESSION pglz;
    ALTER TABLE t ALTER n SET (n_distinct = 9);
    """,
    ("INSERT INTO t (id, c) VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING id, c",),
    ("UPDATE t SET c = 'n' || %(n)s::text WHERE id = 3 RETURNING id, c",),
    "SELECT id, c FROM t",
    "SELECT id, c FROM t",
    expected_phases=("expand",),
)


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)
