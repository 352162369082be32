"""What clients wait for us, told by the server and by the clients: every step kind, on a table that is never at rest.

Milliseconds are not judged here, but in `benchmarks/executor.py crowded`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg.errors import LockNotAvailable

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.clients import running
from migrate_safe.adapters.database import APPLICATION
from migrate_safe.adapters.postgres import connect as open_connection
from migrate_safe.adapters.scratch import ScratchServer, scratch_server
from migrate_safe.adapters.workload import Operation, Workload
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.executor.settings import Settings
from migrate_safe.model.plan import Phase
from tests.conftest import Connect
from tests.recipes.lifecycle import Case, plan_of
from tests.support.processes import eventually
from tests.support.waits import LOGGING, Wait, backends_of, seen, waits

ROWS = 2000
BEFORE = f"""
CREATE TABLE parent (id bigint PRIMARY KEY); INSERT INTO parent VALUES (1);
CREATE TABLE item (id bigint PRIMARY KEY, parent_id bigint DEFAULT 1, code int, name text, email text NOT NULL,
    note text, junk int NOT NULL DEFAULT 1, UNIQUE (email));
INSERT INTO item (id, code, name, email, note) SELECT g, g, 'n', 'e' || g, repeat('n', 60)
    FROM generate_series(1, {ROWS}) AS g;
"""
EVERYTHING = """
ALTER TABLE item RENAME email TO mail;
ALTER TABLE item ADD token uuid DEFAULT gen_random_uuid();
CREATE INDEX item_name ON item (name);
ALTER TABLE item ADD CONSTRAINT item_code UNIQUE (code);
ALTER TABLE item ADD CONSTRAINT item_parent FOREIGN KEY (parent_id) REFERENCES parent;
ALTER TABLE item ADD CONSTRAINT item_positive CHECK (code > 0);
ALTER TABLE item ALTER note SET NOT NULL;
ALTER TABLE item DROP junk;
"""
READ = Operation("read", ("SELECT name FROM item WHERE id = %(any_row)s",), 80)
WRITE = Operation("write", ("UPDATE item SET name = %(token)s WHERE id = %(row)s",), 50, True)
PATIENT = Settings(give_up_after=60.0, max_queued=400, batch_rows=200)
STREAM = 0.2
OLD = 2.0
KINDS = {
    *("add-column", "add-synced-column", "backfill", "verify", "build-index", "attach-unique", "check-duplicates"),
    *("add-not-null-check", "validate-not-null-check", "set-not-null", "verify-not-null"),
    *("add-constraint", "validate-constraint", "restore-not-null", "prove-not-null", "guard-not-null"),
    *("quiet-column", "refill-column", "hide-column", "drop-column"),
}
"""All kinds of steps that recipes give a plan."""


@pytest.fixture(scope="module")
def telling() -> Iterator[ScratchServer]:
    """A server that tells of every wait of more than ten milliseconds."""
    with scratch_server("embedded", settings={**LOGGING, "autovacuum_naptime": "1s"}) as server:
        yield server


@pytest.fixture
def item(telling: ScratchServer, connect: Connect) -> str:
    dsn = telling.create_database()
    connect(dsn).execute(BEFORE)
    return dsn


def log_of(server: ScratchServer) -> Path:
    assert server.log is not None
    return server.log


def behind(server: ScratchServer, ours: frozenset[int]) -> list[Wait]:
    """The waits of others behind some backends."""
    return [w for w in waits(log_of(server)) if w.behind & ours and w.backend not in ours]


def work(dsn: str) -> Workload:
    return Workload("shop", "v1", dsn, (READ, WRITE), ROWS, readers=8, writers=8)


@contextmanager
def stream(dsn: str) -> Iterator[None]:
    """Let one transaction that has read the table follow the other, the first of them an old one."""
    ended, begun = threading.Event(), threading.Event()

    def flow() -> None:
        with open_connection(dsn, application_name="stream") as connection:
            for seconds in (OLD, *(STREAM for _ in range(10_000))):
                with connection.transaction():
                    connection.execute("SELECT FROM item WHERE id = 2")
                    begun.set()
                    ended.wait(seconds)
                if ended.is_set():
                    return

    thread = threading.Thread(target=flow)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def vacuum(dsn: str) -> None:
    """Make dead rows, and wait until autovacuum is slowly at work on them."""
    with open_connection(dsn) as c:
        c.execute(
            "ALTER TABLE item SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, "
            "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
        )
        c.execute("UPDATE item SET junk = 1")
        running_now = "SELECT FROM pg_stat_progress_vacuum WHERE relid = 'item'::regclass"
        assert eventually(lambda: c.execute(running_now).fetchone() is not None)


def test_waits_are_read_with_who_held_and_who_was_ahead(telling: ScratchServer, item: str, connect: Connect) -> None:
    holder, late = connect(item), connect(item)
    holder.execute("SET application_name = 'report'; BEGIN; SELECT FROM item WHERE id = 1")
    with open_connection(item, application_name=APPLICATION) as ours, running(work(item)) as client:
        assert ours.info.backend_pid in backends_of(log_of(telling), APPLICATION)
        assert holder.info.backend_pid not in backends_of(log_of(telling), APPLICATION)
        pid = ours.info.backend_pid
        queued = threading.Thread(target=ours.execute, args=("LOCK TABLE item; COMMIT",))
        queued.start()
        assert eventually(lambda: "still waiting for AccessExclusiveLock" in log_of(telling).read_text())
        assert eventually(lambda: len(behind(telling, frozenset({pid}))) >= 8)
        late.execute("SET application_name = 'late'; SET lock_timeout = '200ms'")
        with pytest.raises(LockNotAvailable):
            late.execute("SELECT FROM item")
        holder.execute("COMMIT")
        queued.join()
        eventually(lambda: all(w.acquired or w.backend == late.info.backend_pid for w in waits(log_of(telling))))
        client.stop()
    told = list(seen(behind(telling, frozenset({pid})), client.calls))
    assert {w.backend for w, call in told if call is None} == {late.info.backend_pid}
    assert {w.acquired for w, call in told if call is not None} == {True}
    assert all(call.milliseconds > w.ms - 20 for w, call in told if call is not None)
    assert not list(seen(behind(telling, frozenset({0})), client.calls))


def test_no_client_fails_and_all_that_waited_for_us_were_served(telling: ScratchServer, item: str) -> None:
    with open_connection(item) as c:
        made = plan_of(Case("all", "", EVERYTHING, (), ()), read_schema(c))
    kinds = {step.id.split(".")[1] for step in made.steps}
    assert kinds == KINDS
    target = Target(item)
    with running(work(item)) as client:
        vacuum(item)
        with stream(item):
            apply(made, target, Wish(Phase.CONTRACT), PATIENT)
            rollback("all", target, None, PATIENT)
        apply("all", target, Wish(Phase.CONTRACT), PATIENT)
        purge("all", target, PATIENT, now=True, confirm="all")
        client.stop()
    assert [c.error for c in client.calls if c.error] == []
    assert "canceling autovacuum task" in log_of(telling).read_text()
    ours = backends_of(log_of(telling), APPLICATION)
    clients = {call.backend for call in client.calls}
    told = [w for w in behind(telling, ours) if w.backend in clients]
    assert [w for w in told if not w.acquired] == []
    assert [w for w, call in seen(told, client.calls) if call is None] == []
