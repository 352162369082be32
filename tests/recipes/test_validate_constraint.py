from __future__ import annotations

import pytest

from migrate_safe.adapters.scratch import ScratchServer
from tests.recipes.lifecycle import Case, Refusal, life, live

CASE = Case(
    "proven",
    """
    CREATE TABLE far (code text PRIMARY KEY); INSERT INTO far VALUES ('c');
    CREATE TABLE t (id int PRIMARY KEY, c text, e text);
    INSERT INTO t (id, c) SELECT g, 'c' FROM generate_series(1, 50) g;
    ALTER TABLE t ADD CONSTRAINT tall CHECK (length(c) > 0) NOT VALID,
        ADD CONSTRAINT away FOREIGN KEY (e) REFERENCES far NOT VALID;
    COMMENT ON CONSTRAINT away ON t IS 'away';
    """,
    """
    ALTER TABLE t VALIDATE CONSTRAINT tall; ALTER TABLE t VALIDATE CONSTRAINT away;
    """,
    ("INSERT INTO t (id, c) VALUES (100 + %(n)s, 'o' || %(n)s::text) RETURNING id, c",),
    ("UPDATE t SET c = 'n' || %(n)s::text WHERE id = 3 RETURNING id, c",),
    "SELECT id, c FROM t",
    "SELECT id, c FROM t",
    expected_phases=("migrate",),
)


def test_lifecycle(each_server: ScratchServer, each_database: str) -> None:
    live(CASE, each_server, each_database)


def test_a_row_that_breaks_it_stops_the_proof_with_its_key(database: str) -> None:
    with life(CASE, database) as it:
        it.owner.execute("ALTER TABLE t DROP CONSTRAINT tall; UPDATE t SET c = '' WHERE id = 9")
        it.owner.execute("ALTER TABLE t ADD CONSTRAINT tall CHECK (length(c) > 0) NOT VALID")
        with pytest.raises(Refusal, match=r"break CHECK.*9"):
            list(it.forward(len(it.plan.steps)))
