"""One form for expressions that mean the same, whether a person wrote them or the server printed them back.

pg_get_expr() prints what the server made of an expression: BETWEEN and IN are taken apart, casts that it
found necessary are spelled out, names are qualified as search_path demands. `canonical` undoes this on both
sides: casts of literals, casts to types that the server inserts by itself, parentheses and schemas are
dropped, IN becomes = ANY, BETWEEN two comparisons, nested AND and OR are flattened; in queries columns lose the names
that they have anyway, and tables their aliases.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.sql.tree import Unreadable, kind_of, parse_tree, walk

_INSERTED_CASTS = frozenset(
    "text varchar bpchar name numeric float8 int4 int8 timestamptz timestamp regclass oid regconfig".split()
)
_SILENT = frozenset(
    """
    location funcformat rexpr_list_start rexpr_list_end list_start list_end typemod boolop coerceformat
    constraintlocation resulttype schemaname
    """.split()
)
_SEQUENCE_FUNCTIONS = frozenset({"nextval", "currval", "setval"})


@lru_cache(maxsize=4096)
def canonical(expression: str) -> str:
    """Give the canonical form of an expression, for comparing only; text that does not parse is its own form."""
    try:
        node = _parse(expression)
    except (Unreadable, ValueError, RecursionError):
        return " ".join(expression.split())
    return _write(node)


def expression_name(expression: str) -> str | None:
    """Give the name that the server derives from an expression for an index column, or None where it has none.

    Follows FigureIndexColname(): the function of a call, the type of a cast, the column of a reference.
    """
    try:
        return _figure(_parse(expression))[1]
    except (Unreadable, ValueError, RecursionError):
        return None


_NAMED = {
    "A_ArrayExpr": "array",
    "CoalesceExpr": "coalesce",
    "GroupingFunc": "grouping",
    "JsonArrayAgg": "json_arrayagg",
    "JsonArrayConstructor": "json_array",
    "JsonArrayQueryConstructor": "json_array",
    "JsonObjectAgg": "json_objectagg",
    "JsonObjectConstructor": "json_object",
    "JsonParseExpr": "json",
    "JsonScalarExpr": "json_scalar",
    "JsonSerializeExpr": "json_serialize",
    "MergeSupportFunc": "merge_action",
    "RowExpr": "row",
    "XmlSerialize": "xmlserialize",
}
"""What the server calls the results of expressions that have a syntax of their own."""


def figured_name(node: Any) -> str | None:
    """Give the name that the server derives for a column of a query from its expression, or None."""
    return _figure(node)[1]


def _parse(expression: str) -> Any:
    trees = parse_tree(f"SELECT ({expression}\n)")
    if len(trees) != 1 or kind_of(trees[0].node) != "SelectStmt" or len(trees[0].node.target_list) != 1:
        raise ValueError(expression)
    return _inner(trees[0].node.target_list[0].res_target.val)


def _inner(node: Any) -> Any:
    """Unwrap the oneof `Node`."""
    kind = node.WhichOneof("node") if node.DESCRIPTOR.name == "Node" else None
    return getattr(node, kind) if kind else node


def _write(node: Any) -> str:
    node = _inner(node)
    match node.DESCRIPTOR.name:
        case "A_Const":
            return _constant(node)
        case "TypeCast":
            return _cast(node)
        case "ColumnRef":
            return "col:" + _last(node.fields)
        case "FuncCall":
            return _call(node)
        case "BoolExpr":
            return _boolean(node)
        case "A_Expr":
            return _operation(node)
        case "ResTarget" if node.name and node.HasField("val") and node.name == _figure(node.val)[1]:
            return f"(ResTarget val={_write(node.val)})"
        case _:
            return _generic(node)


def _constant(node: Any) -> str:
    if node.isnull:
        return "null"
    value = getattr(node, node.WhichOneof("val"))
    if node.WhichOneof("val") == "boolval":
        return "'true'" if value.boolval else "'false'"
    field = value.DESCRIPTOR.fields[0].name
    return f"'{getattr(value, field)}'"


def _cast(node: Any) -> str:
    inner = _inner(node.arg)
    literal = inner.DESCRIPTOR.name == "A_Const"
    target = _last(node.type_name.names)
    if literal or target in _INSERTED_CASTS or inner.DESCRIPTOR.name == "A_ArrayExpr":
        return _write(inner)
    dims = "[]" * len(node.type_name.array_bounds)
    mods = ",".join(_write(m) for m in node.type_name.typmods)
    return f"(cast {_write(inner)} {target}{dims} {mods})"


def _call(node: Any) -> str:
    name = _last(node.funcname)
    arguments = [_write(a) for a in node.args]
    if name in _SEQUENCE_FUNCTIONS and arguments:
        arguments[0] = "'" + arguments[0].strip("'").rpartition(".")[2].strip('"') + "'"
    extra = [f"{f.name}={_field(v)}" for f, v in node.ListFields() if f.name not in _SILENT | {"funcname", "args"}]
    return f"({name} {' '.join([*arguments, *extra])})"


def _boolean(node: Any) -> str:
    word = _connective(node)
    return f"({word} {' '.join(_write(a) for a in node.args)})" if word == "not" else _joined(word, node)


def _connective(node: Any) -> str:
    """Name what joins the parts of a node: AND also for BETWEEN, OR also for NOT BETWEEN, else nothing."""
    if node.DESCRIPTOR.name == "BoolExpr":
        return {1: "and", 2: "or", 3: "not"}[node.boolop]
    if node.DESCRIPTOR.name == "A_Expr":
        kind = pb.A_Expr_Kind.Name(node.kind)
        return {"AEXPR_BETWEEN": "and", "AEXPR_NOT_BETWEEN": "or"}.get(kind, "")
    return ""


def _joined(word: str, node: Any) -> str:
    return f"({word} {' '.join(_parts(word, node))})"


def _parts(word: str, node: Any) -> list[str]:
    """Give the parts of nested AND (or OR) as one flat list."""
    node = _inner(node)
    if _connective(node) != word:
        return [_write(node)]
    if node.DESCRIPTOR.name == "BoolExpr":
        return [part for a in node.args for part in _parts(word, a)]
    left = _write(node.lexpr)
    low, high = (_write(i) for i in _inner(node.rexpr).items)
    below, above = (">=", "<=") if word == "and" else ("<", ">")
    return [f"({below} {left} {low})", f"({above} {left} {high})"]


def _operation(node: Any) -> str:
    kind = pb.A_Expr_Kind.Name(node.kind)
    operator = _last(node.name)
    right: Any = _inner(node.rexpr) if node.HasField("rexpr") else None
    left = _write(node.lexpr) if node.HasField("lexpr") else ""
    match kind:
        case "AEXPR_IN":
            return _membership(operator, left, right.items)
        case "AEXPR_OP_ANY" | "AEXPR_OP_ALL":
            return f"({operator} {kind[-3:].lower()} {left} {_write(right)})"
        case "AEXPR_BETWEEN" | "AEXPR_NOT_BETWEEN":
            return _joined(_connective(node), node)
        case "AEXPR_OP" | "AEXPR_LIKE" | "AEXPR_ILIKE" | "AEXPR_SIMILAR":
            word = "~" if kind == "AEXPR_SIMILAR" and operator == "~" else operator
            return f"({word} {left} {_write(right)})"
        case _:
            return f"({kind} {operator} {left} {_write(right) if right is not None else ''})"


def _membership(operator: str, left: str, nodes: Any) -> str:
    """Write IN as the server does: one array of what names no column, and a comparison for each that does."""
    plain = [_write(n) for n in nodes if not _names_column(n)]
    parts = [f"({operator} {left} {_write(n)})" for n in nodes if _names_column(n)]
    if len(plain) > 1:
        parts = [f"({operator} {'any' if operator == '=' else 'all'} {left} (array {' '.join(plain)}))", *parts]
    else:
        parts = [*(f"({operator} {left} {p})" for p in plain), *parts]
    return parts[0] if len(parts) == 1 else f"({'or' if operator == '=' else 'and'} {' '.join(parts)})"


def _names_column(node: Any) -> bool:
    return any(kind_of(part) == "ColumnRef" for part in walk(_inner(node)))


def _generic(node: Any) -> str:
    """Write any other node by its fields, leaving out what only formatting decides."""
    if node.DESCRIPTOR.name == "A_ArrayExpr":
        return f"(array {' '.join(_write(e) for e in node.elements)})"
    if node.DESCRIPTOR.name == "String":
        return str(node.sval)
    silent = _SILENT | {"alias"} if node.DESCRIPTOR.name == "RangeVar" else _SILENT
    parts = [f"{f.name}={_field(v)}" for f, v in node.ListFields() if f.name not in silent]
    if node.DESCRIPTOR.name == "CaseExpr":
        parts = [p for p in parts if p != "defresult=null"]
    return f"({node.DESCRIPTOR.name} {' '.join(parts)})"


def _field(value: Any) -> str:
    if hasattr(value, "DESCRIPTOR"):
        return _write(value)
    if isinstance(value, str | bytes | bool | int | float):
        return str(value)
    return "[" + " ".join(_field(v) for v in value) + "]"


def _last(names: Any) -> str:
    last = _inner(names[-1])
    return str(last.sval) if last.DESCRIPTOR.name == "String" else "*"


def _figure(node: Any) -> tuple[int, str | None]:
    """Give the strength of a derived name (0 none, 1 weak, 2 strong) and the name."""
    node = _inner(node)
    match node.DESCRIPTOR.name:
        case "ColumnRef":
            return 2, _last(node.fields)
        case "FuncCall":
            return 2, _last(node.funcname)
        case "CollateClause":
            return _figure(node.arg)
        case "TypeCast":
            strength, name = _figure(node.arg)
            return (strength, name) if strength > 1 else (1, _last(node.type_name.names))
        case "CaseExpr":
            strength, name = _figure(node.defresult) if node.HasField("defresult") else (0, None)
            return (strength, name) if strength > 1 else (1, "case")
        case "A_Indirection":
            fields = [_inner(i) for i in node.indirection if _inner(i).DESCRIPTOR.name == "String"]
            return (2, str(fields[-1].sval)) if fields else _figure(node.arg)
        case "A_Expr" if pb.A_Expr_Kind.Name(node.kind) == "AEXPR_NULLIF":
            return 2, "nullif"
        case "MinMaxExpr":
            return 2, "greatest" if node.op == 1 else "least"
        case "SQLValueFunction":
            word = pb.SQLValueFunctionOp.Name(node.op).removeprefix("SVFOP_").lower()
            return 2, word.removesuffix("_n")
        case "SubLink":
            return _figure_sublink(node)
        case "XmlExpr" if pb.XmlExprOp.Name(node.op) != "IS_DOCUMENT":
            return 2, pb.XmlExprOp.Name(node.op).removeprefix("IS_").lower()
        case "JsonFuncExpr":
            return 2, pb.JsonExprOp.Name(node.op).removesuffix("_OP").lower()
        case other:
            return (2, _NAMED[other]) if other in _NAMED else (0, None)


def _figure_sublink(node: Any) -> tuple[int, str | None]:
    """Name a query in an expression: by its kind, or its only column."""
    kind = pb.SubLinkType.Name(node.sub_link_type)
    if kind in ("EXISTS_SUBLINK", "ARRAY_SUBLINK"):
        return 2, kind.partition("_")[0].lower()
    targets = _inner(node.subselect).target_list if kind == "EXPR_SUBLINK" else ()
    if not targets:
        return 0, None
    target = targets[0].res_target
    return (2, target.name) if target.name else _figure(target.val)


def not_null_columns(expression: str) -> frozenset[str]:
    """Give the columns that an expression demands to be NOT NULL: alone, or as part of a conjunction."""
    try:
        return _demanded(_parse(expression))
    except (Unreadable, ValueError, RecursionError):
        return frozenset()


def _demanded(node: Any) -> frozenset[str]:
    node = _inner(node)
    if node.DESCRIPTOR.name == "BoolExpr" and _connective(node) == "and":
        return frozenset(c for a in node.args for c in _demanded(a))
    if node.DESCRIPTOR.name == "BoolExpr" and _connective(node) == "not":
        return _null_tested(_inner(node.args[0]), pb.IS_NULL)
    return _null_tested(node, pb.IS_NOT_NULL)


def _null_tested(node: Any, kind: int) -> frozenset[str]:
    is_test = node.DESCRIPTOR.name == "NullTest" and node.nulltesttype == kind
    if is_test and _inner(node.arg).DESCRIPTOR.name == "ColumnRef":
        return frozenset({_last(_inner(node.arg).fields)})
    return frozenset()
