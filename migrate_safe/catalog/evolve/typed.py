"""Tables of a composite type."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply, put, type_exists, type_name
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Schema, Table
from migrate_safe.model.values import replace


def with_attributes(schema: Schema, name: Name, of_type: Name) -> Schema:
    """Give a new typed table the attributes of its type."""
    full = type_name(schema, of_type)
    attributes = schema.composites.get(full)
    if attributes is None:
        _refuse_missing(schema, full)
        return put(schema, replace(schema.tables[name], of_type=full, partial=True))
    columns = tuple(Column(n, t) for n, t in attributes)
    return put(schema, replace(schema.tables[name], of_type=full, columns=columns))


def change_type(schema: Schema, table: Table, wanted: Name | None) -> Schema:
    """OF and NOT OF: tie a table to a composite type whose attributes are its columns, or untie it."""
    if wanted is None:
        if table.of_type is None and not table.partial:
            raise CannotApply(f"{table.name} is not a typed table")
        return put(schema, replace(table, of_type=None))
    if table.parents:
        raise CannotApply(f"typed tables cannot inherit: {table.name}")
    full = type_name(schema, wanted)
    attributes = schema.composites.get(full)
    if attributes is None:
        _refuse_missing(schema, full)
    elif not table.partial and attributes != tuple((c.name, c.type) for c in table.columns):
        raise CannotApply(f"the columns of {table.name} are not the attributes of type {full}")
    return put(schema, replace(table, of_type=full))


def _refuse_missing(schema: Schema, name: Name) -> None:
    if type_exists(schema, name) or relation_exists(schema, name):
        raise CannotApply(f"type {name} is not a composite type")
    if schema.complete:
        raise CannotApply(f"composite type {name} does not exist")
