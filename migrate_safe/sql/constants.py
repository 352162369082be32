"""What a statement writes whatever its parameters are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migrate_safe.sql import dml
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk

_CONSTANT = frozenset({"A_Const", "TypeCast", "TypeName", "SetToDefault"})


def writes_constants(sql: str, columns: frozenset[str]) -> bool:
    """Say whether a statement gives all these columns constants or their defaults, in every row that it writes.

    What cannot be told (no list of columns, MERGE, text that cannot be read) is no.
    """
    try:
        parts = [part for tree in parse_tree(sql) for part in walk(tree.node) if kind_of(part) in dml.WRITES]
    except Unreadable:
        return False
    writers = [part for part in parts if kind_of(part) != "DeleteStmt"]
    return bool(writers and columns) and all(_is_constant(part, columns) for part in writers)


def _is_constant(writer: Any, columns: frozenset[str]) -> bool:
    match kind_of(writer):
        case "InsertStmt":
            return _inserts_constants(writer, columns) and _conflict_is_constant(writer, columns)
        case "UpdateStmt":
            return _sets_constants(writer.target_list, columns)
        case _:
            return False


def _inserts_constants(insert: Any, columns: frozenset[str]) -> bool:
    """Say so of the rows of an INSERT, where columns that it does not name get their defaults."""
    if not insert.HasField("select_stmt"):
        return True
    named = [inner(item).name for item in insert.cols]
    return bool(named) and all(
        _all_constant(value for name, value in zip(named, row, strict=False) if name in columns)
        for row in _rows(inner(insert.select_stmt))
    )


def _rows(select: Any) -> Iterator[list[Any]]:
    """Give the expressions of each row of VALUES, or those of a SELECT."""
    if select.values_lists:
        yield from ([inner(item) for item in inner(row).items] for row in select.values_lists)
    else:
        yield [inner(inner(item).val) for item in select.target_list]


def _conflict_is_constant(insert: Any, columns: frozenset[str]) -> bool:
    changes = insert.on_conflict_clause.target_list if insert.HasField("on_conflict_clause") else ()
    return not changes or _sets_constants(changes, columns)


def _sets_constants(targets: Iterable[Any], columns: frozenset[str]) -> bool:
    """Say so of SET, where a column that it does not name keeps what its row has, which may be anything."""
    values = {inner(item).name: inner(inner(item).val) for item in targets}
    return columns <= values.keys() and _all_constant(values[name] for name in columns)


def _all_constant(values: Iterable[Any]) -> bool:
    return all(kind_of(part) in _CONSTANT for value in values for part in walk(value))
