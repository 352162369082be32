"""Which columns an expression takes its collation from."""

from __future__ import annotations

from typing import Any

from migrate_safe.sql.names import strings
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree

_TEXTS = frozenset(
    """
    lower upper initcap concat btrim ltrim rtrim trim replace substr substring left right lpad rpad overlay reverse
    repeat translate regexp_replace split_part
    """.split()
)
_TEXT_TYPES = frozenset({"text", "varchar", "bpchar"})


def collating_columns(expression: str) -> frozenset[str]:
    """Give the columns whose collation an expression of text has; none where it names its own, or is of no text.

    Only what is known to give text is looked into.
    """
    try:
        value = parse_tree(f"SELECT {expression}\n")[0].node.target_list[0].res_target.val
        return frozenset(_columns(inner(value)))
    except (Unreadable, IndexError):
        return frozenset()


def _columns(node: Any) -> list[str]:
    match kind_of(node):
        case "ColumnRef":
            return list(strings(node.fields)[-1:])
        case "FuncCall" if strings(node.funcname)[-1] in _TEXTS:
            parts = node.args
        case "A_Expr" if strings(node.name)[-1] == "||":
            parts = (node.lexpr, node.rexpr)
        case "TypeCast" if strings(node.type_name.names)[-1] in _TEXT_TYPES and not node.type_name.array_bounds:
            parts = (node.arg,)
        case "CoalesceExpr" | "MinMaxExpr":
            parts = node.args
        case _:
            return []
    return [c for part in parts for c in _columns(inner(part))]
