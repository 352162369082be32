"""Clients of both app versions that know what they wrote, and what every row must therefore be."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import psycopg
from msgspec import Struct, field

from tests.faults.operations import ROWS, App, Operation

Row = Mapping[str, int]
PAUSE = 0.004
"""Seconds between two actions of a client: it works all the time, and leaves the processor to others too."""
_DISK_FULL = "53100"
ENDED = ("57P01", "57P02", "57P03", None)
"""How a client sees a server that goes down; None: the connection broke without a word."""


class Trouble(Struct):
    """A span of time in which clients may fail for a cause that is not ours: the server is down, its disk is full.

    What is asked on a connection that was open then may find it broken afterwards too.
    """

    states: tuple[str | None, ...]
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None


class Write(Struct, frozen=True):
    """A statement that makes row n what `row` says."""

    n: int
    sql: str
    values: Row
    row: Row | None


class Client:
    """Owns every `of`-th row, writes them through any app version that is live, and checks what the others see.

    `rows` is what each row must be: None for none. More than one possibility is left where a write was cut off.
    """

    def __init__(self, load: Load, number: int, of: int, seed: int) -> None:
        self.thread = threading.Thread(target=self.run, name=f"client {number}", daemon=True)
        self.load, self.dice = load, random.Random(seed)
        self.rows: dict[int, tuple[Row | None, ...]] = {
            n: (dict.fromkeys(load.operation.old.fields, n),) for n in range(1, ROWS + 1) if n % of == number
        }
        self.fresh = itertools.count(10_000 + number, of)
        self.at_work = threading.Lock()
        self.connections: dict[str, psycopg.Connection[tuple[Any, ...]]] = {}
        self.opened: dict[str, float] = {}
        self.served = 0

    def run(self) -> None:
        """Work until told to stop."""
        while not self.load.done.wait(PAUSE):
            with self.at_work:
                if self.load.live:
                    self._act(self.dice.choice(self.load.live))
        for connection in self.connections.values():
            connection.close()

    def _act(self, version: str) -> None:
        app, began = self.load.app(version), time.monotonic()
        before = self.opened.get(version, began)
        doubtful = next((n for n, may in self.rows.items() if len(may) > 1), None)
        what = (
            "read" if doubtful else self.dice.choice(("insert", "update", "update", "read", "delete", "pair", "undo"))
        )
        try:
            connection = self._connection(version)
            if doubtful is not None:
                self._settle(connection, app, doubtful)
            else:
                getattr(self, f"_{what}")(connection, app)
            self.served += 1
        except psycopg.Error as error:
            self.load.failed(version, what, error, before if error.sqlstate in ENDED else began)

    def _connection(self, version: str) -> psycopg.Connection[tuple[Any, ...]]:
        known = self.connections.get(version)
        if known is None or known.closed:
            known = psycopg.connect(self.load.dsn, autocommit=True, prepare_threshold=0, application_name=version)
            self.connections[version], self.opened[version] = known, time.monotonic()
        return known

    def _settle(self, connection: psycopg.Connection[Any], app: App, n: int) -> None:
        """Ask which of several possibilities came true."""
        found = self._seen(connection, app, n)
        fits = [row for row in self.rows[n] if same(found, shown(row, app))]
        if not fits:
            self.load.wrong(f"row {n} is {found}, may be {[shown(r, app) for r in self.rows[n]]}")
        self.rows[n] = tuple(fits[-1:]) or (None,)

    def _seen(self, connection: psycopg.Connection[Any], app: App, n: int) -> tuple[int, ...] | None:
        rows = connection.execute(app.read, {"n": n}).fetchall()
        return tuple(rows[0][1:]) if rows else None

    def _read(self, connection: psycopg.Connection[Any], app: App) -> None:
        n = self.dice.choice(tuple(self.rows))
        found, wanted = self._seen(connection, app, n), shown(self.rows[n][0], app)
        if not same(found, wanted):
            self.load.wrong(f"{app.table}: row {n} is {found}, {wanted} was written")

    def _insert(self, connection: psycopg.Connection[Any], app: App) -> None:
        n = next(self.fresh)
        self._send(connection, Write(n, app.insert, *self._values(app, {})))

    def _update(self, connection: psycopg.Connection[Any], app: App) -> None:
        if (n := self._one(app)) is not None:
            self._send(connection, self._change(app, n))

    def _pair(self, connection: psycopg.Connection[Any], app: App) -> None:
        """Write two rows in one transaction."""
        rows = {n: self._change(app, n) for n in (self._one(app), self._one(app)) if n is not None}
        self._send(connection, *rows.values())

    def _delete(self, connection: psycopg.Connection[Any], app: App) -> None:
        self._send(connection, Write(self.dice.choice(tuple(self.rows)), app.delete, {}, None))

    def _undo(self, connection: psycopg.Connection[Any], app: App) -> None:
        """Write, and take it back."""
        values, _ = self._values(app, {})
        with connection.transaction(force_rollback=True):
            connection.execute(app.update, {"n": self.dice.choice(tuple(self.rows)), **values})
            self._linger()

    def _one(self, app: App) -> int | None:
        """Choose a row that may be written: one that is there, or that an upsert may bring back."""
        n = self.dice.choice(tuple(self.rows))
        return n if app.upserts or self.rows[n][0] is not None else None

    def _change(self, app: App, n: int) -> Write:
        row = self.rows[n][0]
        statement = app.update if (row is not None and self.dice.random() < 0.7) or not app.upserts else app.upsert
        return Write(n, statement, *self._values(app, row or {}))

    def _values(self, app: App, row: Row) -> tuple[Row, Row]:
        """Give new numbers for all fields of an app, and what a row is with them."""
        values = {field: self.load.number() for field in app.fields}
        return values, {**row, **values}

    def _linger(self) -> None:
        time.sleep(self.dice.uniform(0, 0.01))

    def _send(self, connection: psycopg.Connection[Any], *writes: Write) -> None:
        """Write rows together: acknowledged they are so, refused nothing has changed, cut off it is either."""
        before = {w.n: self.rows.get(w.n, (None,)) for w in writes}
        self.rows.update({w.n: (*before[w.n], w.row) for w in writes})
        try:
            with connection.transaction() if len(writes) > 1 else nullcontext():
                for write in writes:
                    connection.execute(write.sql, {"n": write.n, **write.values})
                    if len(writes) > 1:
                        self._linger()
        except psycopg.Error as error:
            if error.sqlstate is not None and not connection.closed:
                self.rows.update(before)
            raise
        self.rows.update({w.n: (w.row,) for w in writes})


class Load:
    """All clients of one database. `live` are the app versions that they use at this moment."""

    def __init__(self, operation: Operation, dsn: str, seed: int, clients: int = 3) -> None:
        self.operation, self.dsn = operation, dsn
        self.live: tuple[str, ...] = ()
        self.done = threading.Event()
        self.errors: list[str] = []
        self.troubles: list[Trouble] = []
        self._numbers = itertools.count(1_000_000)
        self._dice = random.Random(seed)
        self.clients = [Client(self, i, clients, seed * 100 + i) for i in range(clients)]

    def app(self, version: str) -> App:
        """Give what an app version sends."""
        return self.operation.old if version == "old" else self.operation.new

    def number(self) -> int:
        """Give a number that no row has yet, or that rows elsewhere answer to."""
        n = next(self._numbers)
        return n if self.operation.most > n else 1 + n % self.operation.most

    def use(self, *versions: str) -> None:
        """Let clients use these app versions from now on; those that are retired have finished what they did."""
        with ExitStack() as stack:
            for client in self.clients:
                stack.enter_context(client.at_work)
            self.live = versions

    def work_on(self, actions: int = 6) -> None:
        """Wait until every client has been served so often."""
        goals = [(c, c.served + actions) for c in self.clients]
        until = time.monotonic() + 30
        while any(c.served < goal for c, goal in goals) and not self.errors:
            assert time.monotonic() < until, "clients get nowhere"
            time.sleep(PAUSE)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work for as long as the block lasts."""
        for client in self.clients:
            client.thread.start()
        try:
            yield
        finally:
            self.done.set()
            for client in self.clients:
                client.thread.join(30)

    @contextmanager
    def trouble(self, *, disk: bool = False) -> Iterator[None]:
        """Bear with failures for as long as the block lasts: those of a full disk, or of a server that is down."""
        trouble = Trouble((_DISK_FULL,) if disk else ENDED)
        self.troubles.append(trouble)
        try:
            yield
        finally:
            trouble.ended = time.monotonic()

    def failed(self, version: str, what: str, error: psycopg.Error, began: float) -> None:
        """Take in that a statement failed, which began at a time."""
        for trouble in self.troubles:
            if error.sqlstate in trouble.states and (trouble.ended is None or began <= trouble.ended):
                return
        self.errors.append(f"{version} {what}: {type(error).__name__} {error.sqlstate} {str(error).strip()}")

    def wrong(self, what: str) -> None:
        """Take in that a client has seen what nobody wrote."""
        self.errors.append(what)

    def differences(self, *versions: str) -> list[str]:
        """Compare what each version sees with what was written; clients must have ended."""
        wanted = {n: may for client in self.clients for n, may in client.rows.items()}
        found: list[str] = []
        for version in versions:
            app = self.app(version)
            with psycopg.connect(self.dsn) as connection:
                rows = {row[0]: tuple(row[1:]) for row in connection.execute(app.see)}
            found += [f"{version} sees row {n}, which nobody wrote" for n in rows.keys() - wanted.keys()]
            for n, may in wanted.items():
                if not any(same(rows.get(n), shown(row, app)) for row in may):
                    found.append(f"{version} sees {rows.get(n)} in row {n}, written was {may}")
        return found[:5]


def shown(row: Row | None, app: App) -> tuple[int | None, ...] | None:
    """Give what an app sees of a row; None for a field that it has not written."""
    return None if row is None else tuple(row.get(f) for f in app.fields)


def same(found: tuple[Any, ...] | None, wanted: tuple[int | None, ...] | None) -> bool:
    """Compare, leaving out fields of which nothing is known."""
    if found is None or wanted is None:
        return found is wanted
    return all(w is None or f == w for f, w in zip(found, wanted, strict=True))
