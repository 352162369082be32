"""Which texts a statement surely gives to columns, or compares with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.sql.names import strings
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk

_DERIVED = frozenset({"RangeSubselect", "CommonTableExpr"})
_COMPARING = frozenset({"=", "<>", "<", ">", "<=", ">="})


def texts_of_columns(sql: str, columns: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """Give pairs of a column and a plain text that a statement gives it or compares it with.

    `columns` are those of the table that it writes, for an INSERT that names none. Where subqueries in FROM or WITH
    make columns of their own nothing can be told.
    """
    try:
        parts = [part for tree in parse_tree(sql) for part in walk(tree.node)]
    except Unreadable:
        return frozenset()
    if any(kind_of(part) in _DERIVED for part in parts):
        return frozenset()
    pairs = [(name, value) for part in parts for name, value in _pairs(part, columns)]
    return frozenset((n, v.sval.sval) for n, v in pairs if n and kind_of(v) == "A_Const" and v.HasField("sval"))


def _pairs(part: Any, columns: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    match kind_of(part):
        case "InsertStmt":
            named = [inner(item).name for item in part.cols] or columns
            for row in inner(part.select_stmt).values_lists if part.HasField("select_stmt") else ():
                yield from zip(named, map(inner, inner(row).items), strict=False)
        case "MergeWhenClause" if part.values:
            named = [inner(item).name for item in part.target_list] or columns
            yield from zip(named, map(inner, part.values), strict=False)
        case "UpdateStmt" | "OnConflictClause" | "MergeWhenClause":
            yield from ((inner(item).name, inner(inner(item).val)) for item in part.target_list)
        case "AlterTableCmd" if part.subtype == pb.AT_ColumnDefault:
            yield part.name, inner(getattr(part, "def"))
        case "ColumnDef":
            defaults = (c for c in map(inner, part.constraints) if c.contype == pb.CONSTR_DEFAULT)
            yield from ((part.colname, inner(c.raw_expr)) for c in defaults)
        case "A_Expr" if part.kind in (pb.AEXPR_OP, pb.AEXPR_IN) and strings(part.name)[-1] in _COMPARING:
            yield from _compared(inner(part.lexpr), inner(part.rexpr))
        case _:
            return


def _compared(left: Any, right: Any) -> Iterator[tuple[str, Any]]:
    for column, value in ((left, right), (right, left)):
        last = inner(column.fields[-1]) if kind_of(column) == "ColumnRef" else None
        if last is not None and kind_of(last) == "String":
            yield from ((last.sval, v) for v in (map(inner, value.items) if kind_of(value) == "List" else (value,)))
