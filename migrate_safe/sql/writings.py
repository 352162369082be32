"""Which columns the parts of a data statement give values of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.statement import Writing
from migrate_safe.sql.expressions import is_star
from migrate_safe.sql.names import name_of
from migrate_safe.sql.tree import inner, kind_of

_OVERRIDING = {pb.OVERRIDING_SYSTEM_VALUE: "system", pb.OVERRIDING_USER_VALUE: "user"}
_DEFAULT = "SetToDefault"


def writings_among(parts: Iterable[Any]) -> Iterator[Writing]:
    """Yield what the INSERTs, UPDATEs and MERGEs among some messages write."""
    for part in parts:
        match kind_of(part):
            case "InsertStmt":
                yield from _inserted(part)
            case "UpdateStmt":
                yield _set(name_of(part.relation), part.target_list)
            case "MergeStmt":
                yield from _merged(part)
            case _:
                continue


def written_twice(parts: Iterable[Any]) -> str | None:
    """Give a column that one list of the INSERTs, UPDATEs and MERGEs among some messages names twice as a whole."""
    for part in parts:
        match kind_of(part):
            case "InsertStmt":
                lists = [part.cols, part.on_conflict_clause.target_list]
            case "UpdateStmt":
                lists = [part.target_list]
            case "MergeStmt":
                lists = [inner(clause).target_list for clause in part.merge_when_clauses]
            case _:
                continue
        for targets in lists:
            items = [inner(item) for item in targets]
            counted = Counter(i.name for i in items)
            whole = (i.name for i in items if counted[i.name] > 1 and not i.indirection)
            if (name := next(whole, None)) is not None:
                return str(name)
    return None


def _inserted(node: Any) -> Iterator[Writing]:
    table = name_of(node.relation)
    if node.HasField("select_stmt"):
        yield _given(table, node, node.cols, _rows(inner(node.select_stmt)))
    if node.HasField("on_conflict_clause"):
        yield _set(table, node.on_conflict_clause.target_list)


def _merged(node: Any) -> Iterator[Writing]:
    table = name_of(node.relation)
    for clause in map(inner, node.merge_when_clauses):
        if clause.command_type == pb.CMD_UPDATE:
            yield _set(table, clause.target_list)
        elif clause.command_type == pb.CMD_INSERT:
            yield _given(table, clause, clause.target_list, [[inner(value) for value in clause.values]])


def _rows(select: Any) -> list[list[Any]] | None:
    """Give the values of each row, or what a query gives; None where a star stands there."""
    if select.values_lists:
        return [[inner(value) for value in inner(row).items] for row in select.values_lists]
    while select.HasField("larg"):
        select = select.larg
    outputs = [inner(inner(item).val) for item in select.target_list]
    return None if not outputs or any(map(is_star, outputs)) else [outputs]


def _given(table: Name, node: Any, named: Sequence[Any], rows: list[list[Any]] | None) -> Writing:
    overriding = _OVERRIDING.get(node.override, "")
    columns = [inner(item).name for item in named]
    if rows is None:
        return Writing(table, tuple(columns), () if columns else None, overriding=overriding)
    places = tuple(sorted({i for row in rows for i, value in enumerate(row) if kind_of(value) != _DEFAULT}))
    if not columns:
        return Writing(table, places=places, overriding=overriding)
    return Writing(table, tuple(columns[i] for i in places if i < len(columns)), overriding=overriding)


def _set(table: Name, targets: Iterable[Any]) -> Writing:
    items = [inner(item) for item in targets]
    return Writing(table, tuple(i.name for i in items if kind_of(_value(inner(i.val))) != _DEFAULT), updates=True)


def _value(node: Any) -> Any:
    """Give what `(a, b) = (1, DEFAULT)` gives to one of its columns."""
    if kind_of(node) != "MultiAssignRef" or kind_of(inner(node.source)) != "RowExpr":
        return node
    return inner(inner(node.source).args[node.colno - 1])
