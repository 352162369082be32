"""Expressions that mean the same wherever only the names of pg_catalog are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from migrate_safe.model.names import Name
from migrate_safe.model.schema import TypeName
from migrate_safe.sql.names import dotted, strings
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk
from migrate_safe.sql.typenames import type_of

_HARMLESS = frozenset(
    """
    A_Const A_ArrayExpr BoolExpr BooleanTest CaseExpr CaseWhen CoalesceExpr List MinMaxExpr NullTest String TypeName
    """.split()
)
_OPERATORS = frozenset("|| + - * / = <> < > <= >= ~ ~* !~ !~* ~~ ~~* !~~ !~~* -> ->> #> #>>".split())
_COLLATIONS = frozenset({"C", "POSIX", "default"})


def uses_builtins_only(
    expression: str, is_function: Callable[[Name], bool], is_type: Callable[[TypeName], bool]
) -> bool:
    """Say whether an expression over columns of built-in types names nothing but what the server brings along.

    `is_function` and `is_type` know its functions and types. What is not certain to be so counts as not so.
    """
    try:
        value = inner(parse_tree(f"SELECT {expression}\n")[0].node.target_list[0].res_target.val)
    except Unreadable:
        return False
    return all(_is_builtin(part, is_function, is_type) for part in walk(value))


def _is_builtin(part: Any, is_function: Callable[[Name], bool], is_type: Callable[[TypeName], bool]) -> bool:
    match kind_of(part):
        case "ColumnRef":
            return len(part.fields) == 1
        case "FuncCall":
            return is_function(dotted(part.funcname))
        case "A_Expr":
            return strings(part.name)[-1] in _OPERATORS | {"BETWEEN", "IN"} and len(part.name) == 1
        case "TypeCast":
            return is_type(type_of(part.type_name))
        case "CollateClause":
            return strings(part.collname)[-1] in _COLLATIONS
        case kind:
            return kind in _HARMLESS
