"""App versions as real concurrent clients: processes of their own that read and write all the time."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct, field

import migrate_safe
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.workload import Workload
from migrate_safe.model.errors import StepFailed
from migrate_safe.model.names import Name, quote_ident

START_TIMEOUT = 30.0
STOP_TIMEOUT = 60.0

Ledger = Mapping[str, Mapping[int, int]]
"""What was acknowledged: what holds it -> row -> number of the last write."""

_EXPECTED = "CREATE TEMPORARY TABLE expected (row bigint, number bigint)"
_LOST = """
    SELECT count(*) FROM expected e LEFT JOIN {table} t ON t.id = e.row
    WHERE coalesce(substring(t.{column} FROM '^[^.]*[.]([0-9]+)[.]')::bigint, -1) < e.number
"""


class Call(Struct, frozen=True):
    """One call: when it was due (monotonic seconds), how long it took from then, and why it failed.

    `backend` is the pid of the server process that ran it, 0 where none did.
    """

    version: str
    due: float
    milliseconds: float
    statements: int
    operation: str
    error: str | None
    backend: int = 0


class Tick(Struct, frozen=True):
    """What a running client has done so far."""

    statements: int = 0
    failed: int = 0
    worst_ms: float = 0.0


class Client(Struct):
    """A running app version, seen from its parent."""

    workload: Workload
    process: subprocess.Popen[str]
    latest: Tick = Tick()
    calls: tuple[Call, ...] = ()
    _said: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)

    def listen(self) -> None:
        """Sort what the process says: progress is kept, answers are queued."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message: dict[str, Any] = json.loads(line)
            if "tick" in message:
                self.latest = Tick(**message["tick"])
            else:
                self._said.put(message)
        self._said.put({})

    def ledger(self) -> Ledger:
        """Ask for what was acknowledged until now."""
        self._tell("ledger")
        return _ledger(self._hear("ledger", STOP_TIMEOUT))

    def stop(self) -> Ledger:
        """Let running statements end, stop the process, keep its calls; gives everything that was acknowledged."""
        self._tell("stop")
        final = self._hear("final", STOP_TIMEOUT)
        self.calls = tuple(Call(self.workload.version, *call) for call in final["calls"])
        self.process.wait(STOP_TIMEOUT)
        return _ledger(final["ledger"])

    def end(self) -> None:
        """End the process, whatever it does; safe at any moment, also twice."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def wait_until_ready(self) -> None:
        """Wait until every connection of its pools is open."""
        self._hear("ready", START_TIMEOUT)

    def _tell(self, command: str) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{command}\n")
            self.process.stdin.flush()

    def _hear(self, what: str, timeout: float) -> Any:
        try:
            message = self._said.get(timeout=timeout)
        except queue.Empty:
            message = {}
        if what not in message:
            raise StepFailed(f'the client "{self.workload.version}" died or does not answer')
        return message[what]


@contextmanager
def running(workload: Workload) -> Iterator[Client]:
    """Run an app version for as long as the block lasts, unless it is stopped before.

    Raises TryLater or UsageError, as `connect` does, where no connection can be had.
    """
    connect(workload.dsn).close()
    here = str(Path(migrate_safe.__file__).parents[1])
    path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    # A session of its own: Ctrl-C in a terminal reaches us, and we end it.
    process = subprocess.Popen(
        [sys.executable, "-m", "migrate_safe.adapters.client_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    client = Client(workload, process)
    listener = threading.Thread(target=client.listen, daemon=True)
    try:
        listener.start()
        client._tell(workload.to_json())
        client.wait_until_ready()
        yield client
    finally:
        client.end()


def merged(ledgers: list[Ledger]) -> Ledger:
    """Put ledgers together; of two numbers for a row the later one counts."""
    whole: dict[str, dict[int, int]] = {}
    for ledger in ledgers:
        for what, rows in ledger.items():
            kept = whole.setdefault(what, {})
            for row, number in rows.items():
                kept[row] = max(number, kept.get(row, 0))
    return whole


def lost_writes(dsn: str, table: Name, column: str, acknowledged: Mapping[int, int]) -> int:
    """Count acknowledged writes that the database does not show: the row is gone, or holds something older.

    Numbers of writes grow, so this may be asked while clients write: a newer number means that nothing was lost.
    """
    with connect(dsn) as connection, connection.transaction():
        connection.execute(_EXPECTED)
        with connection.cursor().copy("COPY expected FROM STDIN") as copy:
            for row in acknowledged.items():
                copy.write_row(row)
        query = _LOST.format(table=table, column=quote_ident(column))
        (lost,) = connection.execute(query.encode()).fetchone() or (0,)
        connection.execute("DROP TABLE expected")
    return int(lost)


def _ledger(text: Mapping[str, Mapping[str, int]]) -> Ledger:
    return {what: {int(row): number for row, number in rows.items()} for what, rows in text.items()}
