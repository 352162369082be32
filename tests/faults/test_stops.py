"""Stop after every intent, then go on or go back: exactly the end or the start, in schema and in data."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Outcome, Target
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.executor.drive import Stopped
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import TryLater
from migrate_safe.model.plan import Phase
from tests.conftest import Connect
from tests.executor.plans import STORY, fit
from tests.support.pg import PgTools

ALL = Wish(Phase.CONTRACT)
SETTINGS = Settings(batch_rows=80, batch_max=80)
NAIVE = """
ALTER TABLE users ADD mail text;
CREATE INDEX users_email_idx ON users (email);
UPDATE users SET mail = email;
ALTER TABLE users ALTER mail SET NOT NULL;
ALTER TABLE users RENAME email TO "~email";
"""


class Bench:
    """A database that can be looked at as a whole: schema text and rows."""

    def __init__(self, dsn: str, connect: Connect, tools: PgTools) -> None:
        self.dsn, self.tools, self.connection = dsn, tools, connect(dsn)
        self.story = fit(dsn, STORY)
        self.target = Target(dsn)

    def look(self) -> tuple[str, object]:
        rows = self.connection.execute("SELECT u::text FROM users AS u ORDER BY id").fetchall()
        return self.tools.dump_schema(self.dsn).text, rows

    def apply(self, stop_after: int | None = None) -> Outcome:
        return apply(self.story, self.target, ALL, SETTINGS, stop_after=stop_after)

    def back(self, stop_after: int | None = None) -> Outcome:
        return rollback("story", self.target, "baseline", SETTINGS, stop_after=stop_after)


@pytest.fixture
def bench(users: str, connect: Connect, pg_tools: PgTools) -> Bench:
    return Bench(users, connect, pg_tools)


def stops(run: Callable[[int], object], n: int) -> bool:
    """Run with a stop after n intents; false when it came to its end before."""
    try:
        run(n)
    except Stopped:
        return True
    return False


def test_the_end_is_that_of_the_naive_migration(bench: Bench, database: str, connect: Connect) -> None:
    bench.apply()
    end = bench.look()
    bench.back()
    connect(database).execute(NAIVE)
    assert end == bench.look()


def test_stop_after_every_intent_then_go_on(bench: Bench) -> None:
    bench.apply()
    end = bench.look()
    bench.back()
    n = 0
    while stops(bench.apply, n):
        bench.apply()
        assert bench.look() == end, f"stopped after {n}, then went on"
        bench.back()
        n += 1
    assert n > 20


def test_stop_after_every_intent_then_go_back(bench: Bench) -> None:
    start = bench.look()
    n = 0
    while stops(bench.apply, n):
        if n:  # before its first intent nothing is journaled that could be taken back
            bench.back()
        assert bench.look() == start, f"stopped after {n}, then went back"
        n += 1
    assert n > 20


def test_stop_after_every_intent_of_the_way_back_then_either_way(bench: Bench) -> None:
    start = bench.look()
    bench.apply()
    end = bench.look()
    n = 0
    while stops(bench.back, n):
        bench.apply()
        assert bench.look() == end, f"way back stopped after {n}, then forward"
        assert stops(bench.back, n)
        bench.back()
        assert bench.look() == start, f"way back stopped after {n}, then back"
        bench.apply()
        n += 1
    assert n > 6


def test_backends_killed_at_random_moments_change_nothing_in_the_end(bench: Bench, connect: Connect) -> None:
    bench.apply()
    end = bench.look()
    bench.back()
    dice, killer, done = random.Random(7), connect(bench.dsn), threading.Event()
    killed = 0

    def kill() -> None:
        nonlocal killed
        while not done.wait(dice.uniform(0.03, 0.3)):
            killed += sum(
                row[0]
                for row in killer.execute(
                    "SELECT pg_terminate_backend(pid)::int FROM pg_stat_activity "
                    "WHERE datname = current_database() AND application_name = 'migrate-safe' ORDER BY random() LIMIT 1"
                )
            )

    while killed < 6:
        done.clear()
        thread = threading.Thread(target=kill)
        thread.start()
        try:
            until = time.monotonic() + 60
            while status_position(bench) < 8 and time.monotonic() < until:
                with suppress(TryLater):
                    bench.apply()
        finally:
            done.set()
            thread.join()
        bench.apply()
        assert bench.look() == end
        bench.back()


def status_position(bench: Bench) -> int:
    with suppress(TryLater):
        report = status(bench.target)
        return report.plans[0].position if report.plans else 0
    return 0
