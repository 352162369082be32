"""What the methods of indexes can do, and which operator classes they have."""

from __future__ import annotations

import re

from migrate_safe.catalog.change import CannotApply
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Index, Schema, Table

ORDERED = "btree"
_KNOWN_METHODS = frozenset("btree hash gin gist spgist brin".split())
_UNIQUE = frozenset({"btree"})
_INCLUDING = frozenset({"btree", "gist", "spgist"})
_SINGLE = frozenset({"hash", "spgist"})
_UNSORTED = frozenset({"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle", "xid", "cid"})
"""Types without a default operator class for btree."""
_OF_BOTH = """
    array bool bpchar bpchar_pattern bytea char cidr date enum float4 float8 inet int2 int4 int8 interval jsonb macaddr8
    macaddr multirange name numeric oid oidvector pg_lsn range record text text_pattern tid time timestamp timestamptz
    timetz uuid varchar varchar_pattern xid8
"""
_OPCLASSES = {
    "btree": frozenset((_OF_BOTH + "bit money record_image tsquery tsvector varbit").split()),
    "hash": frozenset((_OF_BOTH + "aclitem cid xid").split()),
    "gin": frozenset("array jsonb jsonb_path tsvector".split()),
    "gist": frozenset("box circle inet multirange point poly range tsquery tsvector".split()),
    "spgist": frozenset("box inet kd_point poly quad_point range text".split()),
}
"""The operator classes that every server has, without their common ending."""
_OF_BRIN = re.compile(r".+_(minmax|minmax_multi|bloom|inclusion)\Z")
_OPS = "_ops"


def refuse_method(schema: Schema, index: Index) -> None:
    """Refuse what an index method cannot do; extensions may bring methods that are not known here."""
    made = ("access method", Name(None, index.method)) in schema.things
    if index.method not in _KNOWN_METHODS and not made and not may_be_extended(schema):
        raise CannotApply(f"access method {index.method!r} does not exist")
    reasons = {
        "unique indexes": index.unique and index.method not in _UNIQUE and index.method in _KNOWN_METHODS,
        "included columns": bool(index.include) and index.method in _KNOWN_METHODS - _INCLUDING,
        "multicolumn indexes": len(index.keys) > 1 and index.method in _SINGLE,
    }
    for what, refused in reasons.items():
        if refused:
            raise CannotApply(f"access method {index.method!r} does not support {what}")


def may_be_extended(schema: Schema) -> bool:
    """Say whether extensions may have brought access methods and operator classes."""
    return not schema.complete or any(kind == "extension" and n.name != "plpgsql" for kind, n in schema.things)


def refuse_table_method(schema: Schema, method: str | None) -> None:
    """Refuse a method of storage that is one of indexes, or none at all."""
    if not method or method == "heap" or may_be_extended(schema):
        return
    if method in _KNOWN_METHODS:
        raise CannotApply(f"access method {method!r} is not one of tables")
    if ("access method", Name(None, method)) not in schema.things:
        raise CannotApply(f"access method {method!r} does not exist")


def refuse_opclasses(schema: Schema, index: Index) -> None:
    """Refuse an operator class that is of another method, or of none, unless somebody may have made one."""
    named = [k.opclass for k in index.keys if k.opclass is not None and "." not in k.opclass]
    if not named or may_be_extended(schema) or index.method not in _KNOWN_METHODS:
        return
    made = {n.name for kind, n in schema.things if kind == "operator class"}
    for name in named:
        if not _is_of_server(index.method, name) and f"{name} using {index.method}" not in made:
            raise CannotApply(f"operator class {name!r} does not exist for access method {index.method!r}")


def _is_of_server(method: str, opclass: str) -> bool:
    plain = opclass.removesuffix(_OPS)
    if plain == opclass:
        return False
    return _OF_BRIN.match(plain) is not None if method == "brin" else plain in _OPCLASSES[method]


def refuse_unsorted(schema: Schema, table: Table, index: Index) -> None:
    """Refuse a column whose type has no default operator class for the method of the index."""
    for key in index.keys:
        sorted_by = table.column(key.column) if key.column is not None and key.opclass is None else None
        lacking = _UNSORTED if index.method == ORDERED else _lacking(schema, index.method)
        if sorted_by is not None and not sorted_by.type.dimensions and sorted_by.type.name in lacking:
            raise CannotApply(f"data type {sorted_by.type} has no default operator class for {index.method!r}")


def _lacking(schema: Schema, method: str) -> frozenset[str]:
    if method not in ("gin", "gist", "spgist") or may_be_extended(schema):
        return frozenset()
    return _SCALARS - {"text", "character varying"} if method == "spgist" else _SCALARS


_SCALARS = frozenset(
    "smallint|integer|bigint|numeric|real|double precision|boolean|text|character varying|date|uuid|json|xml|"
    "timestamp without time zone|timestamp with time zone".split("|")
)
"""Types that gin, gist and spgist have no default operator class for without an extension."""
