"""Data statements: SELECT, INSERT, UPDATE, DELETE, MERGE, COPY."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.statement import Conflict, CreateTable, Dml, DmlKind, SetVariable, Shape
from migrate_safe.model.values import replace
from migrate_safe.sql.drawing import draws_among, relations_in_texts
from migrate_safe.sql.expressions import expr_of, functions_among, is_star, optional_expr
from migrate_safe.sql.lookups import is_query, is_ranged, pinned_columns, sources_of
from migrate_safe.sql.names import dotted, name_of, strings
from migrate_safe.sql.relations import range_vars, relations_in
from migrate_safe.sql.row_sources import given_places, is_filtered, only_among, row_locked_among
from migrate_safe.sql.scopes import scopes_of
from migrate_safe.sql.shapes import queries_of_with, shape_unless_deep
from migrate_safe.sql.tree import inner, kind_of, walk
from migrate_safe.sql.writings import writings_among, written_twice

WRITES = {
    "InsertStmt": DmlKind.INSERT,
    "UpdateStmt": DmlKind.UPDATE,
    "DeleteStmt": DmlKind.DELETE,
    "MergeStmt": DmlKind.MERGE,
}
"""The statements that write rows."""
_MERGED = {pb.CMD_INSERT: DmlKind.INSERT, pb.CMD_UPDATE: DmlKind.UPDATE, pb.CMD_DELETE: DmlKind.DELETE}


def select(node: Any) -> Dml | SetVariable | CreateTable:
    """Read a SelectStmt: also SELECT INTO, set_config(), and WITH queries that write."""
    if (setting := _set_config(node)) is not None:
        return setting
    reads = relations_in(node)
    parts = tuple(walk(node))
    if (into := _into(node)) is not None:
        made = CreateTable(name_of(into), persistence=into.relpersistence or "p")
        return made_by_query(made, node)
    writer = next((part for part in parts if kind_of(part) in WRITES), None)
    if writer is not None:
        return _write(writer, parts, node)
    locking = any(kind_of(part) == "LockingClause" for part in parts)
    return Dml(
        DmlKind.SELECT,
        None,
        reads,
        for_update=locking,
        functions=functions_among(parts),
        only=only_among(node),
        row_locked=tuple(n for n in row_locked_among(parts) if n in reads) if locking else (),
        draws=draws_among(node, parts),
        texts=relations_in_texts(parts),
        filtered=is_filtered(parts),
        shape=shape_unless_deep(node),
        scopes=scopes_of(node),
    )


def made_by_query(table: CreateTable, query: Any, names: Sequence[Any] = ()) -> CreateTable:
    """Give a new table what its query says; `names` are those of its first columns."""
    parts = tuple(walk(query))
    executes = query.name if kind_of(query) == "ExecuteStmt" else None
    return replace(
        table,
        executes=executes,
        named=strings(names) if executes is not None else (),
        as_query=True,
        reads=relations_in(query),
        draws=draws_among(query, parts),
        texts=relations_in_texts(parts),
        shape=shape_unless_deep(query, names),
        scopes=scopes_of(query),
    )


def write(node: Any) -> Dml:
    """Read an InsertStmt, UpdateStmt, DeleteStmt or MergeStmt."""
    return _write(node, tuple(walk(node)), node)


def copy(node: Any) -> Dml:
    """Read a CopyStmt."""
    named = (name_of(node.relation),) if node.HasField("relation") else relations_in(inner(node.query))
    columns = strings(node.attlist)
    if node.is_from:
        given = tuple(range(len(columns))) if columns else None
        return Dml(DmlKind.COPY_FROM, named[0] if named else None, columns=columns, given=given, twice=_twice(columns))
    if not node.HasField("relation"):
        return _copied(inner(node.query))
    return Dml(DmlKind.COPY_TO, None, named, columns, only=named, twice=_twice(columns))


def _copied(query: Any) -> Dml:
    """Read the query of a COPY: what it writes is all `also` written."""
    parts = tuple(walk(query))
    writer = next((part for part in parts if kind_of(part) in WRITES), None)
    if writer is not None:
        written = _write(writer, parts, query)
        also = ((written.kind, name_of(writer.relation)), *written.also)
        return replace(written, kind=DmlKind.COPY_TO, target=None, also=also)
    return Dml(
        DmlKind.COPY_TO,
        None,
        relations_in(query),
        functions=functions_among(parts),
        draws=draws_among(query, parts),
        texts=relations_in_texts(parts),
        filtered=is_filtered(parts),
        scopes=scopes_of(query),
    )


def _twice(columns: Sequence[str]) -> str | None:
    return next((c for c in columns if columns.count(c) > 1), None)


def _write(node: Any, parts: Sequence[Any], whole: Any) -> Dml:
    """Describe the statement `whole` by its writing part `node`; it is bounded when every writing part is."""
    target = name_of(node.relation)
    writers = [part for part in parts if kind_of(part) in WRITES]
    mentions = [name_of(relation) for relation in range_vars(whole)]
    repeated = mentions.count(target) > 1
    return Dml(
        kind=WRITES[kind_of(node)],
        target=target,
        reads=tuple(dict.fromkeys(name for name in mentions if name != target or repeated)),
        columns=_columns(node),
        bounded=all(map(_is_bounded, writers)),
        from_query=any(map(_is_from_query, writers)),
        functions=functions_among(parts),
        only=only_among(whole),
        row_locked=tuple(n for n in row_locked_among(parts) if n in mentions),
        also=tuple((WRITES[kind_of(part)], name_of(part.relation)) for part in writers if part is not node),
        draws=draws_among(whole, parts),
        texts=relations_in_texts(parts),
        arbiter=_looks_for_index(node),
        filtered=is_filtered(parts),
        given=given_places(node),
        sources=sources_of(whole, target),
        pinned=pinned_columns(node),
        ranged=is_ranged(node),
        conflict=_conflict(node),
        twice=written_twice(writers),
        merges=_merges(node),
        shape=_inserted(node) if node is whole else None,
        scopes=scopes_of(whole),
        writings=tuple(writings_among([node, *(part for part in writers if part is not node)])),
    )


def _looks_for_index(node: Any) -> bool:
    """Say whether ON CONFLICT names columns or a constraint."""
    if kind_of(node) != "InsertStmt" or not node.HasField("on_conflict_clause"):
        return False
    return bool(node.on_conflict_clause.HasField("infer"))


def _conflict(node: Any) -> Conflict | None:
    if kind_of(node) != "InsertStmt" or not node.HasField("on_conflict_clause"):
        return None
    clause = node.on_conflict_clause
    elements = [inner(item) for item in clause.infer.index_elems]
    values = [e.expr for e in elements if not e.name]
    plain = [strings(inner(v).fields)[-1] for v in values if kind_of(inner(v)) == "ColumnRef"]
    return Conflict(
        columns=(*(e.name for e in elements if e.name), *plain),
        expressions=tuple(expr_of(v) for v in values if kind_of(inner(v)) != "ColumnRef"),
        predicate=optional_expr(clause.infer, "where_clause"),
        constraint=clause.infer.conname or None,
        updates=clause.action == pb.ONCONFLICT_UPDATE,
        sets=_targets(clause.target_list),
    )


def _inserted(node: Any) -> Shape | None:
    """Read what an INSERT gives to its columns; None where a star stands among VALUES."""
    if kind_of(node) != "InsertStmt" or not node.HasField("select_stmt"):
        return None
    select = inner(node.select_stmt)
    if any(is_star(inner(value)) for row in select.values_lists for value in inner(row).items):
        return None
    return shape_unless_deep(select, (), queries_of_with(node, {}))


def _columns(node: Any) -> tuple[str, ...]:
    match kind_of(node):
        case "InsertStmt":
            return _targets(node.cols)
        case "UpdateStmt":
            return _targets(node.target_list)
        case "MergeStmt":
            found = [name for clause in node.merge_when_clauses for name in _targets(inner(clause).target_list)]
            return tuple(dict.fromkeys(found))
        case _:
            return ()


def _merges(node: Any) -> tuple[DmlKind, ...]:
    if kind_of(node) != "MergeStmt":
        return ()
    kinds = (inner(clause).command_type for clause in node.merge_when_clauses)
    return tuple(dict.fromkeys(_MERGED[kind] for kind in kinds if kind in _MERGED))


def _targets(nodes: Iterable[Any]) -> tuple[str, ...]:
    return tuple(inner(item).name for item in nodes)


def _is_bounded(node: Any) -> bool:
    """Say whether a WHERE that names a column (or a cursor) limits an UPDATE or DELETE."""
    if kind_of(node) not in {"UpdateStmt", "DeleteStmt"}:
        return True
    if not node.HasField("where_clause"):
        return False
    return any(kind_of(part) in {"ColumnRef", "CurrentOfExpr"} for part in walk(inner(node.where_clause)))


def _is_from_query(node: Any) -> bool:
    return kind_of(node) == "InsertStmt" and is_query(node)


def _into(node: Any) -> Any:
    """Find the INTO of a SELECT, also in the first arm of a UNION."""
    current = node
    while current.HasField("larg"):
        current = current.larg
    return current.into_clause.rel if current.HasField("into_clause") else None


def _set_config(node: Any) -> SetVariable | None:
    """Read `SELECT set_config('name', 'value', is_local)` with constant arguments."""
    if len(node.target_list) != 1 or node.from_clause:
        return None
    call = inner(inner(node.target_list[0]).val)
    if kind_of(call) != "FuncCall" or dotted(call.funcname).name != "set_config" or len(call.args) != 3:
        return None
    name, value, local = (inner(argument) for argument in call.args)
    if kind_of(name) != "A_Const" or kind_of(value) != "A_Const":
        return None
    is_local = _boolean(local)
    if is_local is None:
        return None
    return SetVariable(name.sval.sval.lower(), None if value.isnull else value.sval.sval, is_local)


def _boolean(message: Any) -> bool | None:
    if kind_of(message) == "TypeCast":
        message = inner(message.arg)
    if kind_of(message) != "A_Const":
        return None
    if message.HasField("sval"):
        return bool(message.sval.sval.lower() in {"t", "true", "on", "yes", "1"})
    return bool(message.boolval.boolval)
