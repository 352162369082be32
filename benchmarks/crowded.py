"""Every plan on a table that is never at rest: how long clients waited for us, by the server's log and their clocks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from benchmarks.item import BUDGET, OPERATIONS, load_on, planned, reading, say, stream, table_of, vacuumed
from migrate_safe.adapters.clients import Call, running
from migrate_safe.adapters.database import APPLICATION
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.demo_figures import percentile
from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.executor.settings import Settings
from migrate_safe.model.plan import Phase
from tests.support.waits import LOGGING, Wait, backends_of, seen, waits

HEAD = """\
crowded: {rows} rows, load as above, a transaction of 10 s, autovacuum at work, one 200 ms transaction after the other;
through contract, back, again, purge; stall budget {budget} ms. Waits behind us that the log tells of (from 10 ms on):
how many, the longest by the log and by the client's clock, over the budget, unknown to the clients, cancelled
                                       waits  log ms clock ms over unknown cancelled   p99 r/w failed seconds vacuums"""
PATIENT = Settings(stall_budget_ms=BUDGET, give_up_after=120.0, max_queued=400)


class Crowd(Struct, frozen=True):
    """What clients felt: all calls of one migration, and their waits behind us with the call of each."""

    calls: tuple[Call, ...]
    found: tuple[tuple[Wait, Call | None], ...]
    seconds: float

    def longest(self, *, server: bool) -> float:
        """Give the longest wait behind us in ms, by the server's log or by the clock of the client that it was."""
        if server:
            return max((w.ms for w, _ in self.found), default=0.0)
        return max((call.milliseconds for _, call in self.found if call is not None), default=0.0)

    def p99(self, operation: str) -> float:
        """Give the 99th percentile of an operation in ms."""
        return percentile([c.milliseconds for c in self.calls if c.operation == operation], 0.99)


def crowded(server: ScratchServer, rows: int, _: int) -> None:
    """Run every plan there and back among clients, a 10 s transaction, an autovacuum and a stream of 200 ms."""
    say(HEAD.format(rows=rows, budget=BUDGET))
    with telling(server):
        for name, sql in OPERATIONS.items():
            vacuums = vacuums_cancelled(server)
            crowd = among(server, rows, sql)
            over = sum(w.ms > BUDGET for w, _ in crowd.found)
            unknown = sum(call is None for _, call in crowd.found)
            cancelled = sum(not w.acquired for w, _ in crowd.found)
            failed = sum(c.error is not None for c in crowd.calls)
            p99 = f"{crowd.p99('read'):.0f} / {crowd.p99('write'):.0f}"
            say(
                f"{name:<38}{len(crowd.found):>6}{crowd.longest(server=True):>8.0f}{crowd.longest(server=False):>9.0f}"
                f"{over:>5}{unknown:>8}{cancelled:>10}{p99:>10}{failed:>7}{crowd.seconds:>8.0f}"
                f"{vacuums_cancelled(server) - vacuums:>8}"
            )


def among(server: ScratchServer, rows: int, sql: str) -> Crowd:
    """Lead one migration through its life on a fresh table."""
    assert server.log is not None
    with table_of(server, rows) as dsn:
        made, target, contract = planned(dsn, sql), Target(dsn), Wish(Phase.CONTRACT)
        with running(load_on(dsn, rows)) as client:
            time.sleep(1)
            with stream(dsn), vacuumed(dsn), reading(dsn, 10.0):
                began = time.monotonic()
                apply(made, target, contract, PATIENT)
                rollback(made.name, target, None, PATIENT)
                apply(made, target, contract, PATIENT)
                if any(step.phase is Phase.PURGE for step in made.steps):
                    purge(made.name, target, PATIENT, now=True, confirm=made.name)
                ended = time.monotonic()
            time.sleep(0.5)
            client.stop()
    calls = tuple(c for c in client.calls if began - 0.1 <= c.due <= ended)
    ours, clients = backends_of(server.log, APPLICATION), {c.backend for c in client.calls}
    since = time.time() - time.monotonic()
    behind = [w for w in waits(server.log) if w.behind & ours and w.backend in clients and w.until > began + since]
    return Crowd(calls, tuple(seen(behind, client.calls)), ended - began)


@contextmanager
def telling(server: ScratchServer) -> Iterator[None]:
    """Let the server tell who waits for whom."""
    with connect(server.home) as connection:
        for name, value in LOGGING.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            for name in LOGGING:
                connection.execute(f"ALTER SYSTEM RESET {name}".encode())
            connection.execute("SELECT pg_reload_conf()")


def vacuums_cancelled(server: ScratchServer) -> int:
    """Count what the server's log says of autovacuum workers that yielded."""
    assert server.log is not None
    return server.log.read_text(errors="replace").count("canceling autovacuum task")
