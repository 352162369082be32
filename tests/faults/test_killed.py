"""Processes that are killed, interrupted or in each other's way."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import psycopg
import pytest

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.journal_table import install, take_lease
from migrate_safe.app.apply import apply
from migrate_safe.app.executing import Target, leased
from migrate_safe.app.status import status
from migrate_safe.executor.intents import LeaseLost, Record, Transact
from migrate_safe.executor.news import News, Waiting
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.model.errors import TryLater
from migrate_safe.model.journal import Entry, EventKind
from migrate_safe.model.plan import Plan
from tests.conftest import Connect
from tests.executor.plans import ADD, FILL, fit, index_step, plan, sql
from tests.faults.processes import end_of, finish, start, write_plan
from tests.support.processes import eventually, kill


def ours(c: psycopg.Connection[tuple[object, ...]], what: str = "true") -> int:
    """Count backends of migrate-safe on this database."""
    row = c.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        f"AND application_name = 'migrate-safe' AND {what}"
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


BUILDING = "state = 'active' AND query LIKE 'CREATE%INDEX CONCURRENTLY%'"
BATCHING = "state = 'active' AND wait_event_type = 'Lock' AND query LIKE '%WITH filled%'"


def row_held(connect: Connect, dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    """Hold a row in the middle of the table."""
    holder = connect(dsn)
    holder.execute("BEGIN")
    holder.execute("SELECT 1 FROM users WHERE id = 150 FOR UPDATE")
    return holder


def filling(connect: Connect, dsn: str) -> Plan:
    """A plan of one backfill, on a table that has the column already: nothing but the held row is in its way."""
    connect(dsn).execute("ALTER TABLE users ADD mail text")
    return fit(dsn, plan(FILL))


def test_killed_in_the_middle_of_a_backfill_then_applied_again(users: str, connect: Connect, tmp_path: Path) -> None:
    c, file = connect(users), write_plan(tmp_path, filling(connect, users))
    holder = row_held(connect, users)
    process = start("apply", file, "--dsn", users, "--batch-rows", "40")
    assert eventually(lambda: ours(c, BATCHING) > 0)
    assert status(Target(users)).plans[0].steps[0].state == "running"
    kill(process)
    assert eventually(lambda: ours(c) == 0)
    report = status(Target(users))
    assert report.lease is None  # nobody is at work, though the lease has not run out
    assert (report.plans[0].steps[0].state, report.plans[0].steps[0].rows_done) == ("interrupted", 120)
    assert report.plans[0].next_move == "it was cut off: apply p goes on, rollback p --to baseline goes back"
    assert c.execute("SELECT count(mail) FROM users").fetchone() == (120,)
    holder.execute("ROLLBACK")
    code, out, err = finish("apply", file, "--dsn", users)
    assert (code, err.count("begin ")) == (0, 1)
    assert "1 step done; at migrate, 1 of 1 steps done" in out
    assert c.execute("SELECT count(*) FROM users WHERE mail = email").fetchone() == (200,)


def test_killed_during_an_index_build_that_goes_on_without_its_client(
    users: str, connect: Connect, tmp_path: Path
) -> None:
    c, file = connect(users), write_plan(tmp_path, fit(users, plan(index_step())))
    old = connect(users)
    old.execute("BEGIN; UPDATE users SET note = 'x' WHERE id = 1")  # builds wait for it
    process = start("apply", file, "--dsn", users)
    assert eventually(lambda: ours(c, BUILDING + " AND wait_event_type = 'Lock'") == 1)
    kill(process)
    assert eventually(lambda: ours(c) == 1)  # the build alone
    report = status(Target(users))
    (orphan,) = report.orphans
    assert report.plans[0].steps[0].state == "running"
    assert f"waits for what the dead executor left at work (pid {orphan})" in report.plans[0].next_move
    again = start("apply", file, "--dsn", users)
    assert again.stderr is not None
    assert "is dead, but its backend still works" in again.stderr.readline()
    old.execute("COMMIT")
    code, out, _ = end_of(again)
    assert (code, out) == (0, "p: 1 step done; at expand, 1 of 1 steps done\n")
    assert c.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_email_idx'::regclass").fetchone() == (
        True,
    )
    built = c.execute("SELECT count(*) FROM migrate_safe.event WHERE kind = 'done'").fetchone()
    assert built == (1,)


def test_an_orphaned_build_is_waited_for_also_when_the_lease_ran_out(
    users: str, connect: Connect, tmp_path: Path
) -> None:
    c, made = connect(users), fit(users, plan(index_step()))
    old = connect(users)
    old.execute("BEGIN; UPDATE users SET note = 'x' WHERE id = 1")
    process = start("apply", write_plan(tmp_path, made), "--dsn", users)
    assert eventually(lambda: ours(c, BUILDING + " AND wait_event_type = 'Lock'") == 1)
    kill(process)
    c.execute("UPDATE migrate_safe.lease SET expires = clock_timestamp()")
    told: list[str] = []

    def tell(news: News) -> None:
        if isinstance(news, Waiting):
            told.append(news.reason)
            old.execute("ROLLBACK")

    assert apply(made, Target(users), settings=Settings(poll=0.05), tell=tell).after.closed
    assert "still works on index" in told[0]


def test_a_dead_leftover_of_a_build_is_replaced(users: str, connect: Connect, tmp_path: Path) -> None:
    c, file = connect(users), write_plan(tmp_path, fit(users, plan(index_step())))
    old = connect(users)
    old.execute("BEGIN; UPDATE users SET note = 'x' WHERE id = 1")
    process = start("apply", file, "--dsn", users)
    assert eventually(lambda: ours(c, BUILDING + " AND wait_event_type = 'Lock'") == 1)
    kill(process)
    c.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {BUILDING}")
    assert eventually(lambda: ours(c) == 0)
    assert c.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_email_idx'::regclass").fetchone() == (
        False,
    )
    old.execute("COMMIT")
    assert finish("apply", file, "--dsn", users)[0] == 0
    assert c.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_email_idx'::regclass").fetchone() == (
        True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_in_a_backfill_is_journaled_and_leads_on(
    users: str, connect: Connect, tmp_path: Path, number: int
) -> None:
    c, file = connect(users), write_plan(tmp_path, filling(connect, users))
    holder = row_held(connect, users)
    process = start("apply", file, "--dsn", users, "--batch-rows", "40")
    assert eventually(lambda: ours(c, BATCHING) > 0)
    process.send_signal(number)
    code, _, err = end_of(process)
    assert code == 130
    assert "interrupted; the journal says where plan" in err
    assert "Traceback" not in err
    report = status(Target(users))
    assert report.lease is None
    assert report.plans[0].failure == "migrate.backfill: interrupted"
    assert report.plans[0].steps[0].state == "failed"
    holder.execute("ROLLBACK")
    assert finish("apply", "p", "--dsn", users)[0] == 0
    assert c.execute("SELECT count(*) FROM users WHERE mail = email").fetchone() == (200,)


def test_ctrl_c_in_an_index_build_then_rollback(users: str, connect: Connect, tmp_path: Path) -> None:
    c, file = connect(users), write_plan(tmp_path, fit(users, plan(index_step())))
    old = connect(users)
    old.execute("BEGIN; UPDATE users SET note = 'x' WHERE id = 1")
    process = start("apply", file, "--dsn", users)
    assert eventually(lambda: ours(c, BUILDING + " AND wait_event_type = 'Lock'") == 1)
    process.send_signal(signal.SIGINT)
    assert end_of(process)[0] == 130
    assert ours(c) == 0
    old.execute("ROLLBACK")
    code, out, _ = finish("rollback", "p", "--to", "baseline", "--dsn", users)
    assert (code, out) == (0, "p: nothing to do; at baseline, 0 of 1 steps done\n")
    assert c.execute("SELECT to_regclass('users_email_idx')").fetchone() == (None,)


def test_ctrl_c_while_waiting_for_a_lock(users: str, connect: Connect, tmp_path: Path) -> None:
    file = write_plan(tmp_path, fit(users, plan(ADD)))
    holder = row_held(connect, users)
    process = start("apply", file, "--dsn", users, "--json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "waiting"
    process.send_signal(signal.SIGINT)
    assert end_of(process)[0] == 130
    holder.execute("ROLLBACK")
    assert finish("apply", file, "--dsn", users)[0] == 0


def test_of_two_applies_at_once_one_works_and_the_other_says_who(users: str, connect: Connect, tmp_path: Path) -> None:
    c, file = connect(users), write_plan(tmp_path, filling(connect, users))
    holder = row_held(connect, users)
    first = start("apply", file, "--dsn", users)
    assert eventually(lambda: ours(c) == 2 and status(Target(users)).lease is not None)
    code, _, err = finish("apply", file, "--dsn", users)
    assert code == 75
    assert f"pid {first.pid}) since" in err
    assert "lease held by" in err
    code, out, _ = finish("status", "--dsn", users, "--json")
    assert json.loads(out)["lease"]["pid"] == first.pid
    holder.execute("ROLLBACK")
    assert end_of(first)[0] == 0


def test_an_executor_that_lost_its_lease_writes_nothing(users: str, connect: Connect) -> None:
    c, target = connect(users), Target(users)
    apply(fit(users, plan(ADD)), target)
    entry = Entry("p", EventKind.DONE, "x")
    late = Transact(sql("ALTER TABLE users ADD late int"), entry)
    other = Database(users)
    try:
        with leased(other, target, DEFAULTS) as first:
            c.execute("UPDATE migrate_safe.lease SET expires = clock_timestamp()")
            second = Database(users)
            take_lease(second, None, DEFAULTS, second.pid)
            before = c.execute("SELECT count(*) FROM migrate_safe.event").fetchone()
            for intent in (Record(entry), late):
                with pytest.raises(LeaseLost, match="has passed to another executor"):
                    first(intent)
            assert c.execute("SELECT count(*) FROM migrate_safe.event").fetchone() == before
            gone = c.execute("SELECT count(*) FROM pg_attribute WHERE attname = 'late'").fetchone()
            assert gone == (0,)
            second.close()
    finally:
        other.close()


def test_a_lease_of_the_living_is_not_taken(users: str) -> None:
    target, one, two = Target(users), Database(users), Database(users)
    try:
        install(one)
        with (
            leased(one, target, DEFAULTS),
            pytest.raises(TryLater, match="lease held by"),
            leased(two, target, DEFAULTS),
        ):
            raise AssertionError("two holders at once")
    finally:
        one.close()
        two.close()


def test_a_server_that_is_gone_is_to_be_tried_later(tmp_path: Path) -> None:
    code, _, err = finish("status", "--dsn", "host=127.0.0.1 port=1 dbname=x user=y password=hunter2")
    assert code == 75
    assert "hunter2" not in err
    assert "next:" in err
