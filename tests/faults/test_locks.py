"""Clients that hold locks: who is waited for, who is named, and that none is harmed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from psycopg.errors import QueryCanceled

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.executor.news import Attempted, News
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import TryLater
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Phase
from migrate_safe.model.values import replace
from tests.conftest import Connect
from tests.executor.plans import ADD, FILL, fit, plan, sql
from tests.recipes.lifecycle import Case, plan_of
from tests.support.processes import eventually

PATIENT = Settings(give_up_after=0.6)
DEAD_ROWS = """
INSERT INTO users SELECT g, 'x', repeat('y', 500) FROM generate_series(1000, 9000) g;
DELETE FROM users WHERE id > 5000
"""


def test_an_idle_transaction_is_named_and_nobody_waits_behind_it(users: str, connect: Connect) -> None:
    holder = connect(users)
    holder.execute("SET application_name = 'shop@v41'")
    holder.execute("BEGIN")
    holder.execute("SELECT 'a secret' FROM users LIMIT 1")
    with pytest.raises(TryLater) as caught:
        apply(fit(users, plan(ADD)), Target(users), settings=PATIENT)
    text = str(caught.value)
    assert f'blocked by pid {holder.info.backend_pid} (application "shop@v41", role' in text
    assert "idle in transaction" in text
    assert "secret" not in text
    report = status(Target(users)).plans[0]
    assert report.failure is not None
    assert "shop@v41" in report.failure
    holder.execute("ROLLBACK")
    assert apply(fit(users, plan(ADD)), Target(users)).after.closed


def test_a_stream_of_transactions_is_got_through(users: str, connect: Connect) -> None:
    done, served = threading.Event(), [0]

    def work(n: int) -> None:
        c = connect(users)
        while not done.is_set():
            with c.transaction():
                c.execute("UPDATE users SET note = note WHERE id = %s", (n,))
                time.sleep(0.02)
            served[0] += 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    told: list[News] = []
    try:
        assert eventually(lambda: served[0] > 3)
        apply(fit(users, plan(ADD)), Target(users), tell=told.append)
        after = served[0]
        assert eventually(lambda: served[0] > after + 3)  # the clients go on
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert [n.step for n in told if isinstance(n, Attempted)] == ["expand.add-column"]


def test_a_manual_vacuum_yields_to_nobody_and_is_named(users: str, connect: Connect) -> None:
    c, vacuum = connect(users), connect(users)
    c.execute(DEAD_ROWS)
    vacuum.execute("SET application_name = 'nightly'; SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1")

    def work() -> None:
        with suppress(QueryCanceled):
            vacuum.execute("VACUUM users")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert eventually(lambda: c.execute("SELECT count(*) FROM pg_stat_progress_vacuum").fetchone() == (1,))
        with pytest.raises(TryLater, match='application "nightly"'):
            apply(fit(users, plan(ADD)), Target(users), settings=PATIENT)
    finally:
        c.execute("SELECT pg_cancel_backend(%s)", (vacuum.info.backend_pid,))
        thread.join()


def test_autovacuum_is_made_to_yield(users: str, connect: Connect) -> None:
    c = connect(users)
    c.execute("""
        INSERT INTO users SELECT g, 'x', repeat('y', 500) FROM generate_series(1000, 9000) g;
        ALTER TABLE users SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,
                               autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)""")
    c.execute("DELETE FROM users WHERE id > 5000")
    c.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    c.execute("SELECT pg_reload_conf()")
    try:
        running = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE datname = current_database()"
        if not eventually(lambda: c.execute(running).fetchone() == (1,), within=20):
            pytest.skip("autovacuum did not come to this table")
        assert apply(fit(users, plan(ADD)), Target(users)).after.closed
    finally:
        c.execute("ALTER SYSTEM RESET autovacuum_naptime")
        c.execute("SELECT pg_reload_conf()")


def test_of_several_tables_only_the_first_is_waited_for(users: str, connect: Connect) -> None:
    """A client holds the second table and then wants the first: it must get it, not die in a deadlock."""
    c = connect(users)
    c.execute("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)")
    c.execute("BEGIN; UPDATE orders SET id = id")
    both = sql("ALTER TABLE users ADD mail text", "ALTER TABLE orders ADD mail text")
    work = replace(both, locks=(*both.locks, Lock(Name("public", "orders"), LockMode.ACCESS_EXCLUSIVE)))
    made = fit(users, plan(replace(ADD, work=work)))
    with pytest.raises(TryLater, match=r"on public\.orders"):
        apply(made, Target(users), settings=PATIENT)
    c.execute("UPDATE users SET note = 'mine' WHERE id = 1; COMMIT")
    assert apply(made, Target(users)).after.closed


def test_a_step_that_takes_longer_than_the_budget_is_cut_off_and_given_up(users: str, connect: Connect) -> None:
    work = sql("ALTER TABLE users ADD slow int", "SELECT pg_sleep(5)")
    with pytest.raises(TryLater, match="3 attempts took longer than the stall budget of 100 ms"):
        apply(fit(users, plan(replace(ADD, work=work))), Target(users), settings=Settings(max_overruns=3))
    assert connect(users).execute("SELECT count(*) FROM pg_attribute WHERE attname = 'slow'").fetchone() == (0,)


def test_a_backfill_that_meets_a_held_row_gives_up_for_now_and_goes_on_later(users: str, connect: Connect) -> None:
    c, holder = connect(users), connect(users)
    c.execute("ALTER TABLE users ADD mail text")
    made = fit(users, plan(FILL))
    holder.execute("BEGIN; SELECT 1 FROM users WHERE id = 150 FOR UPDATE")
    pid = holder.info.backend_pid
    with pytest.raises(TryLater, match=f'headway: rows of "public.users" are locked; at work on it: pid {pid} '):
        apply(made, Target(users), settings=Settings(batch_rows=40, batch_max=40, give_up_after=1.0))
    assert c.execute("SELECT count(mail) FROM users").fetchone() == (120,)
    holder.execute("ROLLBACK")
    assert apply(made, Target(users)).after.closed
    kinds = [row[0] for row in c.execute("SELECT kind FROM migrate_safe.event ORDER BY seq")]
    assert kinds == ["opened", "started", "failed", "started", "done", "closed"]


def test_who_holds_the_sequence_of_a_serial_is_waited_for_without_the_table_and_named(
    each_server: ScratchServer, each_database: str, connect: Connect
) -> None:
    """nextval() keeps a lock on the sequence, which no SQL takes NOWAIT: it is looked at before the table is locked."""
    c, holder = connect(each_database), connect(each_database)
    c.execute("CREATE TABLE items (id int PRIMARY KEY, number serial)")
    made = plan_of(Case("serial", "", "ALTER TABLE items RENAME number TO place;", (), ()), read_schema(c))
    through = Wish(through=Phase.CONTRACT)
    apply(made, Target(each_database))
    assert each_server.log is not None

    def refused(act: Callable[[], object]) -> None:
        before = each_server.log.read_text().count("canceling statement due to lock timeout")
        holder.execute("SET application_name = 'numbers'; BEGIN; SELECT nextval('items_number_seq')")
        with pytest.raises(TryLater) as caught:
            act()
        holder.execute("ROLLBACK")
        assert f'blocked by pid {holder.info.backend_pid} (application "numbers"' in str(caught.value)
        assert "SHARE ROW EXCLUSIVE on public.items_number_seq" in str(caught.value)
        assert each_server.log.read_text().count("canceling statement due to lock timeout") == before

    refused(lambda: apply(made, Target(each_database), through, settings=PATIENT))
    assert apply(made, Target(each_database), through).after.position == made.end_of(Phase.CONTRACT)
    refused(lambda: rollback("serial", Target(each_database), settings=PATIENT))
    assert rollback("serial", Target(each_database)).after.position == made.end_of(Phase.MIGRATE)


def test_a_client_that_inserts_all_the_time_keeps_no_serial_from_being_renamed(users: str, connect: Connect) -> None:
    c, writer = connect(users), connect(users)
    c.execute("CREATE TABLE items (id int, number serial)")
    made = plan_of(Case("serial", "", "ALTER TABLE items RENAME number TO place;", (), ()), read_schema(c))
    apply(made, Target(users))
    done, served = threading.Event(), [0]

    def work() -> None:
        while not done.is_set():
            with writer.transaction():
                writer.execute("INSERT INTO items (id) VALUES (1)")
                writer.execute("SELECT pg_sleep(0.01)")
            served[0] += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert eventually(lambda: served[0] > 3)
        assert apply(made, Target(users), Wish(through=Phase.CONTRACT)).after.position == made.end_of(Phase.CONTRACT)
    finally:
        done.set()
        thread.join()
