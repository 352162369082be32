"""The heartbeat of the lease: a thread with a connection of its own."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import psycopg

from migrate_safe.adapters.database import open_session
from migrate_safe.executor.intents import LeaseLost
from migrate_safe.model.errors import MigrateSafeError

_BEAT = """
UPDATE migrate_safe.lease SET heartbeat = clock_timestamp(),
    expires = clock_timestamp() + make_interval(secs => %s), backends = array_prepend(%s::int, backends[2:])
WHERE token = %s AND holder IS NOT NULL
"""


class Heartbeat:
    """Keeps a lease alive until stopped. `pid` is the backend of its connection."""

    def __init__(self, dsn: str, role: str | None, ttl: float) -> None:
        self.dsn, self.role, self.ttl = dsn, role, ttl
        self.connection = open_session(dsn, role)
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._last = time.monotonic()
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The backend of the heartbeat's connection."""
        return self.connection.info.backend_pid

    def start(self, token: int) -> None:
        """Begin to beat for a lease."""
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._beat, args=(token,), name="heartbeat", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise LeaseLost when the lease has passed on, or may have: no beat got through for its whole life."""
        if self._lost.is_set() or time.monotonic() - self._last > self.ttl:
            raise LeaseLost(
                "the lease has passed to another executor, or the server was out of reach for too long",
                next_move="see who holds it: migrate-safe status; then run this again",
            )

    def halt(self) -> None:
        """Stop beating, after a beat that is on its way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=self.ttl)

    def stop(self) -> None:
        """Stop beating and close the connection; never fails."""
        self.halt()
        with suppress(psycopg.Error):
            self.connection.close()

    def _beat(self, token: int) -> None:
        while not self._stop.wait(self.ttl / 4):
            try:
                if self.connection.closed:
                    self.connection = open_session(self.dsn, self.role)
                beaten = self.connection.execute(_BEAT, (self.ttl, self.pid, token)).rowcount
            except (psycopg.Error, MigrateSafeError):
                continue  # the next beat tries again; check() counts how long none got through
            if not beaten:
                self._lost.set()
                return
            self._last = time.monotonic()
