"""The queries of an app, in what went through a door or in pg_stat_statements: each once; what is left out is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from msgspec import Struct, field

from migrate_safe.adapters.captured import FIRST_OF_USERS
from migrate_safe.adapters.marks import Tests
from migrate_safe.adapters.recording import LeftOut, Recorded
from migrate_safe.adapters.said import said_by
from migrate_safe.adapters.wire import Parameter, Sent
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name
from migrate_safe.sql.generalise import generalise, shape
from migrate_safe.sql.queries import prepare_form

TESTS_KEPT = 3
"""Tests that are named for each query."""
_OF_VALUES = ("22", "23")
"""Classes of SQLSTATE of a refusal for values: the query is one that the app sends."""
_WIDER = ("smallint", "integer", "bigint")
_CONTROL = frozenset(
    "begin start commit end rollback abort savepoint release set reset show deallocate discard".split()
)
_SHOWN = 120
_STATISTICS = """
SELECT s.query, sum(s.calls)::bigint
FROM pg_stat_statements AS s JOIN pg_database AS d ON d.oid = s.dbid JOIN pg_roles AS r ON r.oid = s.userid
WHERE d.datname = current_database() AND (%s::text IS NULL OR r.rolname = %s)
GROUP BY s.query ORDER BY 2 DESC, 1
"""


class Heard(Struct):
    """Queries by what makes them one, and what is left out by its reason."""

    queries: dict[tuple[str, tuple[str, ...]], Recorded] = field(default_factory=dict)
    left: dict[str, LeftOut] = field(default_factory=dict)

    def keep(self, sql: str, types: tuple[str, ...], at: str, count: int = 1) -> None:
        """Count a query, or leave it out; parameters take the place of values that its driver wrote into it."""
        reason = _why_no_query(sql)
        if reason:
            self.leave(reason, sql, count)
            return
        if not types:
            general = generalise(sql)
            sql, types = general.sql, general.types
        key = (shape(sql), tuple("integer" if t in _WIDER else t for t in types))
        known = self.queries.get(key, Recorded(sql.strip(), 0, types))
        places = known.at if not at or at in known.at else (*known.at, at)[:TESTS_KEPT]
        self.queries[key] = Recorded(known.sql, known.count + count, _widest(known.types, types), places)

    def leave(self, reason: str, sql: str, count: int = 1) -> None:
        """Count what is no query of the app's."""
        known = self.left.get(reason, LeftOut(reason, 0, " ".join(sql.split())[:_SHOWN]))
        self.left[reason] = LeftOut(reason, known.count + count, known.example)


def heard_at(log: Sequence[Sent], tests: Tests, database: str, type_name: Callable[[Parameter], str]) -> Heard:
    """Collect what clients sent; `type_name` knows the types of `database`, of others those of the server itself."""
    heard = Heard()
    for sent in log:
        own = sent.startup.database == database
        types = tuple(
            _known(type_name(p)) if p.type and (own or p.type < FIRST_OF_USERS) else "" for p in sent.parameters
        )
        for said in said_by(sent):
            if said.skipped:
                continue
            state = said.sent.sqlstate or ""
            if state and not state.startswith(_OF_VALUES):
                heard.leave(f"failed ({state})", said.sent.text)
            else:
                heard.keep(said.sent.text, types, tests.at(sent.began))
    return heard


def heard_by_server(connection: psycopg.Connection[Any], role: str | None) -> Heard:
    """Collect what pg_stat_statements of a database keeps, of all roles or of one. Raises UsageError without it."""
    if connection.execute("SELECT 1 WHERE to_regclass('pg_stat_statements') IS NOT NULL").fetchone() is None:
        raise UsageError(
            "this database has no view pg_stat_statements",
            next_move="CREATE EXTENSION pg_stat_statements, with it in shared_preload_libraries",
        )
    heard = Heard()
    for sql, calls in connection.execute(_STATISTICS, (role, role)).fetchall():
        if sql == "<insufficient privilege>":
            raise UsageError(
                "this role may not read the queries of others",
                next_move="GRANT pg_read_all_stats to it, or name --role",
            )
        heard.keep(str(sql), (), "", int(calls))
    return heard


def _why_no_query(sql: str) -> str:
    form = prepare_form(sql, recorded=True)
    if form.kind in _CONTROL:
        return "controls a transaction or the session"
    if form.problem is not None:
        return form.problem
    if form.relations and all(map(_of_the_catalog, form.relations)):
        return "asks the system catalogs only"
    return ""


def _of_the_catalog(name: Name) -> bool:
    return name.schema in ("pg_catalog", "information_schema") or (name.schema is None and name.name.startswith("pg_"))


def _widest(known: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """Give for each parameter the wider of two integers: drivers choose by the value."""
    return tuple(_wider(a, b) for a, b in zip(known, new, strict=False)) if len(known) == len(new) else known


def _wider(one: str, other: str) -> str:
    if one in _WIDER and other in _WIDER:
        return max(one, other, key=_WIDER.index)
    return one


def _known(name: str) -> str:
    return "" if name == "unknown" else name
