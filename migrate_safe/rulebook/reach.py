"""How far a data statement goes: by the rows that it names, or through tables that clients use."""

from __future__ import annotations

from collections.abc import Collection

from migrate_safe.model.names import Name
from migrate_safe.model.schema import ConstraintKind, Schema, Table
from migrate_safe.model.statement import Dml, DmlKind
from migrate_safe.rulebook.terms import Reach

_FINDING_ROWS = (DmlKind.UPDATE, DmlKind.DELETE)
_OF_SYSTEM = ("pg_catalog", "information_schema")
_PLACE = "ctid"
"""The system column that names the place of a row."""
_KEYS = (ConstraintKind.PRIMARY, ConstraintKind.UNIQUE)


def walked(schema: Schema, action: Dml) -> tuple[Name, ...]:
    """Give the relations whose rows a statement goes through; MERGE does so with its target to join it."""
    if action.kind in (DmlKind.SELECT, DmlKind.COPY_FROM, DmlKind.COPY_TO):
        return ()
    found = [schema.resolve(name) for name in action.sources]
    if action.target is not None and (action.kind in _FINDING_ROWS or (action.kind is DmlKind.MERGE and found)):
        found.append(schema.resolve(action.target))
    return tuple(n for n in found if n.schema not in _OF_SYSTEM)


def reach_of(schema: Schema, action: Dml, in_use: Collection[Name]) -> Reach:
    """Say through how many rows of tables in use a statement goes; `in_use` are those that it walks."""
    if not in_use:
        return Reach.FEW
    names = walked(schema, action)
    if len(names) > 1 or not action.pinned:
        return Reach.MANY
    if _PLACE in action.pinned:
        return Reach.FEW
    table = schema.tables.get(names[0])
    if table is not None and any(key <= action.pinned for key in _unique_keys(table)):
        return Reach.FEW
    return Reach.UNSURE if table is None or table.partial else Reach.MANY


def _unique_keys(table: Table) -> list[frozenset[str]]:
    """Give the sets of columns of which each combination of values stands in one row, by an index that finds it."""
    keys = [frozenset(c.columns) for c in table.constraints if c.kind in _KEYS]
    for index in table.indexes:
        columns = frozenset(k.column for k in index.keys if k.column is not None)
        if index.unique and index.valid and index.predicate is None and len(columns) == len(index.keys):
            keys.append(columns)
    return keys
