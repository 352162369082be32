"""Bounds of partitions as values: FOR VALUES ... and DEFAULT, as statements write them and the server prints them."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct
from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import quote_ident, quote_literal
from migrate_safe.sql.expressions import columns_in
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk

Literal = str | None
"""A constant by its text, without its type; None for NULL."""


class Everything(Struct, frozen=True):
    """DEFAULT: whatever no other partition takes."""


class ListBound(Struct, frozen=True):
    """IN (...)."""

    values: tuple[Literal, ...]


class RangeBound(Struct, frozen=True):
    """FROM (...) TO (...), the upper end left out; MINVALUE and MAXVALUE stand for themselves."""

    low: tuple[str, ...]
    high: tuple[str, ...]


class HashBound(Struct, frozen=True):
    """WITH (MODULUS n, REMAINDER m)."""

    modulus: int
    remainder: int


Bound = Everything | ListBound | RangeBound | HashBound


class PartitionKey(Struct, frozen=True):
    """How a table is partitioned: `strategy` is list, range or hash; an expression among the columns is None.

    `mentioned` are all columns, those inside expressions too.
    """

    strategy: str
    columns: tuple[str | None, ...]
    mentioned: frozenset[str] = frozenset()


def bound_of(text: str) -> Bound | None:
    """Read `FOR VALUES ...` or `DEFAULT`; None where a value is no constant, or nothing can be read."""
    try:
        node = parse_tree(f"CREATE TABLE p PARTITION OF t {text}")[0].node.partbound
        return _bound(node)
    except (Unreadable, IndexError, ValueError):
        return None


def wrong_in_bound(text: str) -> str | None:
    """Say what may not stand in a bound, if there is any: a column, or a query."""
    if "FOR VALUES" not in text.upper() or bound_of(text) is not None:
        return None
    try:
        node = parse_tree(f"CREATE TABLE p PARTITION OF t {text}")[0].node.partbound
    except (Unreadable, IndexError):
        return None
    kinds = {kind_of(part) for part in walk(node)}
    if "SubLink" in kinds:
        return "a subquery"
    return "a column" if columns_in(node) - {"minvalue", "maxvalue"} else None


_ZONE = re.compile(r"(\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)[+-]\d\d(?::\d\d)*(?=')")


def canonical_bound(text: str) -> object:
    """Give a form of a bound that is the same for all spellings, for comparing only.

    A moment is shown with the time zone of whoever looks, and written without: only what the clock shows there counts.
    """
    found = bound_of(_ZONE.sub(r"\1", text))
    if isinstance(found, ListBound):
        return sorted(map(repr, found.values))
    return found if found is not None else " ".join(text.split())


def bound_sql(bound: Bound) -> str:
    """Write a bound; its constants stand in quotes, which fit every type."""
    match bound:
        case Everything():
            return "DEFAULT"
        case HashBound(modulus=modulus, remainder=remainder):
            return f"FOR VALUES WITH (MODULUS {modulus}, REMAINDER {remainder})"
        case ListBound(values=values):
            return f"FOR VALUES IN ({', '.join('NULL' if v is None else quote_literal(v) for v in values)})"
        case RangeBound(low=low, high=high):
            start, end = (", ".join(quote_literal(e[1:]) if e[0] == "=" else e for e in ends) for ends in (low, high))
            return f"FOR VALUES FROM ({start}) TO ({end})"


def partition_key_of(text: str) -> PartitionKey | None:
    """Read `RANGE (a, lower(b))`; None where it cannot be read."""
    try:
        node = parse_tree(f"CREATE TABLE t () PARTITION BY {text}")[0].node.partspec
    except (Unreadable, IndexError):
        return None
    strategy = str(pb.PartitionStrategy.Name(node.strategy)).removeprefix("PARTITION_STRATEGY_").lower()
    columns = tuple(inner(p).name or None for p in node.part_params)
    return PartitionKey(strategy, columns, columns_in(node) | {c for c in columns if c is not None})


def bound_expression(partition_key: str, bound: str) -> str | None:
    """Write the condition that DETACH CONCURRENTLY leaves behind; None for bounds over more than one plain column."""
    key, found = partition_key_of(partition_key), bound_of(bound)
    if key is None or len(key.columns) != 1 or key.columns[0] is None:
        return None
    column = quote_ident(key.columns[0])
    match found:
        case RangeBound(low=(low,), high=(high,)):
            ends = [f"{column} {op} {quote_literal(e[1:])}" for op, e in ((">=", low), ("<", high)) if e[0] == "="]
            return " AND ".join([f"{column} IS NOT NULL", *ends])
        case ListBound(values=values):
            given = [v for v in values if v is not None]
            elements = "{" + ",".join(map(_array_element, given)) + "}"
            listed = f"ANY ({quote_literal(elements)}::text[])" if len(given) > 1 else quote_literal("".join(given))
            word = "IS NULL OR" if None in values else "IS NOT NULL AND"
            return f"{column} {word} {column} = {listed}" if given else f"{column} IS NULL"
        case _:
            return None


def _array_element(value: str) -> str:
    """Write an element of an array as the server prints it: quoted where it has to be."""
    plain = value and value.upper() != "NULL" and not set(value) & set('{}",\\ \t\n')
    return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bound(node: Any) -> Bound:
    if node.is_default:
        return Everything()
    if node.strategy == "h":
        return HashBound(node.modulus, node.remainder)
    if node.strategy == "l":
        return ListBound(tuple(literal_of(inner(n)) for n in node.listdatums))
    return RangeBound(tuple(map(_end, node.lowerdatums)), tuple(map(_end, node.upperdatums)))


def _end(node: Any) -> str:
    part = inner(node)
    if kind_of(part) == "ColumnRef":
        word = str(inner(part.fields[0]).sval)
        if word in ("minvalue", "maxvalue"):
            return word.upper()
    value = literal_of(part)
    if value is None:
        raise ValueError("NULL is no end of a range")
    return f"={value}"


def literal_of(part: Any) -> Literal:
    """Give a constant's text, of casts and signs too; raise ValueError for what is no constant."""
    match kind_of(part):
        case "A_Const" if part.isnull:
            return None
        case "A_Const":
            which = part.WhichOneof("val")
            value = getattr(part, which)
            return ("true" if value.boolval else "false") if which == "boolval" else str(getattr(value, which))
        case "TypeCast":
            return literal_of(inner(part.arg))
        case "A_Expr" if len(part.name) == 1 and part.name[0].string.sval in "+-" and not part.HasField("lexpr"):
            sign = part.name[0].string.sval.replace("+", "")
            return f"{sign}{literal_of(inner(part.rexpr))}"
        case _:
            raise ValueError("no constant")
