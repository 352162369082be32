"""Put sample rows into the tables of a scratch database, so that foreign keys hold and UPDATEs find a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import psycopg
from msgspec import Struct

from migrate_safe.adapters.judge_session import JudgeSession
from migrate_safe.compat.answers import Refusal
from migrate_safe.compat.samples import SEED_ROWS
from migrate_safe.compat.sampling import find_row
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.values import replace

_COLUMNS = """
SELECT n.nspname, c.relname, a.attname, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', a.atttypid,
       CASE WHEN a.atttypid IN (1042, 1043) AND a.atttypmod > 4 THEN a.atttypmod - 4
            WHEN a.atttypid = 1700 AND a.atttypmod > 4
            THEN ((a.atttypmod - 4) >> 16) - (((a.atttypmod - 4) & 2047) # 1024) + 1024
       END
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attgenerated = ''
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate_safe') AND n.nspname !~ '^pg_'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY n.nspname, c.relname, a.attnum
"""

_REFERENCES = """
SELECT n.nspname, c.relname, rn.nspname, r.relname,
       ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place)
               JOIN pg_catalog.pg_attribute a ON (a.attrelid, a.attnum) = (k.conrelid, u.number)
              ORDER BY place)::text[],
       ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS u (number, place)
               JOIN pg_catalog.pg_attribute a ON (a.attrelid, a.attnum) = (k.confrelid, u.number)
              ORDER BY place)::text[]
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
  JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
 WHERE k.contype = 'f' AND k.conrelid <> k.confrelid
"""

_IS_TABLE = "SELECT FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(%s) AND relkind IN ('r', 'p')"

Connection = psycopg.Connection[tuple[Any, ...]]


class _Column(Struct, frozen=True):
    """`demanded`: not null and without a default. `limit`: characters, or digits before the point."""

    name: str
    demanded: bool
    type: int
    limit: int | None


class _Reference(Struct, frozen=True):
    """A foreign key to another table: columns here and there, pair by pair."""

    parent: Name
    columns: tuple[str, ...]
    keys: tuple[str, ...]


class _Table(Struct, frozen=True):
    name: Name
    columns: tuple[_Column, ...]
    references: tuple[_Reference, ...]

    @property
    def parents(self) -> frozenset[Name]:
        return frozenset(reference.parent for reference in self.references)

    def needs(self, missing: Collection[Name]) -> int:
        """Count the references to missing tables that a row cannot do without."""
        demanded = {column.name for column in self.columns if column.demanded}
        return sum(1 for r in self.references if r.parent in missing and demanded.issuperset(r.columns))


def seed(dsn: str, wanted: Collection[Name] = ()) -> tuple[Name, ...]:
    """Give empty tables two rows, parents before children, and return the tables that took none.

    `wanted` names relations as queries do; they and what they refer to get rows, every table where it is empty or names
    something that is no table. A table that takes none (a trigger, a rule that no sample value satisfies) stays empty.
    """
    session = JudgeSession.open(dsn)
    try:
        tables = _in_order(_needed(_tables(session.connection), wanted))
        empty = [table for table in tables if not _has_rows(session.connection, table.name)]
        failed = [table for table in empty if not _filled(session, table)]
        return tuple(table.name for table in failed if not _filled(session, table))
    finally:
        session.close()


def empty_tables(connection: Connection, names: Collection[Name]) -> tuple[Name, ...]:
    """Remove the rows of tables and of those that refer to them, and return the names that are tables here."""
    known = tuple(name for name in names if connection.execute(_IS_TABLE.encode(), (str(name),)).rowcount)
    if known:
        connection.execute(f"TRUNCATE {', '.join(map(str, known))} CASCADE".encode())
    return known


def _tables(connection: Connection) -> dict[Name, _Table]:
    """Read all tables of the user's schemas."""
    columns: dict[Name, list[_Column]] = {}
    for schema, table, *column in connection.execute(_COLUMNS.encode()):
        columns.setdefault(Name(schema, table), []).append(_Column(*column))
    references: dict[Name, list[_Reference]] = {}
    for schema, table, far_schema, far, here, there in connection.execute(_REFERENCES.encode()):
        found = _Reference(Name(far_schema, far), tuple(here), tuple(there))
        references.setdefault(Name(schema, table), []).append(found)
    return {name: _Table(name, tuple(found), tuple(references.get(name, ()))) for name, found in columns.items()}


def _needed(tables: dict[Name, _Table], wanted: Collection[Name]) -> dict[Name, _Table]:
    """Keep the tables that queries name, and those that these refer to."""
    names = {name.name for name in wanted}
    if not names <= {name.name for name in tables}:
        return tables
    todo = [name for name in tables if name.name in names] if names else list(tables)
    kept: dict[Name, _Table] = {}
    while todo:
        name = todo.pop()
        if name in tables and name not in kept:
            kept[name] = tables[name]
            todo.extend(tables[name].parents)
    return kept


def _in_order(tables: dict[Name, _Table]) -> Iterator[_Table]:
    """Give referenced tables first; in a circle, one that can do without a parent and that most others wait for."""
    waiting = dict(sorted(tables.items()))
    while waiting:
        free = [table for table in waiting.values() if not table.parents & waiting.keys()]
        awaited = Counter(parent for table in waiting.values() for parent in table.parents)
        chosen = free or [min(waiting.values(), key=lambda one: (one.needs(waiting), -awaited[one.name]))]
        for table in chosen:
            yield waiting.pop(table.name)


def _has_rows(connection: Connection, table: Name) -> bool:
    return connection.execute(f"SELECT FROM {table} LIMIT 1".encode()).fetchone() is not None


def _filled(session: JudgeSession, table: _Table) -> bool:
    """Insert the rows, with a value in every column or, where that fails, only in those that demand one.

    A column that refers to an empty table is left out where it may be.
    """
    barren = [r for r in table.references if not _has_rows(session.connection, r.parent)]
    hopeless = {column for reference in barren for column in reference.columns}
    most = tuple(column for column in table.columns if column.demanded or column.name not in hopeless)
    least = tuple(column for column in table.columns if column.demanded)
    return _inserted(session, table, most) or _inserted(session, table, least)


def _inserted(session: JudgeSession, table: _Table, columns: tuple[_Column, ...]) -> bool:
    name = f"seed {table.name}"
    if isinstance(session.prepare(name, _insert(table.name, tuple(c.name for c in columns))), Refusal):
        return False
    types = tuple(
        replace(kind, limit=column.limit)
        for kind, column in zip(session.sample_types(tuple(c.type for c in columns)), columns, strict=True)
    )
    done = 0
    for row in range(1, SEED_ROWS + 1):
        known = _keys_of_parents(session.connection, table, row)
        given = tuple(known.get(column.name) for column in columns)
        values = find_row(types, row, given, lambda runs: session.attempt(name, runs), session.literals)
        session.settle()
        if values is not None:
            session.commit(name, values)
            done += 1
    session.settle()
    session.connection.execute(f"DEALLOCATE {quote_ident(name)}".encode())
    return done > 0


def _keys_of_parents(connection: Connection, table: _Table, row: int) -> dict[str, str]:
    """Give for each referring column the value that the parent's row of that number has."""
    found: dict[str, str] = {}
    for reference in table.references:
        keys = ", ".join(f"{quote_ident(key)}::text" for key in reference.keys)
        query = f"SELECT {keys} FROM {reference.parent} ORDER BY ctid LIMIT 1 OFFSET {row - 1}"
        values = connection.execute(query.encode()).fetchone() or ()
        found |= {c: v for c, v in zip(reference.columns, values, strict=False) if v is not None}
    return found


def _insert(table: Name, columns: tuple[str, ...]) -> str:
    if not columns:
        return f"INSERT INTO {table} DEFAULT VALUES"
    names = ", ".join(map(quote_ident, columns))
    marks = ", ".join(f"${i}" for i in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({marks})"
