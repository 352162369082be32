"""What plans have put aside and not yet removed: no part of what later plans are made for."""

from __future__ import annotations

from migrate_safe.model.schema import Constraint, Index, Schema, Table
from migrate_safe.model.values import replace

RETIRED = "_ms_retired_"
"""Prefix of the columns, indexes and constraints that contract has taken out of sight, until purge."""

RETIRED_SCHEMA = "migrate_safe_retired_"
"""Prefix of the schemas that hold what was dropped, until purge; nothing that reads a catalog looks into them."""


def without_retired(schema: Schema) -> Schema:
    """Leave out retired columns and indexes, and the indexes and constraints on them."""
    return replace(schema, tables={name: _without(table) for name, table in schema.tables.items()})


def _without(table: Table) -> Table:
    gone = frozenset(c.name for c in table.columns if c.name.startswith(RETIRED))
    if not gone and not any((i.name or "").startswith(RETIRED) for i in table.indexes):
        return table
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name not in gone),
        constraints=tuple(c for c in table.constraints if not _is_retired(c, gone)),
        indexes=tuple(i for i in table.indexes if not _serves(i, gone)),
    )


def _is_retired(constraint: Constraint, gone: frozenset[str]) -> bool:
    return (constraint.name or "").startswith(RETIRED) or not gone.isdisjoint(constraint.columns)


def _serves(index: Index, gone: frozenset[str]) -> bool:
    columns = {key.column for key in index.keys} | set(index.include)
    return (index.name or "").startswith(RETIRED) or not gone.isdisjoint(columns)
