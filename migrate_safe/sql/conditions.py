"""Conditions over single columns as values: what CHECK constraints and partition bounds say of rows."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import quote_ident, quote_literal
from migrate_safe.sql.bounds import Everything, ListBound, RangeBound, bound_of, literal_of, partition_key_of
from migrate_safe.sql.names import strings
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk


class Comparison(Struct, frozen=True):
    """A column compared with a constant; `operator` is one of < <= = >= > <>."""

    column: str
    operator: str
    value: str


class NullTest(Struct, frozen=True):
    """IS NULL or IS NOT NULL."""

    column: str
    is_null: bool


class Every(Struct, frozen=True):
    """AND."""

    parts: tuple[Condition, ...]


class Either(Struct, frozen=True):
    """OR."""

    parts: tuple[Condition, ...]


class Opaque(Struct, frozen=True):
    """Anything else."""


Condition = Comparison | NullTest | Every | Either | Opaque

_SWAPPED = {"<": ">", "<=": ">=", "=": "=", ">=": "<=", ">": "<", "<>": "<>"}
_NEGATED = {"<": ">=", "<=": ">", "=": "<>", ">=": "<", ">": "<=", "<>": "="}
_STRINGS = frozenset({"text", "varchar"})


def condition_of(expression: str) -> Condition:
    """Read a condition; what is no comparison of a column with a constant is opaque."""
    try:
        node = parse_tree(f"SELECT ({expression}\n)")[0].node.target_list[0].res_target.val
        return _condition(inner(node))
    except (Unreadable, IndexError, ValueError, RecursionError):
        return Opaque()


def bound_condition(partition_key: str, bound: str) -> Condition:
    """Give what a partition's bound demands of its rows; opaque for what is not of a single plain column."""
    key, found = partition_key_of(partition_key), bound_of(bound)
    if key is None or found is None or len(key.columns) != 1 or key.columns[0] is None:
        return Opaque()
    column = key.columns[0]
    match found:
        case RangeBound(low=(low,), high=(high,)):
            ends = [Comparison(column, op, end[1:]) for op, end in ((">=", low), ("<", high)) if end[0] == "="]
            return Every((NullTest(column, False), *ends))
        case ListBound(values=values):
            given = Either(tuple(Comparison(column, "=", v) for v in values if v is not None))
            if None in values:
                return Either((NullTest(column, True), *given.parts))
            return Every((NullTest(column, False), given))
        case Everything():
            return Opaque()
        case _:
            return Opaque()


def negated(condition: Condition) -> Condition:
    """Give the opposite of a condition."""
    match condition:
        case Comparison(column=column, operator=operator, value=value):
            return Comparison(column, _NEGATED[operator], value)
        case NullTest(column=column, is_null=is_null):
            return NullTest(column, not is_null)
        case Every(parts=parts):
            return Either(tuple(map(negated, parts)))
        case Either(parts=parts):
            return Every(tuple(map(negated, parts)))
        case Opaque():
            return condition


def condition_text(condition: Condition) -> str:
    """Write a condition in SQL; empty where a part of it is opaque."""
    match condition:
        case Comparison(column=column, operator=operator, value=value):
            return f"{quote_ident(column)} {operator} {quote_literal(value)}"
        case NullTest(column=column, is_null=is_null):
            return f"{quote_ident(column)} IS {'NULL' if is_null else 'NOT NULL'}"
        case Every(parts=parts):
            return _joined(" AND ", parts)
        case Either(parts=parts):
            return _joined(" OR ", parts)
        case Opaque():
            return ""


def _joined(word: str, parts: tuple[Condition, ...]) -> str:
    texts = [f"({text})" if _is_compound(part) else text for part in parts for text in [condition_text(part)] if text]
    return word.join(texts) if len(texts) == len(parts) else ""


def _is_compound(condition: Condition) -> bool:
    return isinstance(condition, Every | Either) and len(condition.parts) > 1


def has_subquery(expression: str) -> bool:
    """Say whether there is a query inside an expression."""
    if "select" not in expression.lower():
        return False
    try:
        node = parse_tree(f"SELECT ({expression}\n)")[0].node.target_list[0].res_target.val
    except (Unreadable, IndexError):
        return False
    return any(kind_of(part) == "SubLink" for part in walk(inner(node)))


def _condition(node: Any) -> Condition:
    match kind_of(node):
        case "BoolExpr":
            parts = tuple(_condition(inner(a)) for a in node.args)
            if node.boolop == pb.NOT_EXPR:
                return negated(parts[0])
            return Every(parts) if node.boolop == pb.AND_EXPR else Either(parts)
        case "NullTest" if (column := _column(inner(node.arg))) is not None:
            return NullTest(column, node.nulltesttype == pb.IS_NULL)
        case "A_Expr":
            return _operation(node)
        case _:
            return Opaque()


def _operation(node: Any) -> Condition:
    operator = strings(node.name)[-1]
    left, right = inner(node.lexpr), inner(node.rexpr)
    column = _column(left)
    match pb.A_Expr_Kind.Name(node.kind):
        case "AEXPR_OP" if operator in _SWAPPED and column is not None:
            return _compared(column, operator, right)
        case "AEXPR_OP" if operator in _SWAPPED and (column := _column(right)) is not None:
            return _compared(column, _SWAPPED[operator], left)
        case "AEXPR_BETWEEN" if column is not None:
            low, high = map(inner, right.items)
            return Every((_compared(column, ">=", low), _compared(column, "<=", high)))
        case "AEXPR_IN" if column is not None:
            return _listed(column, operator, [inner(i) for i in right.items])
        case "AEXPR_OP_ANY" if column is not None and operator == "=":
            return _listed(column, "=", _elements(right))
        case "AEXPR_OP_ALL" if column is not None and operator == "<>":
            return _listed(column, "<>", _elements(right))
        case _:
            return Opaque()


def _listed(column: str, operator: str, values: list[Any]) -> Condition:
    parts = tuple(_compared(column, operator, v) for v in values)
    return Either(parts) if operator == "=" else Every(parts)


def _elements(node: Any) -> list[Any]:
    """Give the elements of ARRAY[...], also under a cast."""
    while kind_of(node) == "TypeCast":
        node = inner(node.arg)
    if kind_of(node) != "A_ArrayExpr":
        raise ValueError("no array")
    return [inner(e) for e in node.elements]


def _compared(column: str, operator: str, node: Any) -> Condition:
    try:
        value = literal_of(node)
    except ValueError:
        return Opaque()
    return Comparison(column, operator, value) if value is not None else Opaque()


def _column(node: Any) -> str | None:
    """Give the column that a node is, also one that only changes from varchar to text."""
    while kind_of(node) == "TypeCast" and strings(node.type_name.names)[-1] in _STRINGS:
        node = inner(node.arg)
    if kind_of(node) != "ColumnRef":
        return None
    names = strings(node.fields)
    return names[-1] if names else None
