"""Run a statement on a scratch server and see what it does: locks, rewrites, scans, index builds, what it waits for.

Sources: pg_locks, pg_class.relfilenode, the statistics of the running transaction, and what the server says at DEBUG1.
Every statement is first tried in a transaction; one that the server refuses there (25001) runs by itself while other
sessions stand in its way, so that each lock that it asks for is seen.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, LiteralString

import psycopg
from msgspec import Struct
from psycopg.pq import TransactionStatus

from migrate_safe.adapters.obstacles import Crowd, Obstacles, Target
from migrate_safe.model.effect import Effect, Observed, TransactionRule
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.values import replace

Connection = psycopg.Connection[Any]

MODES = {mode.catalog_name: mode for mode in LockMode}

_TEMPORARY = "pg_temp"
"""The schema of what this session alone can use, so that nobody can stand in the way there."""

_RELATIONS = """
SELECT c.oid, CASE n.oid WHEN pg_catalog.pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname END,
    c.relname, c.relkind::text, pg_catalog.pg_get_userbyid(c.relowner)::text, c.relfilenode,
    c.relkind IN ('r', 'm') AND pg_catalog.pg_relation_size(c.oid) = 0, c.reltuples >= 0
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE (n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' OR n.oid = pg_catalog.pg_my_temp_schema())
    AND c.relkind IN ('r', 'p', 'i', 'I', 'S', 'v', 'm', 'f')
"""
_LOCKS = (
    "SELECT relation, mode FROM pg_catalog.pg_locks WHERE locktype = 'relation' AND pid = pg_backend_pid() AND granted"
)
_READ = """
SELECT oid, pg_catalog.pg_stat_get_xact_tuples_returned(oid)
    + CASE WHEN oid = ANY(%s) OR pg_catalog.pg_relation_size(oid) > 0
        THEN pg_catalog.pg_stat_get_xact_numscans(oid) ELSE 0 END
FROM pg_catalog.pg_class WHERE oid = ANY(%s)
"""
"""Rows and full scans, for one that finds nothing or dead rows alone is a scan; what TRUNCATE emptied was not read."""
_READ_BY_ALL = """
SELECT oid, pg_catalog.pg_stat_get_tuples_returned(oid)
    + CASE WHEN oid <> ALL(%s) AND pg_catalog.pg_relation_size(oid) > 0
        THEN pg_catalog.pg_stat_get_numscans(oid) ELSE 0 END
FROM pg_catalog.pg_class WHERE oid = ANY(%s)
"""
_SAID = {
    "rewrites": re.compile(r'rewriting table "(.+)"'),
    "verifies": re.compile(r'verifying table "(.+)"'),
    "builds": re.compile(r'building index ".+" on table "(.+)" (?:serially|with request)'),
    "skips": re.compile(r'skipping (?:vacuum|analyze) of "(.+)" --- lock not available'),
}
_QUERIES = "DETACH"
"""Stands in the refusal of a statement that reads what refers to a table by queries."""
_REPORTED = 0.6
"""Seconds after which a session of PostgreSQL 14 reports what it read, and nobody is shown older figures."""
IN_A_BLOCK = "25001"
"""SQLSTATE of what cannot run inside a transaction."""
_ENDS_IT = "2D000"
"""SQLSTATE of a body that ends a transaction, which it may where it runs by itself."""


class _Relation(Struct, frozen=True):
    name: Name
    kind: str
    owner: str
    node: int
    empty: bool
    counted: bool


_Relations = Mapping[int, _Relation]


class Observer:
    """Watches what one session does to a scratch database; those of `crowd` stand in its way.

    `worker` is an autocommit connection; a transaction that the caller opened on it is respected: then only what a
    statement takes beyond what the transaction held already counts as its own.
    """

    def __init__(self, worker: Connection, crowd: Crowd) -> None:
        self.worker, self._crowd = worker, crowd
        self._said: list[str] = []
        worker.add_notice_handler(lambda notice: self._said.append(notice.message_primary or ""))

    def watch(self, run: Callable[[], object], *, wrap: bool = True) -> Observed:
        """Run a statement by `run` and say what it did; its error, if any, is part of that.

        `wrap` puts a statement that comes outside a transaction into one of its own; without, it runs by itself.
        """
        if self.worker.info.transaction_status is not TransactionStatus.IDLE:
            return self._inside(run)
        if not wrap:
            return self._outside(run)
        self.worker.execute("BEGIN")
        seen = self._inside(run)
        refusal = self._end(commit=seen.effect.fails is None)
        if refusal is not None:
            return Observed(Effect(fails=_words(refusal)), seen.ms, sqlstate=refusal.sqlstate)
        if seen.sqlstate in (IN_A_BLOCK, _ENDS_IT):
            queries = _QUERIES in (seen.effect.fails or "")
            return self._outside(run, refusal=seen.sqlstate, queries=queries)
        return seen

    # ---- in a transaction ------------------------------------------------------------------------

    def _inside(self, run: Callable[[], object]) -> Observed:
        relations = self._relations()
        held, read = self._locks(relations), self._rows_read(relations)
        loud = self._speak_up()
        began = time.monotonic()
        try:
            run()
        except psycopg.Error as error:
            return Observed(Effect(fails=_words(error)), _since(began), _as_locks(held), sqlstate=error.sqlstate)
        spent = _since(began)
        self._quieten(loud)
        now = self._locks(relations)
        rows = self._rows_read(relations)
        taken = {name: mode for name, mode in now.items() if mode > held.get(name, 0)}
        scans = {name for name, count in rows.items() if count > read.get(name, 0)}
        effect, untold = self._effect(relations, taken, scans, now)
        return Observed(
            effect,
            spent,
            _as_locks(held),
            empty=_void(relations, effect),
            untold=untold,
            counted=_with_statistics(relations),
        )

    def _end(self, *, commit: bool) -> psycopg.Error | None:
        """End the transaction of one statement; a deferred constraint may refuse it at COMMIT."""
        try:
            self.worker.execute("COMMIT" if commit else "ROLLBACK")
        except psycopg.Error as error:
            return error
        return None

    # ---- outside of one --------------------------------------------------------------------------

    def _outside(self, run: Callable[[], object], *, refusal: str | None = None, queries: bool = False) -> Observed:
        """Run a statement by itself; `refusal` is the SQLSTATE with which the server refused it in a transaction.

        `queries` says that it reads tables by queries, of which nothing else tells.
        """
        relations = self._relations()
        loud = self._speak_up()
        rule = TransactionRule.FORBIDDEN if refusal == IN_A_BLOCK else TransactionRule.ANY
        targets = [Target(n, r.name, r.kind, r.owner) for n, r in relations.items() if r.name.schema != _TEMPORARY]
        counted = self._reports_at_once or refusal != IN_A_BLOCK or queries
        read = self._rows_read_by_all(relations) if counted else {}
        with Obstacles(self._crowd, self.worker.info.backend_pid, targets) as obstacles:
            met = obstacles.meet(run)
        self._quieten(loud)
        if met.error is not None:
            return Observed(Effect(transaction=rule, fails=_words(met.error)), met.ms, sqlstate=met.error.sqlstate)
        replaced = self._replaced(relations)
        taken: dict[Name, LockMode] = {}
        for oid, mode in met.locks:
            passes = refusal == _ENDS_IT and _is_let_go(relations.get(oid), MODES[mode])
            if oid in relations and not passes and not (oid in replaced and MODES[mode] is LockMode.ACCESS_EXCLUSIVE):
                name = relations[oid].name
                taken[name] = max(MODES[mode], taken.get(name, MODES[mode]))
        rows = self._rows_read_by_all(relations) if counted else {}
        scans = {name for name, count in rows.items() if count > read.get(name, 0)}
        effect, untold = self._effect(relations, taken, scans, taken)
        if not counted:
            effect = replace(effect, scans=tuple(sorted({*effect.scans, *effect.rewrites} & _stored(relations))))
        seen = Effect(
            locks=effect.locks,
            rewrites=effect.rewrites,
            scans=effect.scans,
            builds=effect.builds,
            transaction=rule,
            waits_for_old_transactions=met.waits_for_users,
            waits_for_snapshots=met.waits_for_snapshots,
        )
        skipped = any(what == "skips" for what, _ in self._messages())
        sure = set() if skipped else {t.name for t in targets if refusal != _ENDS_IT or t.kind not in "iI"}
        sure -= untold | obstacles.unsure
        unsure = frozenset(r.name for r in relations.values()) - sure
        return Observed(seen, met.ms, inside=False, unsure=unsure, empty=_void(relations, effect), untold=untold)

    def _replaced(self, relations: _Relations) -> set[int]:
        """Find indexes whose name another one has now: REINDEX CONCURRENTLY locks them once nobody uses them."""
        after = self._relations()
        names = {r.name for r in after.values()}
        return {oid for oid, r in relations.items() if r.kind == "i" and oid not in after and r.name in names}

    @property
    def _reports_at_once(self) -> bool:
        """Whether a session can be told to report what it read.

        An older server makes one wait, which is done only for statements with a body: what else cannot run in a
        transaction reads whole tables to build indexes, which it tells, or to rewrite them, which is seen.
        """
        return self.worker.info.server_version >= 150000

    # ---- what there is to see --------------------------------------------------------------------

    def _relations(self) -> _Relations:
        rows = self.worker.execute(_RELATIONS).fetchall()
        return {oid: _Relation(Name(schema, name), *rest) for oid, schema, name, *rest in rows}

    def _locks(self, relations: _Relations) -> dict[Name, LockMode]:
        found: dict[Name, LockMode] = {}
        for oid, mode in self.worker.execute(_LOCKS).fetchall():
            if oid in relations:
                name = relations[oid].name
                found[name] = max(MODES[mode], found.get(name, MODES[mode]))
        return found

    def _rows_read(self, relations: _Relations) -> dict[Name, int]:
        """Count the rows that this transaction read in full scans; what earlier statements read is in there too."""
        return self._counted(_READ, relations)

    def _rows_read_by_all(self, relations: _Relations) -> dict[Name, int]:
        """Count the rows that were read in full scans since the tables were made, with those of this session."""
        if self._reports_at_once:
            self.worker.execute("SELECT pg_catalog.pg_stat_force_next_flush()")
        else:
            time.sleep(_REPORTED)
            self.worker.execute("SELECT")
        return self._counted(_READ_BY_ALL, relations)

    def _counted(self, query: LiteralString, relations: _Relations) -> dict[Name, int]:
        tables = [oid for oid, relation in relations.items() if relation.kind in "rm"]
        void = [oid for oid in tables if relations[oid].empty]
        return {relations[oid].name: rows for oid, rows in self.worker.execute(query, [void, tables]).fetchall()}

    def _effect(
        self, relations: _Relations, taken: Mapping[Name, LockMode], scans: set[Name], locked: Collection[Name]
    ) -> tuple[Effect, frozenset[Name]]:
        """Put together what is seen; with it the tables of which that is not known."""
        after = self._relations()
        told, untold = self._told(relations, taken, locked)
        renewed = _rewritten(relations, after)
        # TRUNCATE says that it builds the indexes of nothing
        emptied = _empty(after) & renewed
        told = {(what, name) for what, name in told if what != "builds" or name not in emptied}
        effect = Effect(
            locks=_as_locks(taken),
            rewrites=tuple(sorted(renewed)),
            scans=tuple(sorted(scans | {name for what, name in told if what in ("verifies", "builds")})),
            builds=tuple(sorted(name for what, name in told if what == "builds")),
        )
        return effect, untold

    def _told(
        self, relations: _Relations, taken: Collection[Name], locked: Collection[Name]
    ) -> tuple[set[tuple[str, Name]], frozenset[Name]]:
        """Read what the server said of which table; with it those that it skipped, or may have meant.

        It names no schemas; whatever it builds or reads is locked, and most often by this statement.
        """
        tables: defaultdict[str, set[Name]] = defaultdict(set)
        for relation in relations.values():
            if relation.kind in "rm":
                tables[relation.name.name].add(relation.name)
        told: set[tuple[str, Name]] = set()
        untold: set[Name] = set()
        for what, name in self._messages():
            meant = tables[name]
            for close in (locked, taken):
                meant = meant.intersection(close) or meant
            if what == "skips" or len(meant) > 1:
                untold |= meant
            else:
                told |= {(what, one) for one in meant}
        return told, frozenset(untold)

    def _messages(self) -> Iterable[tuple[str, str]]:
        for message in self._said:
            for what, pattern in _SAID.items():
                found = pattern.search(message)
                if found is not None:
                    yield what, found[1]

    def _speak_up(self) -> str:
        """Make the server tell what it does; gives what was set before."""
        row = self.worker.execute("SELECT current_setting('client_min_messages')").fetchone()
        self.worker.execute("SET client_min_messages = debug1")
        self._said.clear()
        return str(row[0]) if row is not None else "notice"

    def _quieten(self, before: str) -> None:
        self.worker.execute("SELECT set_config('client_min_messages', %s, false)", [before])


def _rewritten(before: _Relations, after: _Relations) -> set[Name]:
    """Find relations with other storage; REINDEX CONCURRENTLY puts a new relation under the old name."""
    named = {r.name: r.node for r in after.values()}
    found = set()
    for oid, relation in before.items():
        node = after[oid].node if oid in after else named.get(relation.name, relation.node)
        if node != relation.node:
            found.add(relation.name)
    return found


def _is_let_go(relation: _Relation | None, mode: LockMode) -> bool:
    """Say whether a lock is that of writing rows to an index, which the server gives up at once."""
    return relation is not None and relation.kind in "iI" and mode <= LockMode.ROW_EXCLUSIVE


def _stored(relations: _Relations) -> set[Name]:
    return {r.name for r in relations.values() if r.kind in "rm"}


def _empty(relations: _Relations) -> frozenset[Name]:
    return frozenset(r.name for r in relations.values() if r.empty)


def _with_statistics(relations: _Relations) -> frozenset[Name]:
    """Give the tables whose number of rows decides how they are read: it is known to the server, or there is none."""
    return frozenset(r.name for r in relations.values() if r.counted or r.empty)


def _void(relations: _Relations, effect: Effect) -> frozenset[Name]:
    """Give the tables that were empty and got other storage: by TRUNCATE or not, which only rows would tell."""
    return _empty(relations) & set(effect.rewrites)


def _as_locks(modes: Mapping[Name, LockMode]) -> tuple[Lock, ...]:
    return tuple(Lock(name, mode) for name, mode in sorted(modes.items()))


def _words(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).partition("\n")[0]


def _since(began: float) -> float:
    return (time.monotonic() - began) * 1000
