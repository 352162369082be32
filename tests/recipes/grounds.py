"""Databases and statements for random migrations: those of all lifecycle cases, and a database where many meet.

Whatever the test of a recipe has for a case is taken here, so that a new recipe is in with its first case.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

from msgspec import Struct

from migrate_safe.catalog.evolve import fold
from migrate_safe.model.errors import Refused, UsageError
from migrate_safe.model.plan import Plan, PlanSource
from migrate_safe.model.postgres import MAJORS
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.planner.build import build_plan
from migrate_safe.sql.parse import parse_script
from tests.recipes import meeting
from tests.recipes.lifecycle import Case

AT_MOST = 5
"""Statements of a random migration."""
FROM_ELSEWHERE = 0.4
"""The share of them that cases of other databases have."""
ATTEMPTS = 30
"""So many statements of other databases are tried, as most of them speak of other tables."""


class Ground(Struct, frozen=True):
    """A database as SQL, and single statements that its own cases run on it."""

    name: str
    before: str
    statements: tuple[str, ...]

    def __str__(self) -> str:
        """Name it."""
        return self.name

    def migration(self, dice: random.Random) -> str:
        """Give a random migration of it: some of its own statements, some of others that it bears."""
        return joined(self.statement(dice) for _ in range(dice.randint(1, AT_MOST)))

    def statement(self, dice: random.Random) -> str:
        """Give a random statement."""
        if dice.random() < FROM_ELSEWHERE:
            tried = (dice.choice(statements()) for _ in range(ATTEMPTS))
            if found := next((text for text in tried if bears(self, text)), ""):
                return found
        return dice.choice(self.statements)


@cache
def cases() -> dict[str, tuple[Case, ...]]:
    """Give the cases of the tests of this folder, by the recipe that each is named after."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))
    return {m.removeprefix("test_"): tuple(_cases_in(vars(import_module(f"tests.recipes.{m}")))) for m in modules}


@cache
def grounds() -> tuple[Ground, ...]:
    """Give each database of a case once, with the statements of all cases that start from it."""
    found = [Ground("meeting", meeting.BEFORE, meeting.STATEMENTS)]
    several: dict[str, list[tuple[str, Case]]] = {}
    for recipe, case in ((recipe, case) for recipe, its in cases().items() for case in its if case.migration):
        several.setdefault(case.before, []).append((recipe, case))
    for before, its in several.items():
        name = f"{its[0][0]}.{its[0][1]}"
        found.append(Ground(name, before, tuple(text for _, case in its for text in statements_of(case.migration))))
    return tuple(found)


@cache
def statements() -> tuple[str, ...]:
    """Give the statements of all databases, each once."""
    return tuple(dict.fromkeys(text for ground in grounds() for text in ground.statements))


def statements_of(migration: str) -> Iterator[str]:
    """Take a migration apart: each statement with the comments above it, which may say how it is to be planned."""
    script, start = parse_script(Source("m.sql", migration)), 0
    for statement in script.statements:
        yield migration[start : statement.span.end].strip().strip(";").strip()
        start = statement.span.end


def joined(several: Iterable[str]) -> str:
    """Make a migration of statements."""
    return ";\n".join(several) + ";\n"


def staying(migration: str) -> str:
    """Give those statements of a migration that no way back takes away: values of enums."""
    left = {text for its in cases().values() for case in its for text in statements_of(case.left)}
    return joined(text for text in statements_of(migration) if text in left)


@cache
def state(ground: Ground, version: int) -> Schema:
    """Give what the files of a ground tell of its database, as if they told everything."""
    before = f"CREATE SCHEMA public; {ground.before}"
    return replace(fold(Schema(server_version=version), parse_script(Source("before.sql", before))), complete=True)


@cache
def bears(ground: Ground, text: str) -> bool:
    """Say whether a statement alone can be planned on a ground; an undo is meant for the ground of its author."""
    return "migrate-safe: undo" not in text and planned(text, state(ground, MAJORS[-1])) is not None


def planned(text: str, schema: Schema) -> Plan | None:
    """Plan a migration; None where it is refused, which must come with advice."""
    try:
        return build_plan(parse_script(Source("m.sql", text)), schema, name="m", source=PlanSource("m.sql", ""))
    except (Refused, UsageError) as refusal:
        assert refusal.next_move
        return None


def _cases_in(names: dict[str, object]) -> Iterator[Case]:
    """Give the cases that stand in a module, alone or in tuples."""
    for value in names.values():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Case):
                yield each
