"""What a server does with the statements of a migration, of the hazards that linters warn of: the measure of both.

Each statement runs on a scratch database. What rewrites, reads or builds the server says at DEBUG1, of empty tables
too; locks are in pg_locks. Only tables that were there before the file count: nobody waits for those that it makes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

import psycopg
from msgspec import Struct
from psycopg.pq import TransactionStatus

from migrate_safe.adapters.captured import run_again
from migrate_safe.adapters.observer import Observer
from migrate_safe.adapters.obstacles import Crowd
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.tracer import enter_unit
from migrate_safe.model.effect import Observed
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.statement import (
    Direction,
    LockTable,
    Script,
    SetVariable,
    Statement,
    Transaction,
    Truncate,
    Wrapping,
)

Connection = psycopg.Connection[Any]


class Hazard(StrEnum):
    """What linters warn of, where the table was there before the file."""

    REWRITE = "rewrite"
    SCAN = "scan under a lock that blocks writes"
    BUILD = "index build under a lock that blocks writes"
    KEY = "foreign key checked while writes wait"
    FAR_LOCK = "lock on a table that a new key refers to"


Facts = Mapping[Hazard, frozenset[Name]]

_TABLES = """
SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_KEYS = "SELECT oid, conname, conrelid, confrelid FROM pg_catalog.pg_constraint WHERE contype = 'f'"
_SAID = {
    "rewrites": re.compile(r'rewriting table "(.+)"'),
    "verifies": re.compile(r'verifying table "(.+)"'),
    "builds": re.compile(r'building index ".+" on table "(.+?)"'),
    "checks": re.compile(r'validating foreign key constraint "(.+)"'),
}


class Seen(Struct, frozen=True):
    """A statement and what the server did: None where it was not run, `refused` where the server would not."""

    statement: Statement
    facts: Facts | None
    observed: Observed | None = None
    refused: str = ""


def replay(dsn: str, script: Script) -> Iterator[Seen]:
    """Run the way forward of a file, wrapped as it declares; what is refused is left out, and the rest goes on."""
    with connect(dsn, prepare_threshold=None) as worker, closing(Crowd(dsn)) as crowd:
        session = _Session(worker, crowd)
        unit = -1
        for statement in script.statements:
            if statement.direction is Direction.UP:
                unit = enter_unit(worker, script, statement, unit)
                yield session.run(statement)
        if worker.info.transaction_status is not TransactionStatus.IDLE:
            worker.execute("COMMIT" if script.unit_of(script.statements[-1]).wrapping is Wrapping.FILE else "ROLLBACK")


@dataclass(slots=True)
class _Session:
    worker: Connection
    crowd: Crowd
    said: list[str] = field(default_factory=list)
    old: frozenset[int] = frozenset()
    observer: Observer = field(init=False)

    def __post_init__(self) -> None:
        self.observer = Observer(self.worker, self.crowd)
        self.worker.add_notice_handler(lambda notice: self.said.append(notice.message_primary or ""))
        self.old = frozenset(self.tables())

    def tables(self) -> dict[int, Name]:
        return {oid: Name(schema, name) for oid, schema, name in self.worker.execute(_TABLES).fetchall()}

    def run(self, statement: Statement) -> Seen:
        inside = self.worker.info.transaction_status is TransactionStatus.INTRANS
        try:
            if isinstance(statement.action, Transaction | SetVariable):
                self.worker.execute(statement.text.encode())
                return Seen(statement, {})
            return self._watched(statement, inside=inside)
        except psycopg.Error as error:
            self._go_on(inside=inside)
            return Seen(statement, None, refused=_words(error))

    def _watched(self, statement: Statement, *, inside: bool) -> Seen:
        before = {oid: name for oid, name in self.tables().items() if oid in self.old}
        keys = {oid for oid, *_ in self.worker.execute(_KEYS).fetchall()}
        if inside:
            self.worker.execute("SAVEPOINT before_statement")
        self.said.clear()
        run = partial(run_again, self.worker, statement, None)
        seen = self.observer.watch(run, wrap=not isinstance(statement.action, LockTable))
        if seen.effect.fails is not None:
            self._go_on(inside=inside)
            return Seen(statement, None, seen, f"{seen.sqlstate} {seen.effect.fails}")
        if inside:
            self.worker.execute("RELEASE before_statement")
        after = self.worker.execute(_KEYS).fetchall()
        return Seen(statement, _facts(statement, seen, _told(self.said), before, keys, after), seen)

    def _go_on(self, *, inside: bool) -> None:
        if self.worker.info.transaction_status is TransactionStatus.INERROR:
            self.worker.execute("ROLLBACK TO before_statement" if inside else "ROLLBACK")


def _facts(
    statement: Statement,
    seen: Observed,
    told: Mapping[str, set[str]],
    old: Mapping[int, Name],
    keys: set[int],
    after: Iterable[tuple[int, str, int, int]],
) -> Facts:
    """Read what was said and locked of the `old` tables; the server names no schemas there. `keys` were there before.

    TRUNCATE says that it rewrites and builds, but what it rewrites is nothing.
    """
    if isinstance(statement.action, Truncate):
        return {}
    named = {name.name: name for name in old.values()}
    rewrites, verifies, builds = ({named[n] for n in told[w] if n in named} for w in ("rewrites", "verifies", "builds"))
    rewrites |= set(seen.effect.rewrites) & set(old.values())
    blocked = {lock.relation for lock in (*seen.held, *seen.effect.locks) if lock.mode.blocks_writes}
    checked = {old[here] for _, name, here, _ in after if name in told["checks"] and here in old}
    far = {old[there] for oid, _, here, there in after if oid not in keys and there in old and here != there}
    taken = {lock.relation for lock in seen.effect.locks if lock.mode is LockMode.SHARE_ROW_EXCLUSIVE}
    return {
        Hazard.REWRITE: frozenset(rewrites),
        Hazard.SCAN: frozenset(((verifies | checked) & blocked) - builds - rewrites),
        Hazard.BUILD: frozenset((builds & blocked) - rewrites),
        Hazard.KEY: frozenset() if rewrites else frozenset(checked & blocked),
        Hazard.FAR_LOCK: frozenset(far & taken),
    }


def _told(said: Iterable[str]) -> dict[str, set[str]]:
    told: defaultdict[str, set[str]] = defaultdict(set)
    for message in said:
        for what, pattern in _SAID.items():
            if found := pattern.search(message):
                told[what].add(found[1])
    return told


def _words(error: psycopg.Error) -> str:
    return f"{error.sqlstate} {error.diag.message_primary or error}"
