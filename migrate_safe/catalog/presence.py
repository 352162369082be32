"""Whether a relation that a statement names is there."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.stored_views import as_tables
from migrate_safe.catalog.things import sees_everything
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema

_FOREIGN = ("pg_catalog", "information_schema", "pg_toast", "migrate_safe", "pg_temp")


def is_of_system(name: Name) -> bool:
    """Say whether a relation, as written, is one that no schema holds: a catalog, or a table of this tool."""
    return name.schema in _FOREIGN or (name.schema is None and name.name.startswith("pg_"))


def surely_absent(schema: Schema, name: Name) -> bool:
    """Say whether a relation certainly does not exist; those of extensions and of the system are not read."""
    if not sees_everything(schema) or is_of_system(name):
        return False
    full = schema.resolve(name)
    known = full in schema.tables or full in schema.views or full in schema.sequences
    return not known and as_tables(schema).index_table(full) is None and full not in schema.composites


def need_relation(schema: Schema, name: Name) -> Name:
    """Qualify the name of a relation; raise CannotApply where it certainly does not exist."""
    if surely_absent(schema, name):
        raise CannotApply(f"relation {name} does not exist")
    return schema.resolve(name)
