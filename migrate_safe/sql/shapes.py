"""What columns a query gives, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.query import Join, Shape, Source, Target
from migrate_safe.model.schema import TypeName
from migrate_safe.model.values import replace
from migrate_safe.sql.canonical import figured_name
from migrate_safe.sql.expressions import is_star
from migrate_safe.sql.names import dotted, name_of, strings
from migrate_safe.sql.tree import inner, is_deep, kind_of
from migrate_safe.sql.typenames import type_of

MAX_LEVELS = 200
"""Levels of one inside another up to which shapes and scopes are read; a query in FROM takes two."""
_ANONYMOUS = "?column?"
_NUMBERS = {
    **dict.fromkeys(("count", "row_number", "nextval", "setval", "currval", "lastval"), "bigint"),
    "length": "integer",
}
_TEXTS = frozenset({"lower", "upper", "concat", "btrim", "replace", "md5", "initcap"})
_OF_ONE_COLUMN = frozenset(
    """
    generate_series generate_subscripts json_array_elements json_array_elements_text json_object_keys
    jsonb_array_elements jsonb_array_elements_text jsonb_object_keys jsonb_path_query regexp_matches
    regexp_split_to_table string_to_table
    """.split()
)
_COMPARING = frozenset({"=", "<>", "<", ">", "<=", ">="})

Queries = Mapping[str, Shape | None]
"""The queries of WITH, by name; None for one whose columns the text does not tell."""


def shape_unless_deep(select: Any, columns: Iterable[Any] = (), known: Queries | None = None) -> Shape | None:
    """Read the shape of a query; None also for one that is nested beyond what people write."""
    return None if is_deep(select, MAX_LEVELS) else shape_of(select, columns, known)


def shape_of(select: Any, columns: Iterable[Any] = (), known: Queries | None = None) -> Shape | None:
    """Read the shape of a query; `columns` are the names that a statement gives to its columns.

    None for a query whose columns the text does not tell (EXECUTE).
    """
    names = strings(columns)
    if kind_of(select) != "SelectStmt":
        return _returning(select, names, known or {})
    known = {**(known or {}), **queries_of_with(select, known or {})}
    if select.values_lists:
        first = inner(select.values_lists[0]).items
        values = tuple(Target(f"column{i}", type=_type(inner(v))) for i, v in enumerate(first, 1))
        return Shape(values, names=names)
    if select.op not in (pb.SETOP_NONE, pb.SET_OPERATION_UNDEFINED):
        return _united(select, names, known)
    sources = tuple(_source(inner(item), known) for item in select.from_clause)
    return Shape(tuple(target_of(inner(t)) for t in select.target_list), sources, names)


def _united(select: Any, names: tuple[str, ...], known: Queries) -> Shape | None:
    """Read UNION and the like: the first query names the columns. A long chain of them costs no Python stack."""
    arms: list[Shape | None] = []
    while select.HasField("larg"):
        known = {**known, **queries_of_with(select, known)}
        arms.append(shape_of(select.rarg, (), known))
        select = select.larg
    first = shape_of(select, (), known)
    if first is None or None in arms:
        return None
    return replace(first, names=names or first.names, arms=(*first.arms, *(a for a in reversed(arms) if a is not None)))


def _returning(statement: Any, names: tuple[str, ...], known: Queries) -> Shape | None:
    """Read what a data statement in WITH gives back."""
    if kind_of(statement) not in ("InsertStmt", "UpdateStmt", "DeleteStmt"):
        return None
    given = statement.returning_clause.exprs if statement.HasField("returning_clause") else ()
    target = relation_source(statement.relation, {})
    others = getattr(statement, "from_clause", ()) or getattr(statement, "using_clause", ())
    sources = (target, *(_source(inner(item), known) for item in others))
    return Shape(tuple(target_of(inner(t)) for t in given), sources, names)


def queries_of_with(select: Any, known: Queries) -> dict[str, Shape | None]:
    """Read the queries of a statement's own WITH; of those that come later, RECURSIVE lets the names be seen."""
    found: dict[str, Shape | None] = {}
    if not select.HasField("with_clause"):
        return found
    if select.with_clause.recursive:
        found = {inner(item).ctename: None for item in select.with_clause.ctes}
    for item in select.with_clause.ctes:
        cte = inner(item)
        query = inner(cte.ctequery)
        recursive = select.with_clause.recursive and kind_of(query) == "SelectStmt" and query.HasField("larg")
        told = not cte.HasField("search_clause") and not cte.HasField("cycle_clause")
        first = query.larg if recursive else query
        found[cte.ctename] = shape_of(first, cte.aliascolnames, {**known, **found}) if told else None
    return found


def _source(node: Any, known: Queries) -> Source | Join:
    match kind_of(node):
        case "JoinExpr":
            using = None if node.is_natural else strings(node.using_clause)
            alias = node.alias.aliasname if node.HasField("alias") else ""
            if node.alias.colnames:
                return Source(alias, opaque=True)
            return Join(_source(inner(node.larg), known), _source(inner(node.rarg), known), using, alias)
        case "RangeVar":
            return relation_source(node, known)
        case "RangeSubselect":
            shape = shape_of(inner(node.subquery), (), known)
            return Source(node.alias.aliasname, shape=shape, columns=strings(node.alias.colnames), opaque=shape is None)
        case "RangeFunction":
            return _function(node)
        case _:
            alias = node.alias.aliasname if "alias" in node.DESCRIPTOR.fields_by_name else ""
            return Source(alias, opaque=True)


def relation_source(node: Any, known: Queries) -> Source:
    """Read a relation in FROM, or the query of WITH that has its name."""
    alias = node.alias.aliasname if node.HasField("alias") else node.relname
    columns = strings(node.alias.colnames)
    if not node.schemaname and node.relname in known:
        shape = known[node.relname]
        return Source(alias, shape=shape, columns=columns, opaque=shape is None)
    return Source(alias, name_of(node), columns=columns)


def _function(node: Any) -> Source:
    """Read a function in FROM: its columns are known where it says what they are, or has a single one."""
    defined = tuple(inner(item).colname for item in node.coldeflist)
    columns = strings(node.alias.colnames) or defined
    calls = [inner(part) for item in node.functions for part in inner(item).items]
    single = [c for c in calls if kind_of(c) == "FuncCall" and dotted(c.funcname).name in _OF_ONE_COLUMN]
    told = (bool(defined) or len(single) == 1) and len(node.functions) == 1 and not node.ordinality
    called = [dotted(c.funcname) for c in calls if kind_of(c) == "FuncCall"]
    alone = len(node.functions) == 1 and not node.ordinality and not defined
    name = called[0] if alone and len(called) == 1 else None
    opaque = not columns or not told
    return Source(node.alias.aliasname, columns=columns, opaque=opaque, calls=name if opaque else None)


def target_of(node: Any) -> Target:
    """Read an item of a SELECT list."""
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
    calls = dotted(value.funcname) if kind_of(value) == "FuncCall" and not value.HasField("over") else None
    return Target(name, source, column, _type(value), collation, calls)


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
