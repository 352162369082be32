"""Types, functions and collations that a statement needs and that certainly are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from migrate_safe.catalog.change import TEMPORARY, type_exists
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.things import sees_everything
from migrate_safe.effects.builtin_names import (
    may_be_builtin_collation,
    may_be_builtin_function,
    may_be_builtin_type,
)
from migrate_safe.effects.combine import Scene
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import AddColumn, AlterTable, Call, CreateTable, Statement
from migrate_safe.sql.mentions import Mentions, mentions_of

_OF_SYSTEM = ("pg_", "information_schema", "migrate_safe")
_ARRAY = "_"
"""How the names begin that the server gives to the types of arrays."""


def absent_name(scene: Scene, statement: Statement) -> str | None:
    """Say which type, function or collation the statement needs though it certainly does not exist, or None.

    Certain is only what a complete catalog without extensions says, which may bring anything along. The parameters of
    functions are not looked at: one of that name is enough.
    """
    schema = scene.schema
    if not knows_all(schema) or _does_nothing(schema, statement):
        return None
    if isinstance(statement.action, Call):
        return next(_missing(schema, "procedure", statement.action.procedure, lambda n: n in schema.functions), None)
    return absent_in(schema, mentions_of(statement.text))


def absent_in(schema: Schema, named: Mentions) -> str | None:
    """Say which of some names certainly does not exist, or None."""
    return next(_absent(schema, named), None)


def knows_all(schema: Schema) -> bool:
    """Say whether what is neither in the schema nor the server's own certainly does not exist."""
    searched = [s for s in schema.search_path if s.startswith(_OF_SYSTEM)]
    return sees_everything(schema) and _has_schema(schema, "public") and not searched


def _has_schema(schema: Schema, name: str) -> bool:
    return ("schema", Name(None, name)) in schema.things


def _does_nothing(schema: Schema, statement: Statement) -> bool:
    """Say whether IF [NOT] EXISTS ends the statement before its names are looked up."""
    match statement.action:
        case CreateTable(table=table, if_not_exists=True, as_query=False):
            return relation_exists(schema, schema.resolve(table))
        case AlterTable(table=table, actions=actions, if_exists=tolerant):
            columns = {c.name for c in known.columns} if (known := schema.table(table)) is not None else set()
            adding = [a for a in actions if isinstance(a, AddColumn) and a.if_not_exists]
            present = any(a.definition.column.name in columns for a in adding)
            return present or (tolerant and not relation_exists(schema, schema.resolve(table)))
        case _:
            return False


def _absent(schema: Schema, named: Mentions) -> Iterator[str]:
    def is_type(name: Name) -> bool:
        return type_exists(schema, name) or name in schema.sequences or name.name.startswith(_ARRAY)

    def is_function(name: Name) -> bool:
        return name in schema.functions or is_type(name)

    def is_collation(name: Name) -> bool:
        return ("collation", name) in schema.things

    major = schema.server_version
    for type_name in named.types:
        if type_name.schema is not None or not may_be_builtin_type(type_name.name):
            yield from _missing(schema, "type", type_name, is_type)
    for function in named.functions:
        plain = function.schema is None
        if not plain or not (may_be_builtin_function(function.name, major) or _is_column(schema, named, function)):
            yield from _missing(schema, "function", function, is_function)
    for collation in named.collations:
        if collation.schema is not None or not may_be_builtin_collation(collation.name):
            yield from _missing(schema, "collation", collation, is_collation)


def _missing(schema: Schema, word: str, name: Name, is_there: Callable[[Name], bool]) -> Iterator[str]:
    if name.schema is None:
        places = [Name(namespace, name.name) for namespace in (TEMPORARY, *schema.search_path)]
    elif name.schema.startswith(_OF_SYSTEM):
        return
    else:
        places = [name]
        if not _has_schema(schema, name.schema):
            yield f"schema {name.schema!r} does not exist"
    if not any(map(is_there, places)):
        yield f"{word} {name} does not exist"


def _is_column(schema: Schema, named: Mentions, function: Name) -> bool:
    """Say whether something has a column or attribute of that name: `name(t)` is t.name."""
    held = (c.name for t in schema.tables.values() for c in t.columns)
    shown = (c for v in schema.views.values() for c in v.shows)
    attributes = (a for found in schema.composites.values() for a, _ in found)
    return function.name in named.labels or any(function.name == c for c in chain(held, shown, attributes))
