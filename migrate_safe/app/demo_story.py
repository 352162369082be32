"""One run of the demo under load: its database, its clients, what they did, and what was acknowledged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct, field

from migrate_safe.adapters.clients import Call, Client, Ledger, lost_writes, merged, running
from migrate_safe.adapters.postgres import connect
from migrate_safe.app import demo_shop as shop
from migrate_safe.app.demo_figures import Chapter, sum_up
from migrate_safe.app.demo_telling import Narrator
from migrate_safe.report.demo import ClientFigures


class DemoWish(Struct, frozen=True):
    """How big and how long. `seconds` is what each app version gets to serve at each stage.

    `patience` is how long a contract step tries to get its lock before it gives up.
    """

    rows: int = 200_000
    seconds: float = 3.0
    patience: float = 4.0
    postgres: str = "embedded"


class Story(Struct):
    """One run under load: its database, its clients, what they did so far, and when each chapter began."""

    narrator: Narrator
    dsn: str
    project: Path
    wish: DemoWish
    stack: ExitStack
    live: dict[str, Client] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    ledgers: list[Ledger] = field(default_factory=list)
    chapters: list[Chapter] = field(default_factory=list)

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self.chapters.append(Chapter(title, time.monotonic()))
        self.narrator.chapter(title)

    def start(self, version: str) -> None:
        """Start an app version beside those that run."""
        workload = shop.workload(self.project, version, self.dsn, self.wish.rows)
        self.live[version] = self.stack.enter_context(running(workload))

    def stop(self, version: str) -> None:
        """Stop an app version; what it did is kept."""
        client = self.live.pop(version)
        self.ledgers.append(client.stop())
        self.calls.extend(client.calls)

    def serve(self, seconds: float) -> None:
        """Let the running versions serve for a while."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.narrator.serving(self.live, 1 - left / seconds)
            time.sleep(min(0.25, left))
        self.narrator.served(self.live)

    def acknowledged(self) -> Ledger:
        """Give every write that was acknowledged until now, also by running versions."""
        return merged([*self.ledgers, *(client.ledger() for client in self.live.values())])

    def lost(self, email: str) -> int:
        """Count acknowledged writes that the database does not show; `email` is the column that holds addresses now."""
        known = self.acknowledged()
        return lost_writes(self.dsn, shop.CUSTOMERS, email, known.get(shop.CUSTOMERS.name, {})) + lost_writes(
            self.dsn, shop.ORDERS, "reference", known.get(shop.ORDERS.name, {})
        )

    def figures(self, email: str) -> ClientFigures:
        """Sum up what the clients felt; every version must have been stopped."""
        return sum_up(self.calls, self.chapters, self.lost(email))


@contextmanager
def story_of(narrator: Narrator, dsn: str, project: Path, wish: DemoWish) -> Iterator[Story]:
    """Give a story whose clients end with the block."""
    with ExitStack() as stack:
        yield Story(narrator, dsn, project, wish, stack)


@contextmanager
def analyst(dsn: str) -> Iterator[None]:
    """Hold a transaction open that has read orders, as a report or an idle session in a query tool does."""
    with connect(dsn, application_name="analyst") as connection, connection.transaction():
        connection.execute("SELECT sum(total_cents) FROM orders")
        yield
