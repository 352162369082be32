"""How composite types come and change; typed tables change with them."""

from __future__ import annotations

from collections.abc import Callable

from migrate_safe.catalog.change import CannotApply, known_type, put, type_exists, type_name
from migrate_safe.catalog.evolve.column_rules import refuse_circular, refuse_pseudo_type
from migrate_safe.catalog.evolve.columns import column_removed
from migrate_safe.catalog.evolve.renames import renamed_in_table
from migrate_safe.catalog.evolve.views import created_name
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.type_users import columns_of_type, typed_tables
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Schema, Table, TypeName
from migrate_safe.model.statement import (
    AddColumn,
    AlterComposite,
    AlterType,
    CreateComposite,
    DropColumn,
    RenameAttribute,
)
from migrate_safe.model.values import replace

Attributes = tuple[tuple[str, TypeName], ...]


def create_composite(schema: Schema, action: CreateComposite) -> Schema:
    """Add a composite type; it takes a relation's name as well."""
    name = created_name(schema, action.name)
    if type_exists(schema, name) or relation_exists(schema, name):
        raise CannotApply(f"type {name} already exists")
    names = [n for n, _ in action.attributes]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise CannotApply(f"attribute {twice!r} of {name} is given twice")
    for attribute, given in action.attributes:
        refuse_pseudo_type(given, f"attribute {attribute!r}")
    made = tuple((n, known_type(schema, t)) for n, t in action.attributes)
    return replace(schema, composites={**schema.composites, name: made})


def alter_composite(schema: Schema, action: AlterComposite) -> Schema:
    """Add, drop or retype attributes; typed tables follow with CASCADE and make the server refuse without."""
    name = type_name(schema, action.name)
    if not _is_known(schema, name):
        return schema
    for change in action.changes:
        _refuse_typed(schema, name, cascade=change.cascade)
        schema = _attribute_changed(schema, name, change.action)
    return schema


def _is_known(schema: Schema, name: Name) -> bool:
    if name in schema.composites:
        return True
    if schema.complete or type_exists(schema, name) or relation_exists(schema, name):
        raise CannotApply(f"composite type {name} does not exist")
    return False


def _refuse_typed(schema: Schema, name: Name, *, cascade: bool) -> None:
    tables = typed_tables(schema, name)
    if tables and not cascade:
        raise CannotApply(f"type {name} is the type of typed table {tables[0].name}")


def _attribute_changed(schema: Schema, name: Name, action: object) -> Schema:
    attributes = schema.composites[name]
    match action:
        case AddColumn(definition=definition):
            column = definition.column
            if any(n == column.name for n, _ in attributes):
                raise CannotApply(f"attribute {column.name!r} of {name} already exists")
            refuse_circular(schema, name, column.type)
            of_type = known_type(schema, column.type)
            schema = _put(schema, name, (*attributes, (column.name, of_type)))
            return _in_typed(schema, name, lambda t: replace(t, columns=(*t.columns, Column(column.name, of_type))))
        case DropColumn(column=dropped, if_exists=if_exists):
            if not _has(name, attributes, dropped, if_exists=if_exists):
                return schema
            schema = _put(schema, name, tuple(a for a in attributes if a[0] != dropped))
            return _in_typed(schema, name, lambda t: column_removed(t, dropped))
        case AlterType(column=changed, type=written):
            _has(name, attributes, changed)
            users = columns_of_type(schema, name)
            if users:
                raise CannotApply(f"column {users[0][1].name!r} of {users[0][0].name} uses type {name}")
            new = known_type(schema, written)
            schema = _put(schema, name, tuple((n, new if n == changed else t) for n, t in attributes))
            return _in_typed(schema, name, lambda t: _retyped(t, changed, new))
        case _:
            return schema


def _has(name: Name, attributes: Attributes, wanted: str, *, if_exists: bool = False) -> bool:
    found = any(n == wanted for n, _ in attributes)
    if not found and not if_exists:
        raise CannotApply(f"attribute {wanted!r} of {name} does not exist")
    return found


def _put(schema: Schema, name: Name, attributes: Attributes) -> Schema:
    return replace(schema, composites={**schema.composites, name: attributes})


def _in_typed(schema: Schema, name: Name, change: Callable[[Table], Table]) -> Schema:
    for table in typed_tables(schema, name):
        schema = put(schema, change(table))
    return schema


def _retyped(table: Table, column: str, new: TypeName) -> Table:
    return replace(table, columns=tuple(replace(c, type=new) if c.name == column else c for c in table.columns))


def rename_attribute(schema: Schema, action: RenameAttribute) -> Schema:
    """Rename an attribute, in typed tables too."""
    name = type_name(schema, action.name)
    if not _is_known(schema, name):
        return schema
    attributes = schema.composites[name]
    _has(name, attributes, action.attribute)
    if any(n == action.to for n, _ in attributes):
        raise CannotApply(f"attribute {action.to!r} of {name} already exists")
    _refuse_typed(schema, name, cascade=action.cascade)
    renames = {action.attribute: action.to}
    schema = _put(schema, name, tuple((renames.get(n, n), t) for n, t in attributes))
    return _in_typed(schema, name, lambda t: renamed_in_table(t, renames))
