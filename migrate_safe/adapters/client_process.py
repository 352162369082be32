"""One app version at work, in a process of its own: an open loop of prepared reads and writes over two pools.

Started by `adapters/clients.py`. Statements arrive at fixed times, whether or not earlier ones are done, and their
latency counts from the scheduled arrival: a stall is felt by everybody who would have come meanwhile. Reads and
writes have pools of their own, or waiting writers would be taken for blocked readers.

Reads one line of JSON (see `Workload`), then commands on stdin: `ledger` and `stop`. Writes JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
import time
from typing import Any

import psycopg
from msgspec import Struct, field
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from migrate_safe.adapters.workload import Operation, Workload

TICK = 0.25
"""Seconds between two progress lines."""

POOL_PATIENCE = 60.0
"""Seconds that a statement waits for a connection before it counts as failed."""

DRAIN = 30.0
"""Seconds that running statements get to end when the app stops."""

_Pool = AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]]


class App(Struct):
    """What one app version does and has done.

    `ledger` remembers per table and row the number of the last write that the server acknowledged; `calls` holds
    (due, milliseconds, statements, operation, error, backend) of everything that came.
    """

    workload: Workload
    chance: random.Random
    ledger: dict[str, dict[int, int]] = field(default_factory=dict)
    calls: list[tuple[float, float, int, str, str | None, int]] = field(default_factory=list)
    busy: set[int] = field(default_factory=set)
    running: set[asyncio.Task[None]] = field(default_factory=set)
    number: int = 0

    def next_number(self) -> int:
        """Give a number that grows, also over several lives of this version: microseconds since the epoch."""
        self.number = max(self.number + 1, time.time_ns() // 1000)
        return self.number

    def own_row(self) -> int | None:
        """Choose a row that only this version writes and that no running statement of ours writes, if there is one."""
        share, of = self.workload.share
        while len(self.busy) < self.workload.rows // of:
            row = self.chance.randrange(self.workload.rows // of) * of + share + 1
            if row not in self.busy:
                return row
        return None

    async def arrivals(self, operation: Operation, pool: _Pool, stopped: asyncio.Event) -> None:
        """Let the calls of one operation arrive at its rate until told to stop."""
        due = time.monotonic() + self.chance.random() / operation.rate
        while not stopped.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.create_task(self.call(operation, pool, due))
            self.running.add(task)
            task.add_done_callback(self.running.discard)
            due += 1 / operation.rate

    async def call(self, operation: Operation, pool: _Pool, due: float) -> None:
        """Run one operation and keep its latency, its failure, and what was acknowledged."""
        number, row = self.next_number(), self.own_row()
        if row is None:
            self.calls.append((due, 0.0, len(operation.statements), operation.name, "every row is being written", 0))
            return
        values = self.values(row, number)
        self.busy.add(row)
        error, backends = None, [0]
        try:
            returned = await send(pool, operation.statements, values, backends)
            if operation.remembers is not None:
                self.ledger.setdefault(operation.remembers, {})[returned or row] = number
        except (psycopg.Error, PoolTimeout) as failure:
            error = message_of(failure)
        finally:
            self.busy.discard(row)
        took = (time.monotonic() - due) * 1000
        self.calls.append((due, round(took, 2), len(operation.statements), operation.name, error, backends[-1]))

    def values(self, row: int, number: int) -> dict[str, Any]:
        """Give the values that statements may name. `token` tells who wrote it and which of its writes it was."""
        version = self.workload.version
        return {
            "row": row,
            "any_row": self.chance.randrange(self.workload.rows) + 1,
            "token": f"{version}.{number}.{row}@shop.example",
            "name": f"Customer {row}",
            "amount": number % 20_000,
            "word": self.chance.choice(("web", "phone", "shop")),
        }

    def tick(self) -> dict[str, Any]:
        """Sum up what was done so far."""
        return {
            "statements": sum(call[2] for call in self.calls),
            "failed": sum(1 for call in self.calls if call[4]),
            "worst_ms": max((call[1] for call in self.calls), default=0.0),
        }


async def send(pool: _Pool, statements: tuple[str, ...], values: dict[str, Any], backends: list[int]) -> int | None:
    """Run prepared statements, several of them in one transaction; give the number that the last one returned.

    Adds the backend that runs them to `backends`.
    """
    async with pool.connection(timeout=POOL_PATIENCE) as connection:
        backends.append(connection.info.backend_pid)
        if len(statements) == 1:
            return await execute(connection, statements[0], values)
        async with connection.transaction():
            for statement in statements:
                returned = await execute(connection, statement, values)
            return returned


async def execute(connection: psycopg.AsyncConnection[tuple[Any, ...]], sql: str, values: dict[str, Any]) -> int | None:
    """Run one prepared statement to its last row; give the first column of the first row when that is a number."""
    cursor = await connection.execute(sql.encode(), values, prepare=True)
    rows = await cursor.fetchall() if cursor.description else []
    return rows[0][0] if rows and isinstance(rows[0][0], int) else None


def message_of(error: Exception) -> str:
    """Give the server's message without its details."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    return (str(error).splitlines() or [type(error).__name__])[0]


async def work(workload: Workload, commands: asyncio.Queue[str]) -> None:
    """Open the pools, say so, and work until told to stop."""
    app = App(workload, random.Random(workload.seed))  # noqa: S311  # a load, not a secret
    async with open_pool(workload, workload.readers) as reads, open_pool(workload, workload.writers) as writes:
        await asyncio.gather(reads.wait(), writes.wait())
        say({"ready": True})
        stopped = asyncio.Event()
        arrivals = [
            asyncio.create_task(app.arrivals(operation, writes if operation.writes else reads, stopped))
            for operation in workload.operations
        ]
        ticking = asyncio.create_task(tick(app, stopped))
        while (command := await commands.get()) != "stop":
            if command == "ledger":
                say({"ledger": app.ledger})
        stopped.set()
        await asyncio.gather(*arrivals, ticking)
        if app.running:
            await asyncio.wait(app.running, timeout=DRAIN)
    say({"final": {"ledger": app.ledger, "calls": app.calls}})


def open_pool(workload: Workload, size: int) -> _Pool:
    """Give a pool of autocommit connections that all exist from the start."""
    options = {"autocommit": True, "application_name": f"{workload.app} {workload.version}"}
    return AsyncConnectionPool(workload.dsn, min_size=size, max_size=size, kwargs=options, open=False, timeout=DRAIN)


async def tick(app: App, stopped: asyncio.Event) -> None:
    """Write a progress line now and then."""
    while not stopped.is_set():
        say({"tick": app.tick()})
        await asyncio.sleep(TICK)


def say(message: dict[str, Any]) -> None:
    """Write one line for the parent; when that is gone, end."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.exit(0)


async def main() -> None:
    """Read the workload, then hand commands from stdin over to the loop; end-of-file means stop."""
    workload = Workload.from_json(sys.stdin.readline())
    commands: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(commands.put_nowait, line.strip())
        loop.call_soon_threadsafe(commands.put_nowait, "stop")

    threading.Thread(target=listen, daemon=True).start()
    await work(workload, commands)


if __name__ == "__main__":
    asyncio.run(main())
