"""Batches do not wait for the disk: what a crash takes back of them is filled again."""

from __future__ import annotations

from migrate_safe.adapters.performer import Performer
from migrate_safe.app.apply import apply
from migrate_safe.app.executing import Target
from migrate_safe.executor.intents import Fill, Intent
from migrate_safe.executor.settings import Settings
from tests.conftest import Connect
from tests.executor.plans import FILL, SCHEMA, fit, plan
from tests.faults.grounds import Grounds
from tests.faults.paced import watched

UNFLUSHED = "ALTER SYSTEM SET wal_writer_delay = '10s'"


def test_a_crash_takes_batches_back_with_their_cursor_and_they_are_filled_again(
    grounds: Grounds, connect: Connect
) -> None:
    server, fills, kept = grounds.server, 0, -1
    dsn = server.create_database()
    admin = connect(dsn)
    admin.execute(SCHEMA.format(rows=200))
    admin.execute("ALTER TABLE users ADD mail text")
    made = fit(dsn, plan(FILL))
    admin.execute(UNFLUSHED)
    admin.execute("SELECT pg_reload_conf()")

    def crash(intent: Intent, _: Performer) -> None:
        nonlocal fills, kept
        fills += isinstance(intent, Fill)
        if fills == 4 and kept < 0:
            server.stop_immediate()
            server.start()
            (kept,) = connect(dsn).execute("SELECT count(mail) FROM users").fetchone() or (-1,)

    try:
        with watched(crash):
            assert apply(made, Target(dsn), settings=Settings(batch_rows=20, batch_max=20)).after.closed
    finally:
        connect(dsn).execute("ALTER SYSTEM RESET wal_writer_delay")
    assert kept < 60, "three batches were done"
    assert connect(dsn).execute("SELECT count(*) FROM users WHERE mail = email").fetchone() == (200,)
    assert fills > 11, "what was lost was filled again"
    server.drop_database(dsn)
