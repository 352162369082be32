"""Built-in functions, casts and operators whose value hangs on the session: on its time zone, on its formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate_safe.sql.names import dotted, strings
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk
from migrate_safe.sql.typenames import type_of

_ZONED = "timestamp with time zone"
_TIMES = frozenset({"date", "timestamp without time zone", _ZONED, "time without time zone", "time with time zone"})
_TEXTS = frozenset({"text", "character varying", "character"})
_DATED = frozenset({"date", "timestamp without time zone"})
_OF_ZONED = frozenset({"date", "date_trunc", "extract", "date_part"})
"""Functions that are immutable of a timestamp, but not of one with time zone; with a zone as the last argument too."""


def session_bound(expression: str, types: Mapping[str, str]) -> str | None:
    """Say what in an expression is not immutable by the types of columns, or None; of other values nothing is known.

    `types` gives columns of built-in types: column -> type.
    """
    try:
        node = parse_tree(f"SELECT {expression}\n")[0].node
    except (Unreadable, IndexError):
        return None
    return next((said for part in walk(node) if (said := _bound(part, types)) is not None), None)


def _bound(part: Any, types: Mapping[str, str]) -> str | None:
    match kind_of(part):
        case "TypeCast":
            old, new = _type(inner(part.arg), types), type_of(part.type_name)
            return f"the cast from {old} to {new}" if not new.dimensions and _is_bound(old, new.name) else None
        case "FuncCall":
            return _call(part, types)
        case "A_Expr" if strings(part.name)[-1:] in (("+",), ("-",)):
            sides = {_type(inner(side), types) for side in (part.lexpr, part.rexpr)}
            return f"{_ZONED} {strings(part.name)[-1]} interval" if sides == {_ZONED, "interval"} else None
        case _:
            return None


def _call(part: Any, types: Mapping[str, str]) -> str | None:
    called, arguments = dotted(part.funcname), [_type(inner(a), types) for a in part.args]
    name = called.name if called.schema in (None, "pg_catalog") else ""
    if name == "to_tsvector" and len(arguments) == 1:
        return "to_tsvector of one argument"
    zoned = name in _OF_ZONED and len(arguments) < 3 and arguments[-1:] == [_ZONED]
    return f"{name} of {_ZONED}" if zoned else None


def _is_bound(old: str | None, new: str) -> bool:
    """Say whether a cast reads or writes by the settings of the session."""
    if old == _ZONED:
        return new != _ZONED and new in _TIMES | _TEXTS
    if old in _DATED:
        return new == _ZONED or new in _TEXTS
    return old in _TEXTS and new in _TIMES


def _type(node: Any, types: Mapping[str, str]) -> str | None:
    """Give the type of a value that is a column, a cast, or a text out of JSON."""
    match kind_of(node):
        case "ColumnRef":
            return types.get(strings(node.fields)[-1]) if strings(node.fields) else None
        case "TypeCast":
            return type_of(node.type_name).name
        case "A_Expr" if strings(node.name) in (("->>",), ("#>>",)):
            return "text"
        case _:
            return None
