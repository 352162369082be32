"""Calls of functions with one argument, where that is a column as it stands."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.model.names import Name
from migrate_safe.sql.names import dotted, strings
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk


def column_calls(expression: str, column: str) -> Iterator[Name]:
    """Yield the functions, as written, that an expression calls with nothing but that column."""
    if column not in expression or "(" not in expression:
        return
    try:
        node = parse_tree(f"SELECT {expression}\n")[0].node
    except (Unreadable, IndexError):
        return
    for part in walk(node):
        if kind_of(part) == "FuncCall" and len(part.args) == 1 and not part.func_variadic:
            argument = inner(part.args[0])
            if kind_of(argument) == "ColumnRef" and strings(argument.fields)[-1:] == (column,):
                yield dotted(part.funcname)
