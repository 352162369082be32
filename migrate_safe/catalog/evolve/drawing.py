"""Which columns take their default from which sequence."""

from __future__ import annotations

import re
from collections.abc import Collection

from migrate_safe.catalog.change import CannotApply, put, put_column
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.replacing import replace
from migrate_safe.model.schema import Column, Schema

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
