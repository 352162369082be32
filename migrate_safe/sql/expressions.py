"""Expressions: canonical text, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Expr
from migrate_safe.sql.names import dotted, strings
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk, write

_DRAWING = frozenset({"nextval", "currval", "setval"})
UNWRITTEN = "<expression>"
"""Stands for an expression too deep to be written."""


def expr_of(node: Any) -> Expr:
    """Read an expression (a Node)."""
    message = inner(node)
    parts = tuple(walk(message))
    return Expr(expression_text(node), columns_among(parts), functions_among(parts), is_constant(message))


def optional_expr(owner: Any, field: str) -> Expr | None:
    """Read the expression in a field of a message, None where the field is not set."""
    return expr_of(getattr(owner, field)) if owner.HasField(field) else None


def expression_text(node: Any) -> str:
    """Write an expression (a Node) as canonical SQL."""
    select = pb.SelectStmt(limit_option=pb.LIMIT_OPTION_DEFAULT, op=pb.SETOP_NONE)
    select.target_list.add().res_target.val.CopyFrom(node)
    try:
        return write(select).removeprefix("SELECT ")
    except Unreadable:
        return UNWRITTEN


def columns_in(message: Any) -> frozenset[str]:
    """Give the names of the columns that a message refers to, without their tables; stars are left out."""
    return columns_among(walk(message))


def written_columns(message: Any) -> frozenset[str]:
    """Give the columns that INSERT names for its values, and those that UPDATE sets."""
    found = [part for part in walk(message) if kind_of(part) in ("InsertStmt", "UpdateStmt")]
    targets = (t for p in found for t in (p.cols if kind_of(p) == "InsertStmt" else p.target_list))
    return frozenset(inner(t).name for t in targets)


def columns_among(parts: Iterable[Any]) -> frozenset[str]:
    """Give the columns that some of the given messages are."""
    found = (strings(part.fields)[-1:] for part in parts if kind_of(part) == "ColumnRef" and not _star(part))
    return frozenset(name for names in found for name in names)


def functions_in(message: Any) -> frozenset[Name]:
    """Give every function called; CURRENT_DATE and the like under their lower-case names."""
    return functions_among(walk(message))


def functions_among(parts: Iterable[Any]) -> frozenset[Name]:
    """Give the functions called by some of the given messages themselves."""
    found: set[Name] = set()
    for part in parts:
        match kind_of(part):
            case "FuncCall":
                found.add(dotted(part.funcname))
            case "SQLValueFunction":
                found.add(Name(None, value_function(part)))
    return frozenset(found)


def value_function(message: Any) -> str:
    """Give the lower-case name of a SQLValueFunction, e.g. `current_date`."""
    return str(pb.SQLValueFunctionOp.Name(message.op)).removeprefix("SVFOP_").removesuffix("_N").lower()


def is_constant(message: Any) -> bool:
    """Say whether a message is a literal, also signed, cast, collated, or an array of such."""
    stack = [message]
    while stack:
        part = stack.pop()
        match kind_of(part):
            case "A_Const":
                continue
            case "TypeCast" | "CollateClause":
                stack.append(inner(part.arg))
            case "A_ArrayExpr":
                stack.extend(inner(item) for item in part.elements)
            case "A_Expr" if _is_sign(part):
                stack.append(inner(part.rexpr))
            case _:
                return False
    return True


def _is_sign(part: Any) -> bool:
    return part.kind == pb.AEXPR_OP and not part.HasField("lexpr") and strings(part.name) in {("-",), ("+",)}


def is_star(message: Any) -> bool:
    """Say whether a message is `*`, `t.*` or `(f()).*` itself."""
    if kind_of(message) == "A_Indirection":
        return any(item.HasField("a_star") for item in message.indirection)
    return kind_of(message) == "ColumnRef" and _star(message)


def _star(part: Any) -> bool:
    return any(field.HasField("a_star") for field in part.fields)


def drawn_sequences(text: str) -> tuple[str, ...]:
    """Give the names, as written, of the sequences that nextval() and its likes are called with in an expression.

    Only a literal that is taken as regclass makes the server remember the sequence.
    """
    if "val(" not in text:
        return ()
    try:
        trees = parse_tree(f"SELECT {text}")
    except Unreadable:
        return ()
    return drawn_among(part for tree in trees for part in walk(tree.node))


def drawn_among(parts: Iterable[Any]) -> tuple[str, ...]:
    """Give the sequences that some of the given messages draw from by themselves."""
    calls = [part for part in parts if kind_of(part) == "FuncCall" and part.args]
    drawing = [call for call in calls if strings(call.funcname)[-1] in _DRAWING]
    return tuple(name for call in drawing if (name := _sequence_literal(inner(call.args[0]))) is not None)


def _sequence_literal(value: Any) -> str | None:
    if kind_of(value) == "TypeCast" and strings(value.type_name.names)[-1] == "regclass":
        value = inner(value.arg)
    return str(value.sval.sval) if kind_of(value) == "A_Const" and value.WhichOneof("val") == "sval" else None
