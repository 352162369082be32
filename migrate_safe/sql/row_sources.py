"""Where the rows of a query come from: ONLY, row locks, conditions, the values of an INSERT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.sql.expressions import is_star
from migrate_safe.sql.names import name_of
from migrate_safe.sql.relations import range_vars
from migrate_safe.sql.tree import inner, kind_of


def only_among(message: Any) -> tuple[Name, ...]:
    """Give the relations that stand behind ONLY wherever they are named."""
    found = [(name_of(r), r.inh) for r in range_vars(message)]
    deep = {name for name, inherits in found if inherits}
    return tuple(dict.fromkeys(name for name, inherits in found if not inherits and name not in deep))


def is_filtered(parts: Iterable[Any]) -> bool:
    """Say whether there is any condition that may leave partitions out."""
    return any(
        ("where_clause" in p.DESCRIPTOR.fields_by_name and p.HasField("where_clause"))
        or (kind_of(p) == "JoinExpr" and p.HasField("quals"))
        or (kind_of(p) == "MergeStmt")
        for p in parts
    )


def row_locked_among(parts: Iterable[Any]) -> tuple[Name, ...]:
    """Give the relations whose rows FOR UPDATE and the like lock, also those in subqueries of FROM."""
    found: list[Name] = []
    for part in parts:
        if kind_of(part) == "SelectStmt":
            for clause in part.locking_clause:
                found.extend(_locked(part, inner(clause)))
    return tuple(dict.fromkeys(found))


def _locked(select: Any, clause: Any) -> Iterator[Name]:
    wanted = {inner(item).relname for item in clause.locked_rels}
    for alias, source in _sources(select):
        if wanted and alias not in wanted:
            continue
        if kind_of(source) == "RangeVar":
            yield name_of(source)
        else:
            yield from (name_of(r) for _, r in _deep_sources(source))


def _deep_sources(select: Any) -> Iterator[tuple[str, Any]]:
    for alias, source in _sources(select):
        if kind_of(source) == "RangeVar":
            yield alias, source
        else:
            yield from _deep_sources(source)


def _sources(select: Any) -> Iterator[tuple[str, Any]]:
    """Yield the relations and subqueries of FROM with the names by which the query calls them."""
    stack = [inner(item) for item in select.from_clause]
    while stack:
        item = stack.pop(0)
        match kind_of(item):
            case "RangeVar":
                yield item.alias.aliasname or item.relname, item
            case "RangeSubselect":
                yield item.alias.aliasname, inner(item.subquery)
            case "JoinExpr":
                stack[:0] = [inner(item.larg), inner(item.rarg)]
            case "RangeTableSample":
                stack.insert(0, inner(item.relation))


def given_places(node: Any) -> tuple[int, ...] | None:
    """Give the places of an INSERT's columns that surely get a value: none for DEFAULT, None where it is not known."""
    if kind_of(node) != "InsertStmt" or node.override == pb.OVERRIDING_USER_VALUE:
        return None
    if not node.HasField("select_stmt"):
        return ()
    select = inner(node.select_stmt)
    if select.values_lists:
        rows = [[inner(value) for value in inner(row).items] for row in select.values_lists]
        return tuple(i for i in range(len(rows[0])) if all(kind_of(r[i]) != "SetToDefault" for r in rows if i < len(r)))
    if node.cols:
        return tuple(range(len(node.cols)))
    while select.HasField("larg"):
        select = select.larg
    outputs = [inner(item) for item in select.target_list]
    if not outputs or any(is_star(inner(item.val)) for item in outputs):
        return None
    return tuple(range(len(outputs)))
