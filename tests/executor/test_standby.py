"""A table is not locked while somebody reads it for long on a hot standby, where the lock is replayed and waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from migrate_safe.adapters.postgres import connect as open_connection
from migrate_safe.adapters.postgres import parse_dsn
from migrate_safe.adapters.scratch import ScratchServer, standby_of
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.executor.news import News, Waiting
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import TryLater, UsageError
from migrate_safe.model.plan import Phase
from tests.executor.plans import ADD, CHECK, SCHEMA, fit, plan
from tests.support.processes import eventually

SYNCHRONOUS = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"


@pytest.fixture(scope="module")
def standby(each_server: ScratchServer) -> Iterator[ScratchServer]:
    """A hot standby that lets readers be in the way of replay for two seconds."""
    with standby_of(each_server) as made:
        with open_connection(made.home) as c:
            c.execute("ALTER SYSTEM SET max_standby_streaming_delay = '2s'")
            c.execute("SELECT pg_reload_conf()")
        yield made


@pytest.fixture
def pair(each_server: ScratchServer, standby: ScratchServer) -> Iterator[tuple[str, str]]:
    """A database with users, here and on the standby."""
    dsn = each_server.create_database()
    with open_connection(dsn) as c:
        c.execute(SCHEMA.format(rows=200).encode())
    _caught_up(dsn, standby.home)
    yield dsn, standby.dsn(str(parse_dsn(dsn)["dbname"]))
    each_server.drop_database(dsn)


def test_access_exclusive_waits_for_readers_of_a_standby_and_holds_up_who_comes_later(pair: tuple[str, str]) -> None:
    """Until max_standby_streaming_delay has passed: then the reader in the way is ended."""
    dsn, there = pair
    with (
        open_connection(dsn) as c,
        open_connection(there, autocommit=False) as reader,
        open_connection(there) as late,
        open_connection(there) as look,
        ThreadPoolExecutor(1) as pool,
    ):
        reader.execute("SELECT count(*) FROM users")
        c.execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE; ALTER TABLE users ADD late int; COMMIT")
        waiting = "SELECT 1 FROM pg_locks WHERE relation = 'users'::regclass AND mode = %s AND NOT granted"
        assert eventually(lambda: look.execute(waiting, ("AccessExclusiveLock",)).fetchone() is not None)
        served = pool.submit(late.execute, "SELECT late FROM users LIMIT 1")
        assert eventually(lambda: look.execute(waiting, ("AccessShareLock",)).fetchone() is not None)
        assert served.result(30).fetchone() == (None,)
        with pytest.raises(psycopg.OperationalError, match="conflict with recovery"):
            reader.execute("SELECT 1")


def test_long_readers_of_a_standby_are_waited_for(pair: tuple[str, str]) -> None:
    dsn, there = pair
    made = fit(dsn, plan(ADD))
    with ThreadPoolExecutor(1) as pool:
        target = Target(dsn, standbys=(there,))
        with open_connection(there, autocommit=False, application_name="report") as reader:
            reader.execute("SELECT count(*) FROM users")
            with pytest.raises(TryLater, match=r'application "report", .* on standby .*') as told:
                apply(made, target, Wish(Phase.EXPAND), Settings(give_up_after=0.5))
            assert f"pid {reader.info.backend_pid} " in told.value.message
            waited = threading.Event()

            def hear(news: News) -> None:
                if isinstance(news, Waiting) and any("on standby" in b for b in news.blockers):
                    waited.set()

            future = pool.submit(apply, made, target, Wish(Phase.EXPAND), tell=hear)
            assert waited.wait(30)
            reader.rollback()
            assert future.result(30).stage == "expand"


def test_no_lock_is_held_while_a_synchronous_standby_does_not_follow(pair: tuple[str, str]) -> None:
    """No timeout bounds COMMIT: a reader would wait as long as the standby does."""
    dsn, there = pair
    held = """
        SELECT wait_event, array(SELECT relation::regclass::text FROM pg_locks AS l
            WHERE l.pid = a.pid AND relation IN ('users'::regclass, 'migrate_safe.lease'::regclass))
        FROM pg_stat_activity AS a WHERE wait_event = 'SyncRep' AND application_name = 'migrate-safe'
    """
    with open_connection(dsn) as c, open_connection(there) as behind, ThreadPoolExecutor(1) as pool:
        apply(fit(dsn, plan(ADD, name="first")), Target(dsn))
        made = fit(dsn, plan(CHECK))
        c.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = remote_apply")
        c.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        c.execute("SELECT pg_reload_conf()")
        assert eventually(lambda: c.execute(SYNCHRONOUS).fetchone() is not None)
        try:
            behind.execute("SELECT pg_wal_replay_pause()")
            future = pool.submit(apply, made, Target(dsn), Wish(Phase.CONTRACT))
            done = "SELECT 1 FROM migrate_safe.event WHERE plan = 'p' AND kind = 'done'"
            assert eventually(lambda: c.execute(done).fetchone() is not None)
            assert eventually(lambda: c.execute(held).fetchone() is not None)
            assert c.execute(held).fetchall() == [("SyncRep", [])]
            assert not future.done()
        finally:
            behind.execute("SELECT pg_wal_replay_resume()")
            c.execute("SET synchronous_commit = local; ALTER ROLE CURRENT_USER RESET synchronous_commit")
            c.execute("ALTER SYSTEM RESET synchronous_standby_names")
            c.execute("SELECT pg_reload_conf()")
        assert future.result(30).after.closed


def test_a_standby_that_is_none_or_gone_is_told(database: str) -> None:
    with open_connection(database) as c:
        c.execute(SCHEMA.format(rows=2).encode())
    made = fit(database, plan(ADD))
    with pytest.raises(UsageError, match="is no standby"):
        apply(made, Target(database, standbys=(database,)))
    with pytest.raises(TryLater):
        apply(made, Target(database, standbys=("host=/nowhere port=1",)))


def _caught_up(primary: str, standby: str) -> None:
    with open_connection(primary) as c, open_connection(standby) as s:
        lsn = c.execute("SELECT pg_current_wal_lsn()").fetchone()
        assert lsn is not None
        while s.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", lsn).fetchone() != (True,):
            threading.Event().wait(0.02)
