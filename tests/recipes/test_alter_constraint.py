from __future__ import annotations

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, live

CASE = Case(
    "deferred",
    """
    CREATE TABLE t (id int PRIMARY KEY, c text, up int CONSTRAINT up REFERENCES t,
        top int CONSTRAINT top REFERENCES t DEFERRABLE);
    INSERT INTO t (id, c) SELECT g, 'c' FROM generate_series(1, 50) g;
    """,
    """
    ALTER TABLE t ALTER CONSTRAINT up DEFERRABLE, ALTER CONSTRAINT top DEFERRABLE INITIALLY DEFERRED;
    """,
    ("INSERT INTO t (id, c) VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING id, c",),
    ("UPDATE t SET c = 'n' || %(n)s::text WHERE id = 3 RETURNING id, c",),
    "SELECT id, c FROM t",
    "SELECT id, c FROM t",
    expected_phases=("expand", "contract"),
)


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)
