"""The difference between two schemas, in words."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import without_temporary
from migrate_safe.catalog.describe import parts_of
from migrate_safe.catalog.describe_others import other_parts
from migrate_safe.catalog.part import Part
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema


def diff(a: Schema, b: Schema, tables: Iterable[Name] | None = None) -> tuple[str, ...]:
    """Say what `b` has that `a` has not, lacks, or has otherwise; of all tables where none are named.

    Two schemas without difference have the same fingerprint, and the other way round.
    """
    names = sorted(set(a.tables) | set(b.tables) if tables is None else {a.resolve(t) for t in tables})
    return tuple(line for name in names for line in _table_diff(a, b, name))


def differences(a: Schema, b: Schema) -> tuple[str, ...]:
    """Say everything that differs, also what no plan rests on and what is no table; but for what is temporary."""
    a, b = without_temporary(a), without_temporary(b)
    names = sorted(set(a.tables) | set(b.tables))
    tables = (line for name in names for line in _table_diff(a, b, name, everything=True))
    return (*tables, *_parts_diff(other_parts(a), other_parts(b)))


def _table_diff(a: Schema, b: Schema, name: Name, *, everything: bool = False) -> Iterable[str]:
    if (name in a.tables) != (name in b.tables):
        yield f"{'-' if name in a.tables else '+'} table {name}"
        return
    one, two = ([p for p in parts_of(schema, name) if p.rests or everything] for schema in (a, b))
    yield from _parts_diff(one, two)


def _parts_diff(one: Iterable[Part], two: Iterable[Part]) -> Iterable[str]:
    before, after = {p.key: p for p in one}, {p.key: p for p in two}
    for key in dict.fromkeys([*before, *after]):
        yield from _part_diff(before.get(key), after.get(key))


def _part_diff(before: Part | None, after: Part | None) -> Iterable[str]:
    if before is not None and after is not None:
        if before.meaning != after.meaning:
            yield f"~ {before.key}: {after.text} (was: {before.text})"
    elif before is not None:
        yield f"- {before.key}: {before.text}"
    elif after is not None:
        yield f"+ {after.key}: {after.text}"
