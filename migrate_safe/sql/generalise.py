"""Queries whose driver wrote the values into the text, with parameters in their place again.

Only values that a driver binds are taken for such: rows of INSERT, what UPDATE sets, operands of comparisons, LIMIT.
What else is constant belongs to the query: output columns, arguments of functions, intervals, positions in ORDER BY.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from postgast import PgQueryError, fingerprint

from migrate_safe.sql.lexer import BLANK, tokens
from migrate_safe.sql.places import characters
from migrate_safe.sql.tree import Unreadable, fields, kind_of, parse_tree, walk

_FIXED = frozenset({"sort_clause", "group_clause", "distinct_clause", "type_name", "window_clause"})
_BOUND_IN = frozenset({"A_Expr", "List", "A_ArrayExpr"})
"""Messages whose constant operands are values."""
_LIMITS = frozenset({"limit_count", "limit_offset"})
_SMALL, _BIG = 2**31, 2**63
_NUMBER = re.compile(r"-?\s*(?:0[xXoObB][0-9A-Fa-f_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)")


class Generalised(Struct, frozen=True):
    """A query with `$n`; `types` are those that the server gives such constants, "" where it would infer one."""

    sql: str
    types: tuple[str, ...] = ()


def generalise(sql: str) -> Generalised:
    """Put parameters in the place of values; a query that has parameters, or cannot be read, stays as it is."""
    try:
        trees = parse_tree(sql)
    except Unreadable:
        return Generalised(sql)
    if len(trees) != 1 or any(kind_of(part) == "ParamRef" for part in walk(trees[0].node)):
        return Generalised(sql)
    places = sorted({place for place in _values(sql, trees[0].node) if place is not None})
    text, done, types = "", 0, list[str]()
    for start, end, type_ in places:
        types.append(type_)
        text += f"{sql[done:start]}${len(types)}"
        done = end
    return Generalised(text + sql[done:], tuple(types))


def shape(sql: str) -> str:
    """Give what two queries have in common that differ in constants and in the length of their lists only."""
    try:
        return str(fingerprint(sql).hex)
    except PgQueryError:  # what cannot be read has no shape but its text
        return sql


def _values(sql: str, node: Any) -> Iterator[tuple[int, int, str] | None]:
    spans = {t.start: t.end for t in tokens(sql) if t.kind not in BLANK}
    stack: list[tuple[Any, bool]] = [(node, False)]
    while stack:
        current, bound = stack.pop()
        if kind_of(current) == "A_Const":
            if bound:
                yield _place(sql, spans, current)
            continue
        if kind_of(current) == "TypeCast":
            if current.location >= 0:  # not a literal of a type, as in interval '1 day'
                stack += [(child, bound) for name, child in fields(current) if name == "arg"]
            continue
        stack += [
            (child, _holds_values(current, name, bound=bound)) for name, child in fields(current) if name not in _FIXED
        ]


def _holds_values(message: Any, field: str, *, bound: bool) -> bool:
    """Say whether a constant in that field of a message is a value."""
    match kind_of(message):
        case "SelectStmt":
            return field in _LIMITS or field == "values_lists"
        case "UpdateStmt" | "OnConflictClause" | "MergeWhenClause":
            return field in ("target_list", "values")
        case "ResTarget":
            return bound and field == "val"
        case kind:
            return kind in _BOUND_IN


def _place(sql: str, spans: dict[int, int], constant: Any) -> tuple[int, int, str] | None:
    """Give start and end of a constant in the text, and its type; None for one that no driver writes for a value."""
    kind = constant.WhichOneof("val")
    if kind not in ("ival", "fval", "sval"):
        return None
    start = characters(sql, constant.location)
    if kind == "sval":
        return (start, spans[start], "") if start in spans else None
    number = _NUMBER.match(sql, start)
    return None if number is None else (start, number.end(), _numeric_type(number.group()))


def _numeric_type(text: str) -> str:
    try:
        number = int("".join(text.split()))
    except ValueError:
        return "numeric"
    return "integer" if -_SMALL <= number < _SMALL else "bigint" if -_BIG <= number < _BIG else "numeric"
