"""The order in which a migration's statements are planned: as written, but a table gets its other name late.

Until contract a table that is renamed keeps its old name, and a view stands in for the new one. What is changed in
other tables meanwhile, such as a foreign key to it, must be planned while it is still called by the old one.
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.model.names import Name
from migrate_safe.model.statement import (
    Action,
    AlterTable,
    CreateIndex,
    RenameColumn,
    RenameTable,
    SetSchema,
    Statement,
    Transaction,
)
from migrate_safe.sql.relations import relations_in
from migrate_safe.sql.tree import Unreadable, parse_tree

Numbered = tuple[int, Statement]


def in_order(statements: Iterable[Statement]) -> tuple[Numbered, ...]:
    """Give statements with their numbers; one that renames a table goes behind the changes of other tables after it.

    It stays before whatever names the table by either name, and before statements of other kinds.
    """
    ordered: list[Numbered] = []
    moving: list[Numbered] = []
    for numbered in enumerate(statements):
        names = {name for _, moved in moving for name in _names(moved.action)}
        if not _passes(numbered[1], names):
            ordered += moving
            moving = []
        (moving if _names(numbered[1].action) else ordered).append(numbered)
    return (*ordered, *moving)


def _names(action: Action) -> frozenset[str]:
    """Give the names without schema that a table has before and after a rename; none for other statements."""
    match action:
        case RenameTable(table=table, to=to, object="table"):
            return frozenset({table.name, to})
        case SetSchema(table=table, object="table"):
            return frozenset({table.name})
        case _:
            return frozenset()


def _passes(statement: Statement, names: set[str]) -> bool:
    match statement.action:
        case AlterTable() | RenameColumn() | CreateIndex() | RenameTable() | SetSchema():
            named = _relations(statement.text)
            return named is not None and not names & {name.name for name in named}
        case Transaction():
            return True
        case _:
            return False


def _relations(text: str) -> tuple[Name, ...] | None:
    try:
        return tuple(name for tree in parse_tree(text) for name in relations_in(tree.node))
    except Unreadable:
        return None
