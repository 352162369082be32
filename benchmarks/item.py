"""The table that migrations are measured on, the migrations, and what else is at work on it meanwhile."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.adapters.workload import Operation, Workload
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.plan import PlanRequest, plan
from migrate_safe.executor.settings import Settings
from migrate_safe.model.plan import Phase, Plan

TABLE = """
CREATE TABLE parent (id bigint PRIMARY KEY);
INSERT INTO parent SELECT generate_series(1, 1000);
CREATE TABLE item (
    id bigint PRIMARY KEY, parent_id bigint NOT NULL, code int NOT NULL, name text NOT NULL, email text, note text
);
INSERT INTO item SELECT g, g % 1000 + 1, g, 'name ' || g, 'e' || g || '@x', repeat('n', 60)
    FROM generate_series(1, {rows}) AS g;
VACUUM ANALYZE item;
"""
OPERATIONS = {
    "add a column with a volatile default": "ALTER TABLE item ADD COLUMN token uuid DEFAULT gen_random_uuid();",
    "create an index": "CREATE INDEX item_email ON item (email);",
    "add a unique constraint": "ALTER TABLE item ADD CONSTRAINT item_code UNIQUE (code);",
    "add a foreign key": "ALTER TABLE item ADD CONSTRAINT item_parent FOREIGN KEY (parent_id) REFERENCES parent;",
    "add a check": "ALTER TABLE item ADD CONSTRAINT item_code_positive CHECK (code > 0);",
    "set not null": "ALTER TABLE item ALTER COLUMN email SET NOT NULL;",
    "rename a column": "ALTER TABLE item RENAME COLUMN note TO remark;",
    "drop a column": "ALTER TABLE item DROP COLUMN note;",
}
READS = ("SELECT name, email FROM item WHERE id = %(any_row)s",)
WRITES = ("UPDATE item SET name = %(token)s WHERE id = %(row)s",)
RATES = (400.0, 200.0)
BUDGET = 100


def say(text: str) -> None:
    """Write a line of the report."""
    print(text, flush=True)  # noqa: T201


@contextmanager
def table_of(server: ScratchServer, rows: int) -> Iterator[str]:
    """Give a fresh database with the table."""
    dsn = server.create_database()
    with connect(dsn) as connection:
        for statement in TABLE.format(rows=rows).split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
    try:
        yield dsn
    finally:
        server.drop_database(dsn)


def planned(dsn: str, sql: str, name: str = "bench") -> Plan:
    """Plan a migration for a database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.sql"
        path.write_text(sql)
        return plan(PlanRequest(path, (dsn,), name))


def run_plan(dsn: str, sql: str, settings: Settings) -> None:
    """Bring a plan through contract."""
    apply(planned(dsn, sql), Target(dsn), Wish(Phase.CONTRACT), settings)


def run_plain(dsn: str, sql: str) -> None:
    """Send a migration as it is."""
    with connect(dsn, application_name="psql") as connection:
        connection.execute(sql.encode())


def load_on(dsn: str, rows: int) -> Workload:
    """Give the clients: an open loop of reads and writes over two pools."""
    operations = (Operation("read", READS, RATES[0]), Operation("write", WRITES, RATES[1], writes=True))
    return Workload("bench", "v1", dsn, operations, rows, readers=20, writers=20)


@contextmanager
def reading(dsn: str, seconds: float) -> Iterator[None]:
    """Hold a transaction that has read the table, for some seconds from now on."""
    begun, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with connect(dsn, application_name="report") as connection, connection.transaction():
            connection.execute("SELECT FROM item WHERE id = 1")
            begun.set()
            ended.wait(seconds)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def stream(dsn: str) -> Iterator[None]:
    """Let one transaction of 200 ms, which has read the table, follow the other."""
    ended = threading.Event()

    def flow() -> None:
        with connect(dsn, application_name="stream") as connection:
            while not ended.is_set():
                with connection.transaction():
                    connection.execute("SELECT FROM item WHERE id = 2")
                    ended.wait(0.2)

    thread = threading.Thread(target=flow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def vacuumed(dsn: str) -> Iterator[None]:
    """Make dead rows, and wait until an autovacuum worker is slowly at work on them."""
    with connect(dsn) as connection:
        connection.execute(
            "ALTER TABLE item SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, "
            "autovacuum_vacuum_cost_delay = 50, autovacuum_vacuum_cost_limit = 10)"
        )
        connection.execute("UPDATE item SET email = email WHERE id % 20 = 0")
        query = "SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND query LIKE '%public.item%'"
        until = time.monotonic() + 30
        while connection.execute(query).fetchone() is None and time.monotonic() < until:
            time.sleep(0.1)
    yield
