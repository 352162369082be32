"""A crash takes back batches, which do not wait for the disk, to be filled again; steps and entries it never takes."""

from __future__ import annotations

import pytest

from migrate_safe.adapters import database
from migrate_safe.adapters.performer import Performer
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.status import status
from migrate_safe.executor.intents import Fill, Intent, Rewound, Transact
from migrate_safe.executor.settings import Settings
from migrate_safe.model.plan import Phase
from tests.conftest import Connect
from tests.executor.plans import ADD, CHECK, FILL, SCHEMA, fit, plan
from tests.faults.grounds import Grounds
from tests.faults.paced import watched

CONTRACT = Wish(Phase.CONTRACT)
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


@pytest.mark.parametrize("behind", [False, True], ids=["crashed", "behind"])
def test_what_was_acknowledged_is_there_after_a_crash_or_its_loss_is_seen(
    grounds: Grounds, connect: Connect, monkeypatch: pytest.MonkeyPatch, behind: bool
) -> None:
    """The role commits without the disk; a server that is `behind` lost commits all the same, as a late standby has."""
    server, steps = grounds.server, 0
    dsn = server.create_database()
    admin = connect(dsn)
    admin.execute(SCHEMA.format(rows=20))
    made = fit(dsn, plan(ADD, CHECK))
    for setting in ("synchronous_commit = off", "wal_writer_delay = '10s'"):
        admin.execute(f"ALTER SYSTEM SET {setting}")
    admin.execute("SELECT pg_reload_conf()")
    if behind:
        monkeypatch.setattr(database, "SETTLE", database.SETTLE.replace("synchronous_commit = local", "jit = off"))

    def crash(intent: Intent, performer: Performer) -> None:
        nonlocal steps
        steps += isinstance(intent, Transact)
        if isinstance(intent, Transact) and steps == 1:
            connect(dsn).execute("CHECKPOINT")
        if isinstance(intent, Transact) and steps == 2:
            server.stop_immediate()
            server.start()

    try:
        with watched(crash):
            if behind:
                with pytest.raises(Rewound, match=r'lost what it had committed, last of all "done expand.add-column"'):
                    apply(made, Target(dsn), CONTRACT)
                assert status(Target(dsn)).plans[0].next_move == "apply p"
            else:
                assert apply(made, Target(dsn), CONTRACT).after.closed
        assert apply(made, Target(dsn), CONTRACT).after.closed
    finally:
        for setting in ("synchronous_commit", "wal_writer_delay"):
            connect(dsn).execute(f"ALTER SYSTEM RESET {setting}")
    columns = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'mail'"
    assert connect(dsn).execute(columns).fetchone() == (1,)
    server.drop_database(dsn)
