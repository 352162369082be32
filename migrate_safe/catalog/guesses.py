"""Relations whose kind nobody knows: what altered one was ALTER TABLE, which takes views, indexes and sequences too.

While not all is known such a relation is taken for a table, until a statement shows it to be something else.
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.model.names import Name
from migrate_safe.model.said import Comment
from migrate_safe.model.schema import Schema, TableKind
from migrate_safe.model.statement import (
    Action,
    AlterSequence,
    AlterTable,
    CreateTrigger,
    CreateView,
    DropIndex,
    DropSequence,
    DropView,
    Other,
    RefreshView,
    Reindex,
    RenameTable,
    SetSchema,
)

NO_TABLES = ("view", "materialized view", "sequence", "index")
"""What statements call the kinds of relations that are no tables."""


def is_guess(schema: Schema, name: Name) -> bool:
    """Say whether a relation counts as a table though nothing shows that it is one."""
    table = None if schema.complete else schema.tables.get(name)
    if table is None or not table.partial or table.kind is not TableKind.TABLE:
        return False
    return not (table.columns or table.constraints or table.parents)


def without_guesses(schema: Schema, action: Action) -> Schema:
    """Forget what was taken for a table where a statement shows that it is none."""
    if schema.complete:
        return schema
    wrong = [full for full in map(schema.resolve, _no_tables(action)) if is_guess(schema, full)]
    return schema.with_tables(gone=wrong) if wrong else schema


def _no_tables(action: Action) -> Iterable[Name]:
    """Give the relations that a statement takes for something else than tables."""
    match action:
        case AlterTable(table=name) | RenameTable(table=name) | SetSchema(table=name) if action.object in NO_TABLES:
            return (name,)
        case DropView(views=names) | DropIndex(indexes=names) | DropSequence(sequences=names):
            return names
        case AlterSequence(name=name) | RefreshView(view=name):
            return (name,)
        case CreateView(replace=True):
            return (action.view.name,)
        case Reindex(kind="index", target=name) if name is not None:
            return (name,)
        case CreateTrigger() if action.trigger.timing == "INSTEAD OF":
            return (action.table,)
        case Other(says=Comment(target=target)) if target.kind in NO_TABLES:
            return (target.name,)
        case _:
            return ()
