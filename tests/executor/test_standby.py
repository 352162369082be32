"""A table is not locked while somebody reads it for long on a hot standby, where the lock would be replayed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from migrate_safe.adapters.postgres import connect as open_connection
from migrate_safe.adapters.scratch import ScratchServer, standby_of
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.executor.news import News, Waiting
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import TryLater, UsageError
from migrate_safe.model.plan import Phase
from tests.executor.plans import ADD, SCHEMA, fit, plan


def test_long_readers_of_a_standby_are_waited_for(each_server: ScratchServer) -> None:
    dsn = each_server.create_database()
    with open_connection(dsn) as c:
        c.execute(SCHEMA.format(rows=200).encode())
    made, dbname = fit(dsn, plan(ADD)), open_connection(dsn).info.dbname
    with standby_of(each_server) as standby, ThreadPoolExecutor(1) as pool:
        there = standby.dsn(dbname)
        _caught_up(dsn, there)
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
    each_server.drop_database(dsn)


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
