"""The difference between two schemas, in words."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from migrate_safe.catalog.change import without_temporary
from migrate_safe.catalog.describe import parts_of
from migrate_safe.catalog.describe_others import other_parts
from migrate_safe.catalog.part import Part
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema


class Change(Struct, frozen=True):
    """One part that is there, gone, or otherwise: `key` names it, `line` says how it differs."""

    key: str
    line: str


def diff(a: Schema, b: Schema, tables: Iterable[Name] | None = None) -> tuple[str, ...]:
    """Say what `b` has that `a` has not, lacks, or has otherwise; of all tables where none are named.

    Two schemas without difference have the same fingerprint, and the other way round.
    """
    names = sorted(set(a.tables) | set(b.tables) if tables is None else {a.resolve(t) for t in tables})
    return tuple(change.line for name in names for change in _table_diff(a, b, name))


def changes(a: Schema, b: Schema, tables: Iterable[Name]) -> tuple[Change, ...]:
    """Give the differences that `diff` says of some tables, each with the part that differs."""
    return tuple(change for name in sorted({a.resolve(t) for t in tables}) for change in _table_diff(a, b, name))


def differences(a: Schema, b: Schema) -> tuple[str, ...]:
    """Say everything that differs, also what no plan rests on and what is no table; but for what is temporary."""
    a, b = without_temporary(a), without_temporary(b)
    names = sorted(set(a.tables) | set(b.tables))
    tables = (change for name in names for change in _table_diff(a, b, name, everything=True))
    return tuple(change.line for change in (*tables, *part_changes(other_parts(a), other_parts(b))))


def known_differences(a: Schema, b: Schema, start: Schema) -> tuple[str, ...]:
    """Say what differs in tables, and in parts that are no tables, that are in `start` already."""
    a, b = without_temporary(a), without_temporary(b)
    known = {part.key for part in other_parts(start)}
    others = part_changes(other_parts(a), other_parts(b))
    return (*diff(a, b, start.tables), *(change.line for change in others if change.key in known))


def part_changes(one: Iterable[Part], two: Iterable[Part]) -> Iterable[Change]:
    """Give the differences between two lists of parts."""
    before, after = {p.key: p for p in one}, {p.key: p for p in two}
    for key in dict.fromkeys([*before, *after]):
        line = _difference(before.get(key), after.get(key))
        if line is not None:
            yield Change(key, line)


def _table_diff(a: Schema, b: Schema, name: Name, *, everything: bool = False) -> Iterable[Change]:
    if (name in a.tables) != (name in b.tables):
        key = f"table {name}"
        yield Change(key, f"{'-' if name in a.tables else '+'} {key}")
        return
    one, two = ([p for p in parts_of(schema, name) if p.rests or everything] for schema in (a, b))
    yield from part_changes(one, two)


def _difference(before: Part | None, after: Part | None) -> str | None:
    if before is not None and after is not None:
        same = before.meaning == after.meaning
        return None if same else f"~ {before.key}: {after.text} (was: {before.text})"
    if before is not None:
        return f"- {before.key}: {before.text}"
    return None if after is None else f"+ {after.key}: {after.text}"
