"""Fill the tables of a scratch database with typed rows: distinct where they must be, with foreign keys that hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from msgspec import Struct

from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.seed import seed
from migrate_safe.model.names import Name, quote_ident

_TABLES = """
SELECT n.nspname, c.relname
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate_safe') AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
_COLUMNS = """
SELECT a.attname, pg_catalog.format_type(t.oid, NULL), t.typcategory::text, t.typtype::text,
    CASE WHEN a.atttypid IN (1042, 1043) AND a.atttypmod > 4 THEN a.atttypmod - 4
        WHEN a.atttypid = 1700 AND a.atttypmod > 4
        THEN ((a.atttypmod - 4) >> 16) - (((a.atttypmod - 4) & 2047) # 1024) + 1024 END,
    EXISTS (SELECT FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey::int2[])),
    (SELECT ARRAY[fn.nspname, f.relname, fa.attname]::text[] FROM pg_catalog.pg_constraint AS k
        JOIN pg_catalog.pg_class AS f ON f.oid = k.confrelid
        JOIN pg_catalog.pg_namespace AS fn ON fn.oid = f.relnamespace
        CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u(here, there)
        JOIN pg_catalog.pg_attribute AS fa ON fa.attrelid = k.confrelid AND fa.attnum = u.there
        WHERE k.contype = 'f' AND k.conrelid = a.attrelid AND u.here = a.attnum ORDER BY k.oid LIMIT 1)
FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
"""
_BY_NAME = {
    "smallint": "(g % 32000)::smallint",
    "real": "g::real",
    "date": "date '2020-01-01' + (g % 3000)::int",
    "time without time zone": "time '00:00' + g * interval '1 second'",
    "interval": "g * interval '1 minute'",
    "uuid": "pg_catalog.gen_random_uuid()",
    "json": "pg_catalog.json_build_object('n', g)",
    "jsonb": "pg_catalog.jsonb_build_object('n', g)",
    "bytea": "pg_catalog.decode(pg_catalog.md5(g::text), 'hex')",
    "cidr": "(inet '10.0.0.0' + g)::cidr",
}

_FIRST = 10_001
"""The number of the first row that is made: above those of the sample rows."""

Connection = psycopg.Connection[tuple[Any, ...]]


class _Column(Struct, frozen=True):
    """`limit`: characters, or digits before the point. `far`: schema, table and column that it refers to."""

    name: str
    type: str
    category: str
    kind: str
    limit: int | None
    unique: bool
    far: list[str] | None


def fill(dsn: str, rows: int) -> Iterator[str]:
    """Bring every table that is empty to `rows` rows; yield what is worth knowing of those that take fewer.

    Two rows come from `seed`, which searches for values that CHECKs and triggers accept; the others follow them with
    values of their own by type, and where that is refused with those of the first row wherever nothing must be unique.
    """
    if rows <= 0:
        return
    with connect(dsn, prepare_threshold=None) as connection:
        connection.execute("SET statement_timeout = 0")
        tables = [Name(*row) for row in connection.execute(_TABLES).fetchall()]
        empty = {table for table in tables if _count(connection, table) == 0}
        seed(dsn)
        for table in _parents_first(connection, tables):
            if table in empty and (reason := _multiplied(connection, table, rows)):
                yield f"{table} has {_count(connection, table)} rows: {reason}"
        connection.execute("ANALYZE")


def _parents_first(connection: Connection, tables: Sequence[Name]) -> Iterator[Name]:
    waiting = {t: {Name(c.far[0], c.far[1]) for c in _columns(connection, t) if c.far} - {t} for t in tables}
    while waiting:
        free = [t for t, parents in waiting.items() if not parents & waiting.keys()] or [next(iter(waiting))]
        for table in free:
            del waiting[table]
            yield table


def _multiplied(connection: Connection, table: Name, rows: int) -> str:
    """Add the rows that are missing; give the server's reason where it takes none."""
    columns = _columns(connection, table)
    have = _count(connection, table)
    if not have:
        return "no sample row is accepted"
    reason = ""
    for varied in (columns, tuple(c for c in columns if c.unique or c.far)):
        try:
            connection.execute(_insert(table, columns, varied, have, rows).encode())
        except psycopg.Error as error:
            reason = error.diag.message_primary or str(error)
        else:
            return "" if _count(connection, table) >= rows else "their keys do not allow for more"
    return reason


def _insert(table: Name, columns: Sequence[_Column], varied: Sequence[_Column], have: int, rows: int) -> str:
    names = ", ".join(quote_ident(c.name) for c in columns)
    values = ", ".join(_value(c) if c in varied else f"one.{quote_ident(c.name)}" for c in columns)
    joins = "".join(_join(c) for c in varied if c.far is not None)
    last = _FIRST + rows - have - 1
    return (
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} "
        f"FROM (SELECT * FROM {table} LIMIT 1) AS one CROSS JOIN generate_series({_FIRST}, {last}) AS g{joins} "
        "ON CONFLICT DO NOTHING"
    )


def _join(column: _Column) -> str:
    """Give each new row a key of the table referred to, all of them in turn."""
    assert column.far is not None
    far, key, alias = Name(*column.far[:2]), quote_ident(column.far[2]), quote_ident(f"far {column.name}")
    numbered = f"SELECT {key} AS key, row_number() OVER () - 1 AS n FROM {far}"
    # the count is a query of its own: as a column of the join it would be compared for every pair of rows
    return f" LEFT JOIN ({numbered}) AS {alias} ON {alias}.n = g % (SELECT count(*) FROM {far})"


def _value(column: _Column) -> str:
    if column.far is not None:
        return f"{quote_ident(f'far {column.name}')}.key"
    return _of_type(column) or f"one.{quote_ident(column.name)}"


def _of_type(column: _Column) -> str:
    """Write the value of the row number `g`; empty for types of which only the sample is known."""
    if column.kind == "e":
        values = f"pg_catalog.enum_range(NULL::{column.type})"
        return f"({values})[1 + g % pg_catalog.cardinality({values})]"
    if column.type in _BY_NAME:
        return _BY_NAME[column.type]
    match column.category:
        case "N" if column.limit is not None:
            return f"(g % {10 ** min(max(column.limit, 0), 15)})::{column.type}"
        case "N":
            return f"g::{column.type}"
        case "S":
            text = "'s' || g"
            return f"right({text}, {column.limit})::{column.type}" if column.limit else f"({text})::{column.type}"
        case "B":
            return "g % 2 = 0"
        case "D":
            return f"(timestamptz '2020-01-01' + g * interval '1 minute')::{column.type}"
        case "I":
            return "inet '10.0.0.0' + g"
        case _:
            return ""


def _columns(connection: Connection, table: Name) -> tuple[_Column, ...]:
    rows = connection.execute(_COLUMNS, [str(table)]).fetchall()
    return tuple(_Column(*row) for row in rows)


def _count(connection: Connection, table: Name) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    return int(row[0]) if row is not None else 0
