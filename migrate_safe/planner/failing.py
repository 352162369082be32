"""Expressions of indexes that may fail for a value that the table itself takes: then the index refuses writes.

Judged by their words: a cast of text or JSON to what not every text is, or a division by what may be 0.
"""

from __future__ import annotations

import re

from migrate_safe.model.schema import Expr, Index, Table

_LITERAL = re.compile(r"""'(?:[^']|'')*'(?:::[\w ]+(?:\([\d, ]+\))?)?""")
_CAST = re.compile(
    r"::(?!\s*\"?(?:text|character varying|varchar|bpchar|citext|name|jsonb?|regclass)\b)", re.IGNORECASE
)
_DIVISION = re.compile(r"[/%]\s*[a-z_\"(]", re.IGNORECASE)
_FREE = frozenset({"text", "character varying", "citext", "character", "bpchar", "json", "jsonb", "hstore"})


def may_fail(table: Table | None, index: Index) -> bool:
    """Say whether an expression or the predicate of an index may fail for a row."""
    found = (*(key.expression for key in index.keys), index.predicate)
    return any(_may_fail(table, e) for e in found if e is not None)


def _may_fail(table: Table | None, expression: Expr) -> bool:
    text = _LITERAL.sub("NULL", expression.sql)
    columns = [table.column(c) for c in expression.columns] if table is not None else []
    free = "->" in text or "#>" in text or any(c is not None and c.type.name in _FREE for c in columns)
    return _DIVISION.search(text) is not None or (free and _CAST.search(text) is not None)
