"""What columns a query gives, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.query import Join, Shape, Source, Target
from migrate_safe.model.schema import TypeName
from migrate_safe.sql.canonical import figured_name
from migrate_safe.sql.expressions import is_star
from migrate_safe.sql.names import dotted, name_of, strings
from migrate_safe.sql.tree import inner, kind_of
from migrate_safe.sql.typenames import type_of

_ANONYMOUS = "?column?"
_NUMBERS = {"count": "bigint", "row_number": "bigint", "length": "integer"}
_TEXTS = frozenset({"lower", "upper", "concat", "btrim", "replace", "md5", "initcap"})
_COMPARING = frozenset({"=", "<>", "<", ">", "<=", ">="})

Queries = Mapping[str, Shape]
"""The queries of WITH, by name."""


def shape_of(select: Any, columns: Iterable[Any] = (), known: Queries | None = None) -> Shape | None:
    """Read the shape of a query; `columns` are the names that a statement gives to its columns.

    None for a query whose columns the text does not tell (EXECUTE).
    """
    names = strings(columns)
    if kind_of(select) != "SelectStmt":
        return _returning(select, names, known or {})
    known = {**(known or {}), **_with(select, known or {})}
    if select.values_lists:
        first = inner(select.values_lists[0]).items
        values = tuple(Target(f"column{i}", type=_type(inner(v))) for i, v in enumerate(first, 1))
        return Shape(values, names=names)
    if select.op not in (pb.SETOP_NONE, pb.SET_OPERATION_UNDEFINED):
        left, right = shape_of(select.larg, (), known), shape_of(select.rarg, (), known)
        if left is None or right is None:
            return None
        return Shape(left.targets, left.sources, names or left.names, (*left.arms, right))
    sources = tuple(_source(inner(item), known) for item in select.from_clause)
    return Shape(tuple(_target(inner(t)) for t in select.target_list), sources, names)


def _returning(statement: Any, names: tuple[str, ...], known: Queries) -> Shape | None:
    """Read what a data statement in WITH gives back."""
    if kind_of(statement) not in ("InsertStmt", "UpdateStmt", "DeleteStmt"):
        return None
    given = statement.returning_clause.exprs if statement.HasField("returning_clause") else ()
    target = _relation(statement.relation, known)
    others = getattr(statement, "from_clause", ()) or getattr(statement, "using_clause", ())
    sources = (target, *(_source(inner(item), known) for item in others))
    return Shape(tuple(_target(inner(t)) for t in given), sources, names)


def _with(select: Any, known: Queries) -> dict[str, Shape]:
    found: dict[str, Shape] = {}
    if not select.HasField("with_clause"):
        return found
    for item in select.with_clause.ctes:
        cte = inner(item)
        query = inner(cte.ctequery)
        recursive = select.with_clause.recursive and kind_of(query) == "SelectStmt" and query.HasField("larg")
        own = shape_of(query.larg if recursive else query, cte.aliascolnames, {**known, **found})
        if own is not None:
            found[cte.ctename] = own
    return found


def _source(node: Any, known: Queries) -> Source | Join:
    match kind_of(node):
        case "JoinExpr":
            using = None if node.is_natural else strings(node.using_clause)
            alias = node.alias.aliasname if node.HasField("alias") else ""
            return Join(_source(inner(node.larg), known), _source(inner(node.rarg), known), using, alias)
        case "RangeVar":
            return _relation(node, known)
        case "RangeSubselect":
            shape = shape_of(inner(node.subquery), (), known)
            return Source(node.alias.aliasname, shape=shape, columns=strings(node.alias.colnames), opaque=shape is None)
        case "RangeFunction":
            return _function(node)
        case _:
            alias = node.alias.aliasname if "alias" in node.DESCRIPTOR.fields_by_name else ""
            return Source(alias, opaque=True)


def _relation(node: Any, known: Queries) -> Source:
    alias = node.alias.aliasname if node.HasField("alias") else node.relname
    columns = strings(node.alias.colnames)
    if not node.schemaname and node.relname in known:
        return Source(alias, shape=known[node.relname], columns=columns)
    return Source(alias, name_of(node), columns=columns)


def _function(node: Any) -> Source:
    """Read a function in FROM: its columns are known where it is aliased with a list of them."""
    columns = strings(node.alias.colnames) or tuple(inner(item).colname for item in node.coldeflist)
    return Source(node.alias.aliasname, columns=columns, opaque=not columns)


def _target(node: Any) -> Target:
    value = inner(node.val)
    if is_star(value):
        parts = strings(value.fields) if kind_of(value) == "ColumnRef" else ("",)
        return Target(None, parts[-1] if parts else None)
    name = node.name or figured_name(value) or _ANONYMOUS
    collation = None
    if kind_of(value) == "CollateClause":
        collation, value = dotted(value.collname), inner(value.arg)
    if kind_of(value) == "ColumnRef":
        parts = strings(value.fields)
        return Target(name, parts[-2] if len(parts) > 1 else None, parts[-1], collation=collation)
    source, column = _collating(value)
    return Target(name, source, column, _type(value), collation)


def _collating(value: Any) -> tuple[str | None, str | None]:
    """Give the column, and the source that qualifies it, whose collation a cast or a call passes on."""
    within = [inner(value.arg)] if kind_of(value) == "TypeCast" else []
    if kind_of(value) == "FuncCall" and strings(value.funcname)[-1] in _TEXTS:
        within = [inner(argument) for argument in value.args]
    columns = [strings(v.fields) for v in within if kind_of(v) == "ColumnRef"]
    if not columns:
        return None, None
    return (columns[0][-2] if len(columns[0]) > 1 else None), columns[0][-1]


def _type(value: Any) -> TypeName | None:
    """Give the type of an expression where the text alone tells it."""
    match kind_of(value):
        case "TypeCast":
            return type_of(value.type_name)
        case "A_Const":
            return _type_of_constant(value)
        case "FuncCall":
            return _type_of_call(strings(value.funcname)[-1])
        case "BoolExpr" | "NullTest" | "BooleanTest":
            return TypeName("boolean")
        case "A_Expr" if value.kind == pb.AEXPR_OP and strings(value.name)[-1] in _COMPARING:
            return TypeName("boolean")
        case "SubLink" if value.sub_link_type == pb.EXISTS_SUBLINK:
            return TypeName("boolean")
        case _:
            return None


def _type_of_constant(value: Any) -> TypeName | None:
    if value.isnull:
        return TypeName("text")
    match value.WhichOneof("val"):
        case "ival":
            return TypeName("integer")
        case "boolval":
            return TypeName("boolean")
        case "sval":
            return TypeName("text")
        case "fval":
            whole = value.fval.fval.lstrip("-").isdigit()
            return TypeName("bigint" if whole and abs(int(value.fval.fval)) < 2**63 else "numeric")
        case _:
            return None


def _type_of_call(name: str) -> TypeName | None:
    if name in _TEXTS:
        return TypeName("text")
    if name in ("now", "clock_timestamp", "transaction_timestamp"):
        return TypeName("timestamp with time zone")
    if name == "gen_random_uuid":
        return TypeName("uuid")
    return TypeName(_NUMBERS[name]) if name in _NUMBERS else None
