"""A session that prepares statements and tries them out in transactions that are always rolled back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psycopg
from msgspec import Struct, field
from psycopg import pq

from migrate_safe.adapters.postgres import connect
from migrate_safe.compat.answers import Outcome, Refusal
from migrate_safe.compat.samples import SEED_ROWS, SampleType, literals_in
from migrate_safe.compat.search import Values
from migrate_safe.model.names import Name, quote_ident, quote_literal

STATEMENT_TIMEOUT = "5s"
"""Longest execution of one sample; a query that takes longer counts as not tried."""

LOCK_TIMEOUT = "5s"

POOL_SIZE = 24
"""Values of rows that are kept for one parameter."""

_QUIET = "SET log_min_messages = fatal"
"""Keeps refused samples out of the server's log, where the role may say so."""

_BEGIN = "BEGIN; SET CONSTRAINTS ALL IMMEDIATE"
_ROLLBACK = "ROLLBACK"
_DONE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)

_TYPE = """
SELECT pg_catalog.format_type(t.oid, NULL), t.typtype, t.typcategory, t.typelem, t.typbasetype,
       ARRAY(SELECT e.enumlabel FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)::text[]
  FROM pg_catalog.pg_type t WHERE t.oid = %s
"""

_COLUMNS = """
SELECT a.attname, a.atttypid
  FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped
"""

_TABLES = """
SELECT c.oid, n.nspname, c.relname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND pg_catalog.strpos(%s, c.relname) > 0
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate_safe')
"""

_RULES_BY_NAME = """
SELECT pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint WHERE conname = %s
"""

_COLUMNS_OF_RULE = """
SELECT DISTINCT a.attname
  FROM pg_catalog.pg_class t
  JOIN pg_catalog.pg_depend d ON (d.refclassid, d.refobjid) = ('pg_catalog.pg_class'::regclass, t.oid)
  JOIN pg_catalog.pg_attribute a ON (a.attrelid, a.attnum) = (t.oid, d.refobjsubid)
  LEFT JOIN pg_catalog.pg_constraint k ON (d.classid, d.objid) = ('pg_catalog.pg_constraint'::regclass, k.oid)
  LEFT JOIN pg_catalog.pg_class i ON (d.classid, d.objid) = ('pg_catalog.pg_class'::regclass, i.oid)
 WHERE t.relname = %s AND coalesce(k.conname, i.relname) = %s AND a.attnum > 0
"""

_BOUNDS = """
SELECT pg_catalog.pg_get_expr(p.relpartbound, p.oid)
  FROM pg_catalog.pg_inherits i
  JOIN pg_catalog.pg_class p ON p.oid = i.inhrelid
  JOIN pg_catalog.pg_class r ON r.oid = i.inhparent
 WHERE r.relname = %s AND p.relpartbound IS NOT NULL
"""


class Description(Struct, frozen=True):
    """What the server says of a prepared statement: types of parameters (with oids) and result columns."""

    parameters: tuple[str, ...]
    oids: tuple[int, ...]
    columns: tuple[tuple[str, str], ...]


class JudgeSession(Struct, frozen=True):
    """One connection to the scratch database. Statements are prepared under the names that the caller gives."""

    connection: psycopg.Connection[tuple[Any, ...]]
    _types: dict[int, SampleType] = field(default_factory=dict)
    _rows: dict[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    _names: dict[tuple[int, int], str] = field(default_factory=dict)

    @classmethod
    def open(cls, dsn: str, search_path: tuple[str, ...] = ()) -> JudgeSession:
        """Connect, with the app's search_path where it has one of its own."""
        connection = connect(dsn, application_name="migrate-safe check", prepare_threshold=None)
        connection.execute(
            f"SET statement_timeout = '{STATEMENT_TIMEOUT}'; SET lock_timeout = '{LOCK_TIMEOUT}'".encode()
        )
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute(_QUIET.encode())
        if search_path:
            connection.execute(f"SET search_path = {', '.join(map(quote_ident, search_path))}".encode())
        return cls(connection)

    def close(self) -> None:
        """End the session."""
        self.connection.close()

    def prepare(self, name: str, sql: str, types: tuple[str, ...] = ()) -> Description | Refusal:
        """Prepare a statement under a name, as drivers do, and describe it; "" leaves a type to the server."""
        self.settle()
        raw = self.connection.pgconn
        if any(types):
            declared = ", ".join(type_ or "unknown" for type_ in types)
            prepared = raw.exec_(f"PREPARE {quote_ident(name)} ({declared}) AS {sql}".encode())
        else:
            prepared = raw.prepare(name.encode(), sql.encode())
        if prepared.status not in _DONE:
            return refusal_of(prepared)
        found = raw.describe_prepared(name.encode())
        if found.status not in _DONE:
            return refusal_of(found)
        oids = tuple(found.param_type(i) for i in range(found.nparams))
        columns = tuple(
            ((found.fname(i) or b"").decode(), self._type_name(found.ftype(i), found.fmod(i)))
            for i in range(found.nfields)
        )
        return Description(tuple(self._type_name(oid, -1) for oid in oids), oids, columns)

    def attempt(self, name: str, runs: tuple[Values, ...]) -> Outcome:
        """Execute a prepared statement once per run in one transaction, and tell how the last run ended.

        One message holds it all. The transaction is left open and rolled back by the next attempt, or by `settle`.
        """
        raw = self.connection.pgconn
        before = () if raw.transaction_status == pq.TransactionStatus.IDLE else (_ROLLBACK,)
        executions = (_execution(name, values) for values in runs)
        result = raw.exec_("; ".join((*before, _BEGIN, *executions)).encode())
        if result.status not in _DONE:
            return Outcome(refusal_of(result))
        return Outcome(rows=result.command_tuples or 0)

    def settle(self) -> None:
        """Roll back what the last attempt did, so that no lock of it is left."""
        if self.connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
            self.connection.pgconn.exec_(_ROLLBACK.encode())

    def commit(self, name: str, values: Values) -> None:
        """Execute a prepared statement for good."""
        self.settle()
        self.connection.pgconn.exec_(_execution(name, values).encode())

    def sample_types(self, oids: tuple[int, ...]) -> tuple[SampleType, ...]:
        """Give the types of parameters as sampling needs them."""
        return tuple(self._sample_type(oid) for oid in oids)

    def literals(self, refusal: Refusal) -> tuple[str, ...]:
        """Give the literals in the rule that refused: a constraint's definition or the bounds of partitions."""
        if refusal.sqlstate != "23514":
            return ()
        self.settle()
        query, argument = (_RULES_BY_NAME, refusal.constraint) if refusal.constraint else (_BOUNDS, refusal.table)
        rows = self.connection.execute(query.encode(), (argument,)).fetchall()
        return tuple(dict.fromkeys(literal for (text,) in rows for literal in literals_in(text)))

    def columns_of(self, refusal: Refusal) -> frozenset[str]:
        """Give the columns that the constraint or unique index which refused is about."""
        self.settle()
        rows = self.connection.execute(_COLUMNS_OF_RULE.encode(), (refusal.table, refusal.constraint))
        return frozenset(column for (column,) in rows)

    def pools(self, sql: str, oids: tuple[int, ...]) -> tuple[Values, ...]:
        """Give for each parameter the values that rows of the tables named in the text have in columns of its type."""
        found: dict[str, dict[str, None]] = {}
        for oid, schema, table in self.connection.execute(_TABLES.encode(), (sql,)).fetchall():
            if oid not in self._rows:
                self._rows[oid] = self._read_rows(oid, Name(schema, table))
            for pool, text in self._rows[oid]:
                found.setdefault(pool, {})[text] = None
        return tuple(tuple(found.get(kind.pool, ()))[:POOL_SIZE] for kind in self.sample_types(oids))

    def _read_rows(self, oid: int, table: Name) -> tuple[tuple[str, str], ...]:
        """Give the values of the first rows of a table, each with the pool that it belongs to."""
        columns = self.connection.execute(_COLUMNS.encode(), (oid,)).fetchall()
        texts = ", ".join(f"{quote_ident(column)}::text" for column, _ in columns) or "NULL"
        rows = self.connection.execute(f"SELECT {texts} FROM {table} LIMIT {SEED_ROWS}".encode()).fetchall()
        pools = tuple(self._sample_type(kind).pool for _, kind in columns)
        return tuple((p, text) for row in rows for p, text in zip(pools, row, strict=False) if text is not None)

    def _type_name(self, oid: int, modifier: int) -> str:
        known = self._names.get((oid, modifier))
        if known is None:
            row = self.connection.execute("SELECT pg_catalog.format_type(%s, %s)", (oid, modifier)).fetchone()
            assert row is not None
            known = self._names[oid, modifier] = str(row[0])
        return known

    def _sample_type(self, oid: int) -> SampleType:
        known = self._types.get(oid)
        if known is not None:
            return known
        row = self.connection.execute(_TYPE.encode(), (oid,)).fetchone()
        if row is None:
            return SampleType("unknown")
        name, kind, category, element, base, labels = row
        if kind == "d":
            made = self._sample_type(base)
        else:
            inner = self._sample_type(element) if category == "A" and element else None
            made = SampleType(name, category, tuple(labels), inner)
        self._types[oid] = made
        return made


def refusal_of(result: pq.abc.PGresult) -> Refusal:
    """Read an error result as a value."""

    def say(which: pq.DiagnosticField) -> str:
        return (result.error_field(which) or b"").decode(errors="replace")

    position = say(pq.DiagnosticField.STATEMENT_POSITION)
    return Refusal(
        sqlstate=say(pq.DiagnosticField.SQLSTATE),
        message=say(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message.decode(errors="replace").strip(),
        position=int(position) if position else None,
        table=say(pq.DiagnosticField.TABLE_NAME),
        column=say(pq.DiagnosticField.COLUMN_NAME),
        constraint=say(pq.DiagnosticField.CONSTRAINT_NAME),
    )


def _execution(name: str, values: Values) -> str:
    """Write the statement that executes a prepared one; literals without a type become values of the parameters'."""
    given = f"({', '.join(map(quote_literal, values))})" if values else ""
    return f"EXECUTE {quote_ident(name)}{given}"
