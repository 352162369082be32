"""The lock conflict table, tried out mode by mode, and the laws that follow from it."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import product

import psycopg
import pytest

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.effects.analyse import analyse
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.source import Source
from migrate_safe.sql.parse import parse_script


def test_two_sessions_conflict_exactly_where_the_table_says(each_server: ScratchServer) -> None:
    dsn = each_server.create_database()
    differing = []
    with connect(dsn) as one, connect(dsn) as two:
        one.execute("CREATE TABLE t ()")
        for held, wanted in product(LockMode, LockMode):
            one.execute("BEGIN")
            one.execute(f"LOCK TABLE t IN {held.sql} MODE".encode())
            two.execute("BEGIN")
            try:
                two.execute(f"LOCK TABLE t IN {wanted.sql} MODE NOWAIT".encode())
                refused = False
            except psycopg.errors.LockNotAvailable:
                refused = True
            if refused != held.conflicts_with(wanted):
                differing.append((held, wanted))
            two.execute("ROLLBACK")
            one.execute("ROLLBACK")
    each_server.drop_database(dsn)
    assert differing == []


def test_catalog_names_are_those_of_pg_locks(each_server: ScratchServer) -> None:
    dsn = each_server.create_database()
    with connect(dsn) as connection:
        connection.execute("CREATE TABLE t ()")
        for mode in LockMode:
            connection.execute("BEGIN")
            connection.execute(f"LOCK TABLE t IN {mode.sql} MODE".encode())
            row = connection.execute("SELECT mode FROM pg_locks WHERE relation = 't'::regclass").fetchone()
            connection.execute("ROLLBACK")
            assert row == (mode.catalog_name,)
    each_server.drop_database(dsn)


REFERRED = """
CREATE TABLE pk (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE pk1 PARTITION OF pk FOR VALUES FROM (0) TO (100);
CREATE TABLE ref (id int REFERENCES pk); CREATE TABLE aside (id int);
"""


@pytest.mark.parametrize(("held", "waits"), [("ref", True), ("aside", False)])
def test_detaching_concurrently_waits_for_readers_of_what_refers_to_the_parent(
    each_database: str, held: str, waits: bool
) -> None:
    """Its last locks come when all that stood in its way has gone, so that no observer sees them for sure."""
    with connect(each_database) as one, connect(each_database) as two:
        one.execute(REFERRED.encode())
        detach = "ALTER TABLE pk DETACH PARTITION pk1 CONCURRENTLY"
        (foreseen,) = analyse(parse_script(Source("m.sql", detach)), read_schema(one))
        locks = {lock.relation.name: lock.mode for lock in foreseen.effect.locks}
        assert (locks.get(held) is LockMode.ACCESS_EXCLUSIVE) == waits
        two.execute(f"BEGIN; LOCK TABLE {held} IN ACCESS SHARE MODE".encode())
        one.execute("SET lock_timeout = '300ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable) if waits else nullcontext():
            one.execute(detach.encode())


def test_conflicts_are_symmetric() -> None:
    assert all(a.conflicts_with(b) == b.conflicts_with(a) for a, b in product(LockMode, LockMode))


def test_a_stronger_mode_never_conflicts_with_less_but_for_share_with_itself() -> None:
    weaker = [
        (high, other)
        for low, high, other in product(LockMode, LockMode, LockMode)
        if low < high and low.conflicts_with(other) and not high.conflicts_with(other)
    ]
    assert set(weaker) == {(LockMode.SHARE, LockMode.SHARE)}


@pytest.mark.parametrize(
    ("mode", "reads", "writes"),
    [
        (LockMode.ACCESS_SHARE, False, False),
        (LockMode.SHARE_UPDATE_EXCLUSIVE, False, False),
        (LockMode.SHARE, False, True),
        (LockMode.SHARE_ROW_EXCLUSIVE, False, True),
        (LockMode.EXCLUSIVE, False, True),
        (LockMode.ACCESS_EXCLUSIVE, True, True),
    ],
)
def test_what_a_mode_blocks(mode: LockMode, reads: bool, writes: bool) -> None:
    assert (mode.blocks_reads, mode.blocks_writes) == (reads, writes)


def test_a_lock_reads_well() -> None:
    assert str(Lock(Name("public", "Users"), LockMode.SHARE)) == 'SHARE on public."Users"'
