from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, Refusal, life, live

SEEN = "SELECT b, c FROM t"
CASES = (
    Case(
        "plain",
        """
        CREATE TABLE t (a int NOT NULL, b int, c text);
        INSERT INTO t SELECT g % 3, g, 'c' FROM generate_series(1, 90) g;
        """,
        "ALTER TABLE t ADD PRIMARY KEY (b, a);",
        ("INSERT INTO t VALUES (1, 100 + %(n)s, 'o' || %(n)s::text) RETURNING b, c",),
        ("INSERT INTO t VALUES (2, 100 + %(n)s, 'n' || %(n)s::text) RETURNING b, c",),
        SEEN,
        SEEN,
        expected_phases=("contract",),
    ),
    Case(
        "by-hand",
        "CREATE TABLE t (b int, c text); INSERT INTO t SELECT g, 'c' FROM generate_series(1, 90) g;",
        """
        -- migrate-safe: old-app-keeps it has always been the key
        ALTER TABLE t ALTER b SET NOT NULL;
        CREATE UNIQUE INDEX CONCURRENTLY one ON t (b);
        -- migrate-safe: old-app-keeps it has always been the key
        ALTER TABLE t ADD CONSTRAINT one PRIMARY KEY USING INDEX one;
        """,
        ("INSERT INTO t VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING b, c",),
        ("INSERT INTO t VALUES (100 + %(n)s, 'n' || %(n)s::text) RETURNING b, c",),
        SEEN,
        SEEN,
        expected_phases=("migrate",),
    ),
    Case(
        "another",
        "CREATE TABLE t (b int PRIMARY KEY, c text); INSERT INTO t SELECT g, 'c' FROM generate_series(1, 90) g;",
        "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD COLUMN id bigserial NOT NULL, ADD PRIMARY KEY (id);",
        ("INSERT INTO t VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING b, c",),
        ("INSERT INTO t VALUES (100 + %(n)s, 'n' || %(n)s::text) RETURNING b, c",),
        SEEN,
        SEEN,
        expected_phases=("expand", "migrate", "contract"),
    ),
    Case(
        "index-first",
        "CREATE TABLE t (b int, c text); INSERT INTO t SELECT g, 'c' FROM generate_series(1, 90) g;",
        "CREATE UNIQUE INDEX CONCURRENTLY i ON t (b); ALTER TABLE t ADD CONSTRAINT one PRIMARY KEY USING INDEX i;",
        ("INSERT INTO t VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING b, c",),
        ("INSERT INTO t VALUES (100 + %(n)s, 'n' || %(n)s::text) RETURNING b, c",),
        SEEN,
        SEEN,
        expected_phases=("contract",),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lifecycle(case: Case, each_server: ScratchServer, each_database: str) -> None:
    live(case, each_server, each_database)


@pytest.mark.parametrize(("row", "told"), [("(1, NULL)", "has rows without b"), ("(1, 7)", "same b, a.*7, 1")])
def test_rows_that_break_it_are_shown_before_the_long_build(row: str, told: str, database: str) -> None:
    with life(CASES[0], database) as it:
        it.owner.execute(f"INSERT INTO t (a, b) VALUES {row}".encode())
        with pytest.raises(Refusal, match=told):
            list(it.forward(len(it.plan.steps)))


def test_a_column_is_proven_before_the_key_takes_over_an_index_of_the_migration(database: str) -> None:
    (case,) = (c for c in CASES if c.name == "index-first")
    with life(case, database) as it:
        moves = [s.id.split(".")[1] for s in it.plan.steps]
    assert moves.index("set-not-null") < moves.index("attach-key")
