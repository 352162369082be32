"""What the catalog says of the tables that are to be filled: columns, rules, keys, and what they refer to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import psycopg
from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident

Connection = psycopg.Connection[tuple[Any, ...]]

_TABLES = """
SELECT c.oid, n.nspname, c.relname, coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid),
    pg_catalog.pg_get_partition_constraintdef(c.oid)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate_safe') AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 2, 3
"""
_LEAVES = "SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'r' AND oid = ANY(%s)"
_COLUMNS = """
SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated <> '',
    pg_catalog.pg_get_expr(d.adbin, d.adrelid),
    EXISTS (SELECT FROM pg_catalog.pg_index AS i WHERE i.indrelid = a.attrelid AND (i.indisunique OR i.indisexclusion)
        AND (a.attnum = ANY (i.indkey::int2[]) OR 0 = ANY (i.indkey::int2[])))
FROM pg_catalog.pg_attribute AS a
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""
_CHECKS = """
SELECT k.conrelid, pg_catalog.pg_get_expr(k.conbin, k.conrelid),
    ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))::text[],
    (SELECT pg_catalog.string_agg(p.prosrc, ' ') FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_proc AS p ON p.oid = d.refobjid
        WHERE d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = k.oid
            AND d.refclassid = 'pg_catalog.pg_proc'::regclass)
FROM pg_catalog.pg_constraint AS k WHERE k.contype = 'c' AND k.conrelid = ANY(%s) ORDER BY k.oid
"""
_KEYS = """
SELECT i.indrelid, ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = i.indrelid
    AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))::text[]
FROM pg_catalog.pg_index AS i
WHERE i.indrelid = ANY(%s) AND i.indisunique AND i.indpred IS NULL AND 0 <> ALL (i.indkey::int2[])
"""
_REFERENCES = """
SELECT k.conrelid, k.confrelid, k.confrelid::regclass::text,
    ARRAY(SELECT a.attname FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS u (number, place)
        JOIN pg_catalog.pg_attribute AS a ON (a.attrelid, a.attnum) = (k.conrelid, u.number) ORDER BY place)::text[],
    ARRAY(SELECT a.attname FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS u (number, place)
        JOIN pg_catalog.pg_attribute AS a ON (a.attrelid, a.attnum) = (k.confrelid, u.number) ORDER BY place)::text[]
FROM pg_catalog.pg_constraint AS k
WHERE k.contype = 'f' AND k.conrelid = ANY(%s)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)
ORDER BY k.oid
"""


class Column(Struct, frozen=True):
    """A column. `default` is its default or generation expression; `unique` says that an index keeps it distinct."""

    name: str
    type: int
    modifier: int
    required: bool
    generated: bool
    default: str | None
    unique: bool


class Check(Struct, frozen=True):
    """A rule that each row keeps to: an expression over columns. `hint` is the source of functions that it calls."""

    expression: str
    columns: frozenset[str]
    hint: str = ""


class Reference(Struct, frozen=True):
    """A foreign key: the table referred to and how SQL writes it; columns here and there, pair by pair."""

    parent: int
    far: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]


class Table(Struct, frozen=True):
    """A table that holds rows itself; `root` is the partitioned table that it is a part of, or itself."""

    oid: int
    name: Name
    root: int
    columns: tuple[Column, ...]
    checks: tuple[Check, ...]
    references: tuple[Reference, ...]
    keys: tuple[tuple[str, ...], ...]
    """Columns of unique indexes on all rows."""

    @property
    def written(self) -> tuple[Column, ...]:
        """Columns that an INSERT can give values for."""
        return tuple(c for c in self.columns if not c.generated)

    def column(self, name: str) -> Column:
        """Give the column of a name."""
        return next(c for c in self.columns if c.name == name)


class Family(Struct, frozen=True):
    """A table with all parts of it that hold rows: itself, or the leaves of its partitions."""

    root: int
    name: Name
    parts: tuple[Table, ...]

    @property
    def parents(self) -> frozenset[int]:
        """Tables that rows refer to, itself left out."""
        return frozenset(r.parent for part in self.parts for r in part.references) - self.members

    @property
    def needs(self) -> frozenset[int]:
        """Those of them that no row can do without."""
        return (
            frozenset(
                r.parent
                for part in self.parts
                for r in part.references
                if all(part.column(c).required for c in r.columns)
            )
            - self.members
        )

    @property
    def members(self) -> frozenset[int]:
        """The table and its parts."""
        return frozenset({self.root, *(part.oid for part in self.parts)})


def read_families(connection: Connection) -> tuple[Family, ...]:
    """Read all tables of the user's schemas, in the order of their names."""
    found = connection.execute(_TABLES).fetchall()
    names = {oid: Name(schema, table) for oid, schema, table, *_ in found}
    leaves = {oid for (oid,) in connection.execute(_LEAVES, [list(names)])}
    columns: defaultdict[int, list[Column]] = defaultdict(list)
    for oid, *column in connection.execute(_COLUMNS, [list(names)]):
        columns[oid].append(Column(*column))
    checks: defaultdict[int, list[Check]] = defaultdict(list)
    for oid, expression, over, hint in connection.execute(_CHECKS, [list(names)]):
        checks[oid].append(Check(expression, frozenset(over), hint or ""))
    references: defaultdict[int, list[Reference]] = defaultdict(list)
    for oid, parent, far, here, there in connection.execute(_REFERENCES, [list(names)]):
        references[oid].append(Reference(parent, far, tuple(here), tuple(there)))
    keys: defaultdict[int, list[tuple[str, ...]]] = defaultdict(list)
    for oid, over in connection.execute(_KEYS, [list(names)]):
        keys[oid].append(tuple(over))
    parts: defaultdict[int, list[Table]] = defaultdict(list)
    for oid, _, _, root, bounds in found:
        if bounds:
            checks[oid].append(Check(bounds, frozenset(_named_in(bounds, columns[oid]))))
        if oid in leaves:
            rules = tuple(_of_written(check, columns[oid]) for check in checks[oid])
            shape = (tuple(columns[oid]), rules, tuple(references[oid]), tuple(keys[oid]))
            table = Table(oid, names[oid], root, *shape)
            parts[root].append(table)
    return tuple(Family(oid, names[oid], tuple(parts[oid])) for oid, _, _, root, _ in found if oid == root)


def _of_written(check: Check, columns: list[Column]) -> Check:
    """Write a rule on generated columns as one on those that they are made of."""
    generated = [c for c in columns if c.generated and c.name in check.columns]
    if not generated:
        return check
    made = ", ".join(f"({c.default}) AS {quote_ident(c.name)}" for c in generated)
    over = {name for c in generated for name in _named_in(c.default or "", columns)}
    return Check(
        f"(SELECT {check.expression} FROM (SELECT {made}) AS made)",
        check.columns - {c.name for c in generated} | over,
        " ".join([check.hint, check.expression, *(c.default or "" for c in generated)]),
    )


def _named_in(expression: str, columns: list[Column]) -> Iterator[str]:
    """Give the columns that an expression seems to name: at least those that it does."""
    for column in columns:
        if re.search(rf'(?<![\w"]){re.escape(quote_ident(column.name))}(?![\w"])', expression):
            yield column.name
