"""Whether a table has a TOAST table; what is set for one that is not there is taken and forgotten."""

from __future__ import annotations

from migrate_safe.catalog.change import certain, known_type
from migrate_safe.catalog.evolve.column_types import usual_storage
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Generated, Schema, Table, TypeName
from migrate_safe.model.values import replace

_THRESHOLD = 2032
"""Bytes that a row of a table with pages of 8 kB may have before some of it has to go elsewhere."""
_HEADER = 24
_FIXED = 16
"""Bytes that a value of a type of fixed length takes at most, but for the 64 of name."""
_BYTES_PER_CHARACTER = 4


def without_lost_options(schema: Schema, table: Table) -> Table:
    """Leave out the parameters of a TOAST table where the table has none, as its columns tell."""
    if (
        not any(k.startswith("toast.") for k, _ in table.options)
        or not certain(schema, table)
        or needs_toast(schema, table)
    ):
        return table
    return replace(table, options=tuple(o for o in table.options if not o[0].startswith("toast.")))


def needs_toast(schema: Schema, table: Table) -> bool:
    """Say whether rows may grow so long that the server makes a TOAST table.

    A type of which nothing is known here may be of any length.
    """
    kept = [_plainly(schema, c) for c in table.columns if c.generated is not Generated.VIRTUAL]
    stored_apart = [c for c in kept if usual_storage(c) != "PLAIN" and "SET STORAGE PLAIN" not in c.settings]
    longest = [_longest(c) for c in kept]
    known = [n for n in longest if n is not None]
    return bool(stored_apart) and (len(known) < len(longest) or _HEADER + sum(known) > _THRESHOLD)


def _plainly(schema: Schema, column: Column) -> Column:
    """Give a column of an enum or a domain with a type of the same storage."""
    name = Name(known_type(schema, column.type).schema, column.type.name)
    if column.type.dimensions:
        return column
    if name in schema.enums:
        return replace(column, type=TypeName("integer"))
    if name in schema.domains:
        return _plainly(schema, replace(column, type=schema.domains[name].base))
    return column


def _longest(column: Column) -> int | None:
    """Give the bytes that a value takes at most, None where there is no limit."""
    kind, modifiers = column.type, column.type.modifiers
    if usual_storage(column) == "PLAIN":
        return 64 if kind.name == "name" else _FIXED
    if kind.dimensions or not modifiers:
        return None
    match kind.name:
        case "character varying" | "character":
            return modifiers[0] * _BYTES_PER_CHARACTER + 8
        case "numeric":
            return modifiers[0] + 16
        case "bit" | "bit varying":
            return modifiers[0] // 8 + 16
        case _:
            return None
