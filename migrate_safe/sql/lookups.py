"""Which rows a data statement goes through: the relations of its FROM, and the columns that WHERE sets to values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.sql.names import name_of
from migrate_safe.sql.relations import range_vars
from migrate_safe.sql.tree import inner, kind_of, walk

_PROBES = frozenset({"SubLink"})
_SWAPPED = {"<": ">", ">": "<", "<=": ">", ">=": "<"}
_ONE_OF = frozenset({pb.AEXPR_OP, pb.AEXPR_IN, pb.AEXPR_OP_ANY})


def sources_of(whole: Any, target: Name) -> tuple[Name, ...]:
    """Give the relations beside the target whose rows a statement goes through: those in FROM, USING and WITH.

    What subqueries in conditions and values name is looked up, not gone through.
    """
    if kind_of(whole) == "InsertStmt" and not whole.HasField("with_clause") and not is_query(whole):
        return ()  # quickly: files that fill tables have the longest statements of all
    found = [name_of(relation) for relation in range_vars(whole, without=_PROBES)]
    found.remove(target)
    return tuple(dict.fromkeys(found))


def pinned_columns(node: Any) -> frozenset[str]:
    """Give the columns that WHERE compares with `=`, IN or ANY to values that do not come from the same relation.

    The relation is the target of UPDATE and DELETE, and the only one in the FROM of INSERT ... SELECT.
    """
    where, own = _condition(node)
    return _pinned(where, own) if where is not None else frozenset()


def is_ranged(node: Any) -> bool:
    """Say whether WHERE gives a column of the relation a lower and an upper end, by values that come from elsewhere."""
    where, own = _condition(node)
    ends = set(_ends(where, own)) if where is not None else set()
    return any((column, ">") in ends for column, operator in ends if operator == "<")


def _condition(node: Any) -> tuple[Any, frozenset[str]]:
    """Give the WHERE of a statement, or None, and the names by which it speaks of the relation whose rows are meant."""
    query = inner(node.select_stmt) if kind_of(node) == "InsertStmt" else node
    match kind_of(query):
        case "UpdateStmt" | "DeleteStmt":
            relation = query.relation
        case "SelectStmt":
            relation = _only_source(query)
        case _:
            relation = None
    if relation is None or not query.HasField("where_clause"):
        return None, frozenset()
    return inner(query.where_clause), frozenset({"", relation.alias.aliasname or relation.relname})


def is_query(insert: Any) -> bool:
    """Say whether the rows of an INSERT come from a query, not from VALUES."""
    return insert.HasField("select_stmt") and not inner(insert.select_stmt).values_lists


def _only_source(select: Any) -> Any:
    sources = [inner(item) for item in select.from_clause]
    return sources[0] if len(sources) == 1 and kind_of(sources[0]) == "RangeVar" else None


def _pinned(condition: Any, own: frozenset[str]) -> frozenset[str]:
    """Follow AND, of which each arm pins, and OR, which pins what all its arms do."""
    match kind_of(condition):
        case "BoolExpr" if condition.boolop == pb.AND_EXPR:
            return frozenset[str]().union(*(_pinned(inner(arm), own) for arm in condition.args))
        case "BoolExpr" if condition.boolop == pb.OR_EXPR:
            first, *rest = (_pinned(inner(arm), own) for arm in condition.args)
            return first.intersection(*rest)
        case "A_Expr" if condition.kind in _ONE_OF and condition.name[-1].string.sval == "=":
            return _compared(inner(condition.lexpr), inner(condition.rexpr), own)
        case _:
            return frozenset()


def _ends(condition: Any, own: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Give the columns that have a lower (`>`) or an upper end (`<`) by AND."""
    match kind_of(condition):
        case "BoolExpr" if condition.boolop == pb.AND_EXPR:
            for arm in condition.args:
                yield from _ends(inner(arm), own)
        case "A_Expr" if condition.kind == pb.AEXPR_OP and condition.name[-1].string.sval in _SWAPPED:
            operator = condition.name[-1].string.sval[0]
            left, right = inner(condition.lexpr), inner(condition.rexpr)
            yield from ((column, operator) for column in _given(left, right, own))
            yield from ((column, _SWAPPED[operator]) for column in _given(right, left, own))
        case _:
            return


def _compared(left: Any, right: Any, own: frozenset[str]) -> frozenset[str]:
    return _given(left, right, own) or _given(right, left, own)


def _given(column: Any, value: Any, own: frozenset[str]) -> frozenset[str]:
    """Give the column where the value does not come from rows of the relation."""
    if _qualifier(column) not in own or _needs_rows(value, own):
        return frozenset()
    return frozenset({inner(column.fields[-1]).sval})


def _needs_rows(value: Any, own: frozenset[str]) -> bool:
    """Say whether a value differs from row to row, or stands for many; a query of its own gives one for all."""
    if kind_of(value) == "SubLink" and value.sub_link_type == pb.EXPR_SUBLINK:
        within = {relation.alias.aliasname or relation.relname for relation in range_vars(value)}
        return any(_qualifier(part) in own - within - {""} for part in walk(value))
    return any(kind_of(part) == "SubLink" or _qualifier(part) in own for part in walk(value))


def _qualifier(part: Any) -> str | None:
    """Give the name before a column's, "" where it has none; None for what is no column."""
    if kind_of(part) != "ColumnRef":
        return None
    names = [inner(field) for field in part.fields]
    if any(kind_of(name) != "String" for name in names):
        return None
    return str(names[-2].sval) if len(names) > 1 else ""
