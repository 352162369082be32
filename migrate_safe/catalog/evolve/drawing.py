"""Who takes values from which sequence: defaults of columns, and calls of nextval() and the like."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from migrate_safe.catalog.change import CannotApply, need_column, put, put_column
from migrate_safe.catalog.guesses import is_guess
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.presence import need_relation, surely_absent
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.schema import Column, Expr, Schema
from migrate_safe.model.statement import Draw
from migrate_safe.model.values import replace
from migrate_safe.sql.expressions import drawn_sequences

_DRAWN = re.compile(r"nextval\('(.+?)'")


def drawn_from(schema: Schema, column: Column) -> tuple[Name, ...]:
    """Give the sequences that the default of a column takes values from."""
    text = column.default.sql if column.default is not None else ""
    return tuple(schema.resolve(parse_name(n)) for n in _DRAWN.findall(text)) if "nextval" in text else ()


def sequence_users(schema: Schema, sequences: Collection[Name]) -> list[tuple[Name, str]]:
    """Give the columns whose defaults draw from any of the sequences."""
    if not sequences:
        return []
    return [
        (t.name, c.name)
        for t in schema.tables.values()
        for c in t.columns
        if any(n in sequences for n in drawn_from(schema, c))
    ]


def without_sequences(schema: Schema, gone: Collection[Name], spared: Collection[Name], *, cascade: bool) -> Schema:
    """Drop sequences; defaults that draw from them need CASCADE, but for those in tables that go as well."""
    if not gone:
        return schema
    for table, column in sequence_users(schema, gone):
        known = schema.tables[table].column(column)
        if table in spared or known is None:
            continue
        if not cascade:
            raise CannotApply(f"default of column {column!r} of {table} depends on a sequence that goes")
        schema = put(schema, put_column(schema.tables[table], replace(known, default=None)))
    return schema.with_sequences(gone=gone)


# ---- calls -----------------------------------------------------------------------------------


def sequences_of(schema: Schema, draw: Draw) -> list[Name]:
    """Give the sequence that a call draws from, if there may be one."""
    full = schema.resolve(draw.name)
    if surely_absent(schema, draw.name):
        return []
    if draw.column is not None:
        return [n for n, s in schema.sequences.items() if s.owner == (full, draw.column)]
    return [] if full not in schema.sequences and relation_exists(schema, full) else [full]


def refuse_draws(schema: Schema, draws: Iterable[Draw]) -> None:
    """Raise CannotApply for a call that is certainly made, of what is no sequence."""
    for draw in draws:
        if not draw.sure:
            continue
        full = need_relation(schema, draw.name)
        known = schema.tables.get(full)
        if draw.column is not None and known is not None:
            need_column(schema, known, draw.column)
        elif draw.column is None and full not in schema.sequences and _is_another(schema, full):
            raise CannotApply(f"{full} is not a sequence")


def refuse_absent(schema: Schema, relations: Iterable[Name]) -> None:
    """Raise CannotApply where a relation is not there that a literal names as regclass."""
    for name in relations:
        need_relation(schema, name)


def refuse_absent_sequences(schema: Schema, default: Expr | None) -> None:
    """Raise CannotApply for a default that draws from what is not there."""
    if default is not None and "nextval" in default.sql:
        refuse_absent(schema, (parse_name(n) for n in drawn_sequences(default.sql) if not n.isdigit()))


def _is_another(schema: Schema, name: Name) -> bool:
    return relation_exists(schema, name) and not is_guess(schema, name)
