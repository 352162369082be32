"""Data statements as the SELECTs they contain: what an UPDATE or INSERT reads, in a form any resolver understands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.sql.dml import WRITES
from migrate_safe.sql.tree import inner, kind_of


def reading_selects(node: Any) -> tuple[Any, ...]:
    """Give SELECT nodes that together read what a statement reads, with the WITH clause it has.

    A writing query inside WITH is replaced by a SELECT of what it returns, and its own reads are given besides.
    """
    clause = node.with_clause if node.HasField("with_clause") else None
    writers = [w for w in map(_cte_query, clause.ctes if clause is not None else ()) if kind_of(w) in WRITES]
    selects = [s for w in writers for s in _parts(w)] + list(_parts(node))
    reading = _reading_with(clause)
    return tuple(_with(select, reading) for select in selects)


def _cte_query(item: Any) -> Any:
    return inner(inner(item).ctequery)


def _reading_with(clause: Any) -> Any:
    """Copy a WITH clause, each writing query replaced by a SELECT of what it returns."""
    if clause is None:
        return None
    copy = pb.WithClause()
    copy.CopyFrom(clause)
    for item in copy.ctes:
        cte = inner(item)
        query = inner(cte.ctequery)
        if kind_of(query) in WRITES:
            returned = _returned(query)
            cte.ctequery.Clear()
            cte.ctequery.select_stmt.CopyFrom(returned)
    return copy


def _with(select: Any, clause: Any) -> Any:
    copy = pb.SelectStmt()
    copy.CopyFrom(select)
    if clause is not None:
        copy.with_clause.CopyFrom(clause)
    return copy


def _parts(node: Any) -> Iterable[Any]:
    """Give the SELECTs of one statement, without its WITH."""
    match kind_of(node):
        case "SelectStmt":
            yield node
        case "UpdateStmt":
            yield _select(_values(node.target_list), [_item(node.relation), *node.from_clause], _where(node))
            yield _returned(node)
        case "DeleteStmt":
            yield _select([], [_item(node.relation), *node.using_clause], _where(node))
            yield _returned(node)
        case "MergeStmt":
            yield _merge(node)
        case "InsertStmt":
            if node.HasField("select_stmt"):
                yield inner(node.select_stmt)
            if node.HasField("on_conflict_clause"):
                yield _conflict(node)
            yield _returned(node)


def _returned(node: Any) -> Any:
    """Give a SELECT of what RETURNING gives; without one it gives nothing."""
    sources = {"UpdateStmt": "from_clause", "DeleteStmt": "using_clause"}
    further = getattr(node, sources[kind_of(node)]) if kind_of(node) in sources else ()
    if kind_of(node) == "MergeStmt":
        further = [node.source_relation]
    outputs = node.returning_clause.exprs if node.HasField("returning_clause") else ()
    return _select(list(outputs), [_item(node.relation), *further], [])


def _conflict(node: Any) -> Any:
    """Read ON CONFLICT: its expressions see the table and the row `excluded`."""
    excluded = pb.RangeVar()
    excluded.CopyFrom(node.relation)
    excluded.alias.aliasname = "excluded"
    clause = node.on_conflict_clause
    arbiters = [inner(item).expr for item in clause.infer.index_elems if inner(item).HasField("expr")]
    wheres = [owner.where_clause for owner in (clause, clause.infer) if owner.HasField("where_clause")]
    targets = _values(clause.target_list) + [_target(expression) for expression in arbiters]
    return _select(targets, [_item(node.relation), _item(excluded)], wheres)


def _merge(node: Any) -> Any:
    clauses = [inner(item) for item in node.merge_when_clauses]
    targets = [t for c in clauses for t in _values(c.target_list)] + [_target(v) for c in clauses for v in c.values]
    wheres = [node.join_condition, *(c.condition for c in clauses if c.HasField("condition"))]
    return _select(targets, [_item(node.relation), node.source_relation], wheres)


def _select(targets: list[Any], sources: list[Any], wheres: list[Any]) -> Any:
    select = pb.SelectStmt(limit_option=pb.LIMIT_OPTION_DEFAULT, op=pb.SETOP_NONE)
    select.target_list.extend(targets)
    select.from_clause.extend(sources)
    if len(wheres) == 1:
        select.where_clause.CopyFrom(wheres[0])
    elif wheres:
        select.where_clause.bool_expr.boolop = pb.AND_EXPR
        select.where_clause.bool_expr.args.extend(wheres)
    return select


def _values(targets: Iterable[Any]) -> list[Any]:
    """Give the values of SET and of RETURNING lists, without the names that they are assigned to."""
    return [_target(inner(item).val) for item in targets if inner(item).HasField("val")]


def _target(value: Any) -> Any:
    target = pb.Node()
    if kind_of(inner(value)) == "MultiAssignRef":
        target.res_target.val.CopyFrom(inner(value).source)
    else:
        target.res_target.val.CopyFrom(value)
    return target


def _item(relation: Any) -> Any:
    item = pb.Node()
    item.range_var.CopyFrom(relation)
    return item


def _where(node: Any) -> list[Any]:
    is_cursor = kind_of(inner(node.where_clause)) == "CurrentOfExpr"
    return [node.where_clause] if node.HasField("where_clause") and not is_cursor else []
