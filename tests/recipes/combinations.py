"""A random migration on a real server: stopped somewhere, taken back, done again to its end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from msgspec import Struct
from psycopg.conninfo import conninfo_to_dict

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.model.plan import Plan
from tests.recipes.grounds import Ground, grounds, planned, staying
from tests.recipes.lifecycle import Case, Life, assert_same
from tests.support.pg import PgTools, SchemaDump


class Trial(Struct, frozen=True):
    """A migration on a ground, its plan, and the position from which it is taken back before it goes to its end."""

    ground: Ground
    text: str
    plan: Plan
    turn: int
    end: SchemaDump

    def __str__(self) -> str:
        """Say what is done where."""
        reached = self.plan.steps[self.turn - 1].id if self.turn else "nowhere"
        return f"on {self.ground}, back from {reached}:\n{self.text}"


def lead(seed: int, server: ScratchServer) -> Trial:
    """Lead the migration that a seed stands for back from somewhere, and then to its end.

    Raises AssertionError where it does not come back to the start, or ends elsewhere than its plain form.
    """
    dice = random.Random(seed)
    ground = dice.choice(grounds())
    with _database(server) as start:
        PgTools.of(server).psql(start, ground.before)
        trial = _chosen(dice, ground, server, start)
        try:
            _there_back_and_to_the_end(trial, server, start)
        except AssertionError as wrong:
            raise AssertionError(f"seed {seed} {trial}\n{wrong}") from wrong
    return trial


def _chosen(dice: random.Random, ground: Ground, server: ScratchServer, start: str) -> Trial:
    """Choose a migration that both the planner and the server take."""
    with psycopg.connect(start) as c:
        schema = read_schema(c)
    while True:
        text = ground.migration(dice)
        plan = planned(text, schema)
        if plan is None or (end := _plain_end(text, server, start)) is None:
            continue
        return Trial(ground, text, plan, dice.randint(0, sum(1 for s in plan.steps if s.undo is not None)), end)


def _plain_end(text: str, server: ScratchServer, start: str) -> SchemaDump | None:
    """Give what a migration leaves when it runs as it stands; None where the server refuses it for its rows."""
    tools = PgTools.of(server)
    with _database(server, start) as dsn:
        try:
            tools.psql(dsn, text)
        except AssertionError:
            return None
        return tools.dump_schema(dsn)


def _there_back_and_to_the_end(trial: Trial, server: ScratchServer, start: str) -> None:
    tools = PgTools.of(server)
    with _database(server, start) as dsn, psycopg.connect(dsn, autocommit=True) as c:
        c.execute("CREATE SCHEMA migrate_safe")
        it = Life(Case("random", trial.ground.before, trial.text, (), ()), dsn, c, {}, trial.plan)
        list(it.forward(trial.turn))
        list(it.back(0))
        if (back := tools.dump_schema(dsn)) != tools.dump_schema(start):
            left = _plain_end(staying(trial.text), server, start)
            assert left is not None
            assert_same(back, left)
        list(it.forward(len(trial.plan.steps)))
        assert_same(tools.dump_schema(dsn), trial.end)


@contextmanager
def _database(server: ScratchServer, template: str = "") -> Iterator[str]:
    """Give a database for as long as the block lasts: an empty one, or a copy."""
    name = conninfo_to_dict(template)["dbname"] if template else None
    dsn = server.create_database(template=None if name is None else str(name))
    try:
        yield dsn
    finally:
        server.drop_database(dsn)
