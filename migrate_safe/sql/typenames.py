"""Data types as format_type() spells them.

https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CATALOG
"""

from __future__ import annotations

from typing import Any

from migrate_safe.model.names import quote_ident, quote_literal
from migrate_safe.model.schema import TypeName
from migrate_safe.sql.names import dotted, strings
from migrate_safe.sql.tree import inner, kind_of

_SPELLING = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "varbit": "bit varying",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "char": '"char"',
}
SERIAL = {
    "smallserial": "smallint",
    "serial2": "smallint",
    "serial": "integer",
    "serial4": "integer",
    "bigserial": "bigint",
    "serial8": "bigint",
}
"""What the parser turns into an integer column with a sequence."""

# Bits of the server's interval masks, in the order in which format_type() names the fields.
_FIELDS = {"year": 2, "month": 1, "day": 3, "hour": 10, "minute": 11, "second": 12}
_ALL_FIELDS = 0x7FFF
_WITH_FRACTIONS = ("time", "timetz", "timestamp", "timestamptz")
_FINEST = 6
"""Digits of a second that are kept: for more the server gives a warning and takes these."""


def type_of(node: Any) -> TypeName:
    """Read a type name; the modifiers are normalised as the server stores them.

    `numeric(10)` is `numeric(10,0)`; `character` without a length is `character(1)`; the number of array
    dimensions is not kept by the server and is 1 for every array. A column of a partition that repeats its parent's
    has no type here: its name is empty.
    """
    parts = strings(node.names)
    if not parts:
        return TypeName("")
    builtin = len(parts) == 1 or parts[-2] == "pg_catalog"
    raw = parts[-1]
    modifiers = _modifiers(node)
    dimensions = 1 if node.array_bounds else 0
    if modifiers is None:
        return TypeName(f"{quote_ident(raw)}({_modifier_words(node)})", (), dimensions, None if builtin else parts[-2])
    if builtin and raw == "interval":
        name, modifiers = _interval(modifiers)
        return TypeName(name, modifiers, dimensions)
    if builtin and raw in _WITH_FRACTIONS:
        modifiers = tuple(min(m, _FINEST) for m in modifiers)
    if builtin and raw == "bpchar":
        return TypeName("character" if modifiers else "bpchar", modifiers, dimensions)
    if builtin and raw == "numeric" and len(modifiers) == 1:
        modifiers = (*modifiers, 0)
    if builtin:
        return TypeName(_SPELLING.get(raw, raw), modifiers, dimensions)
    return TypeName(raw, modifiers, dimensions, parts[-2])


def _modifiers(node: Any) -> tuple[int, ...] | None:
    """Give the numbers in parentheses, or None when some are not numbers: `geometry(Point,4326)`."""
    values = [inner(item) for item in node.typmods]
    if any(kind_of(value) != "A_Const" or not value.HasField("ival") for value in values):
        return None
    return tuple(int(value.ival.ival) for value in values)


def _modifier_words(node: Any) -> str:
    words = []
    for value in map(inner, node.typmods):
        match kind_of(value):
            case "ColumnRef":
                words.append(str(dotted(value.fields)))
            case "A_Const" if value.HasField("sval"):
                words.append(quote_literal(value.sval.sval))
            case "A_Const":
                words.append(str(value.ival.ival))
            case _:
                words.append("?")
    return ",".join(words)


def _interval(modifiers: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Spell the fields of an interval; the first modifier is a bit mask of them."""
    if not modifiers:
        return "interval", ()
    mask, precision = modifiers[0], modifiers[1:]
    precision = tuple(min(p, _FINEST) for p in precision)
    if mask == _ALL_FIELDS:
        return "interval", precision
    fields = [name for name, bit in _FIELDS.items() if mask & (1 << bit)]
    span = fields[0] if len(fields) == 1 else f"{fields[0]} to {fields[-1]}"
    return f"interval {span}", precision
