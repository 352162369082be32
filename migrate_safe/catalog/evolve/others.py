"""Statements that are known by their kind alone: each family is asked in turn."""

from __future__ import annotations

from migrate_safe.catalog.change import without_temporary
from migrate_safe.catalog.evolve import comments, namespaces, replication, rights, roles, upkeep, user_types
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import Other

_FAMILIES = (
    comments.other,
    namespaces.other,
    replication.other,
    rights.other,
    roles.other,
    upkeep.other,
    user_types.other,
)


def other(schema: Schema, action: Other, text: str = "") -> Schema:
    """Apply a statement of a family; of what no family knows, nothing is kept."""
    if action.kind == "DiscardStmt":
        return without_temporary(schema) if action.detail in ("all", "temp") else schema
    for family in _FAMILIES:
        found = family(schema, action, text)
        if found is not None:
            return found
    return schema
