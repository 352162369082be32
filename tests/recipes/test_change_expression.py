from __future__ import annotations

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, life, live

CASE = Case(
    "plain",
    """
    CREATE TABLE t (id int PRIMARY KEY, c text, g int GENERATED ALWAYS AS (id + 1) STORED);
    INSERT INTO t (id, c) SELECT g, 'c' FROM generate_series(1, 50) g;
    """,
    """
    ALTER TABLE t ALTER g DROP EXPRESSION;
    """,
    ("INSERT INTO t (id, c) VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING id, c",),
    ("UPDATE t SET c = 'n' || %(n)s::text WHERE id = 3 RETURNING id, c",),
    "SELECT id, c FROM t",
    "SELECT id, c FROM t",
    expected_phases=("purge",),
)


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


def test_a_virtual_column_is_computed_in_another_way_in_contract(database: str) -> None:
    before = "CREATE TABLE t (id int, v int GENERATED ALWAYS AS (id + 1) VIRTUAL); INSERT INTO t VALUES (1)"
    virtual = Case("virtual", before, "ALTER TABLE t ALTER v SET EXPRESSION AS (id * 7)", (), ())
    with life(virtual, database) as it:
        assert [s.phase for s in it.forward(1)] == ["contract"]
        assert it.owner.execute("SELECT v FROM t").fetchall() == [(7,)]
        list(it.back(0))
        assert it.owner.execute("SELECT v FROM t").fetchall() == [(2,)]
