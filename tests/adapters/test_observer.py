"""What an observer sees of statements of which everybody knows what they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg.conninfo import make_conninfo

from migrate_safe.adapters.observer import Observer
from migrate_safe.adapters.obstacles import MOST, Crowd
from migrate_safe.model.effect import Observed, TransactionRule
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from tests.conftest import Connect

T, T_A = Name("public", "t"), Name("public", "t_a")
SETUP = """
CREATE TABLE t (id int PRIMARY KEY, a int);
INSERT INTO t SELECT i, i FROM generate_series(1, 20) i;
CREATE INDEX t_a ON t (a);
CREATE TABLE child (t_id int REFERENCES t DEFERRABLE INITIALLY DEFERRED);
"""


class Bench:
    def __init__(self, dsn: str, connect: Connect) -> None:
        self.worker = connect(dsn)
        self.worker.execute(SETUP)
        self.crowd = Crowd(dsn)
        self.observer = Observer(self.worker, self.crowd)

    def watch(self, sql: str, *, wrap: bool = True) -> Observed:
        return self.observer.watch(lambda: self.worker.execute(sql.encode()), wrap=wrap)


@pytest.fixture
def bench(each_database: str, connect: Connect) -> Iterator[Bench]:
    made = Bench(each_database, connect)
    yield made
    made.crowd.close()


def test_a_rewrite_with_its_locks(bench: Bench) -> None:
    seen = bench.watch("ALTER TABLE t ALTER a TYPE bigint")
    assert {lock.relation.name: lock.mode for lock in seen.effect.locks} == dict.fromkeys(
        ("t", "t_a", "t_pkey"), LockMode.ACCESS_EXCLUSIVE
    )
    assert {T, T_A} <= set(seen.effect.rewrites)
    assert seen.effect.scans == seen.effect.builds == (T,)
    assert bench.worker.execute("SELECT pg_typeof(a)::text FROM t LIMIT 1").fetchone() == ("bigint",)


def test_in_a_transaction_only_what_is_new_counts(bench: Bench) -> None:
    bench.worker.execute("BEGIN; LOCK TABLE t IN SHARE MODE")
    seen = bench.watch("CREATE INDEX ON t (a, id)")
    assert seen.effect.locks == ()
    assert Lock(T, LockMode.SHARE) in seen.held
    seen = bench.watch("ALTER TABLE t ADD x int")
    assert seen.effect.locks == (Lock(T, LockMode.ACCESS_EXCLUSIVE),)


def test_what_a_statement_outside_of_transactions_reads(bench: Bench) -> None:
    bench.worker.execute("CREATE TABLE plain AS SELECT 1; CREATE TABLE other AS SELECT 1")
    bench.worker.execute("CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN COMMIT; PERFORM * FROM plain; END'")
    assert bench.watch("CALL p()").effect.scans == (Name("public", "plain"),)
    assert bench.watch("VACUUM FULL plain").effect.scans == (Name("public", "plain"),)
    assert bench.watch("VACUUM plain").effect.scans == ()


def test_a_concurrent_build_waits_for_users_and_for_snapshots(bench: Bench) -> None:
    seen = bench.watch("CREATE INDEX CONCURRENTLY x ON t (a, id)")
    assert seen.effect.transaction is TransactionRule.FORBIDDEN
    assert seen.effect.mode_on(T) is LockMode.SHARE_UPDATE_EXCLUSIVE
    assert seen.effect.builds == (T,)
    assert (seen.effect.waits_for_old_transactions, seen.effect.waits_for_snapshots) == (True, True)


def test_a_concurrent_drop_waits_for_users_alone(bench: Bench) -> None:
    seen = bench.watch("DROP INDEX CONCURRENTLY t_a")
    assert (seen.effect.waits_for_old_transactions, seen.effect.waits_for_snapshots) == (True, False)


def test_what_a_vacuum_asks_for_is_seen_although_it_is_gone_in_an_instant(bench: Bench) -> None:
    assert bench.watch("VACUUM t").effect.mode_on(T) is LockMode.SHARE_UPDATE_EXCLUSIVE
    assert bench.watch("VACUUM FULL t").effect.mode_on(T) is LockMode.ACCESS_EXCLUSIVE


def test_each_table_of_many_is_seen_and_its_indexes(bench: Bench) -> None:
    seen = bench.watch("VACUUM t, child")
    modes = {lock.relation.name: lock.mode for lock in seen.effect.locks}
    assert modes == {
        **dict.fromkeys(("t", "child"), LockMode.SHARE_UPDATE_EXCLUSIVE),
        **dict.fromkeys(("t_a", "t_pkey"), LockMode.ROW_EXCLUSIVE),
    }
    assert seen.unsure == frozenset()


def test_what_shares_an_obstacle_may_pass_unseen(bench: Bench) -> None:
    bench.worker.execute("DO $$ BEGIN FOR i IN 1..40 LOOP EXECUTE format('CREATE TABLE n%s ()', i); END LOOP; END $$")
    assert len(bench.watch("VACUUM t").unsure) == len(("t", "child", "t_pkey", "t_a")) + 40 - (MOST - 1)


def test_an_ordinary_role_is_less_sure_of_indexes(each_database: str, connect: Connect) -> None:
    admin = connect(each_database)
    admin.execute("CREATE ROLE ms_plain LOGIN")
    admin.execute("GRANT ALL ON SCHEMA public TO ms_plain")
    dsn = make_conninfo(each_database, user="ms_plain")
    worker = connect(dsn)
    worker.execute("CREATE TABLE t (id int PRIMARY KEY)")
    with closing(Crowd(dsn)) as crowd:
        seen = Observer(worker, crowd).watch(lambda: worker.execute("VACUUM t"))
    assert seen.effect.mode_on(T) is LockMode.SHARE_UPDATE_EXCLUSIVE
    assert seen.unsure == {Name("public", "t_pkey")}
    worker.close()
    admin.execute("DROP OWNED BY ms_plain; DROP ROLE ms_plain")


def test_a_refusal_at_once_and_one_at_commit(bench: Bench) -> None:
    assert bench.watch("ALTER TABLE t DROP b").effect.fails == 'column "b" of relation "t" does not exist'
    seen = bench.watch("INSERT INTO child VALUES (99)")
    assert "violates foreign key constraint" in (seen.effect.fails or "")
    assert bench.worker.execute("SELECT count(*) FROM child").fetchone() == (0,)


def test_a_statement_that_needs_a_block_fails_by_itself(bench: Bench) -> None:
    assert bench.watch("LOCK TABLE t", wrap=False).sqlstate == "25P01"
    assert bench.watch("LOCK TABLE t").effect.mode_on(T) is LockMode.ACCESS_EXCLUSIVE


def test_the_session_is_left_as_it_was(bench: Bench) -> None:
    bench.worker.execute("SET client_min_messages = error")
    bench.watch("ALTER TABLE t ADD x int")
    bench.watch("CREATE INDEX CONCURRENTLY y ON t (x)")
    assert bench.worker.execute("SHOW client_min_messages").fetchone() == ("error",)
