"""In which schemas objects may be made, and to which they may be moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate_safe.catalog.change import TEMPORARY, CannotApply
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.model.names import NOWHERE
from migrate_safe.model.said import Moved
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import Action, AlterRoutine, AlterThing, Other, SetSchema, SetTypeSchema

_OWN = frozenset({"pg_catalog", "pg_toast"})
"""The schemas in which the server lets nobody make relations."""
_OF_A_SERVER = "user mapping"
"""Such a thing is named by its server and its user."""
_CLOSED = ("pg_toast", TEMPORARY)
"""Schemas, and how the names of others begin, to which nothing can be moved."""


def refuse_move(schema: Schema, action: Action) -> None:
    """Raise CannotApply for SET SCHEMA to where temporary or toasted relations live."""
    to = _destination(schema, action)
    if to is not None and to.startswith(_CLOSED):
        raise CannotApply(f"cannot move objects into schema {to!r}")


def _destination(schema: Schema, action: Action) -> str | None:
    match action:
        case SetSchema(table=table, to=to, if_exists=tolerant):
            return None if tolerant and not relation_exists(schema, schema.resolve(table)) else to
        case SetTypeSchema(schema=to) | AlterRoutine(schema=to) | AlterThing(schema=to) | Other(says=Moved(to=to)):
            return to
        case _:
            return None


def refuse_place(before: Schema, after: Schema, action: Action) -> None:
    """Raise CannotApply for what is made in a schema, or moved to one, that certainly does not exist or is closed."""
    schemas = {name.name for kind, name in after.things if kind == "schema"}
    if not (after.complete and "public" in schemas):
        return
    for place in _new_places(before, after):
        if place == NOWHERE:
            raise CannotApply("no schema has been selected to create in")
        if place not in schemas and not _is_of_system(place):
            raise CannotApply(f"schema {place!r} does not exist")
    relations = ((before.tables, after.tables), (before.views, after.views), (before.sequences, after.sequences))
    made = {n.schema for one, two in relations if two is not one for n in two.keys() - one.keys()}
    if made & _OWN and not isinstance(action, SetSchema):
        raise CannotApply(f"permission denied to create in schema {min(s for s in made & _OWN if s)!r}")


def _new_places(before: Schema, after: Schema) -> Iterator[str]:
    """Yield the schemas of all objects that came by a statement."""
    for one, two in zip(_objects(before), _objects(after), strict=True):
        if two is not one:
            yield from (n.schema for n in two.keys() - one.keys() if n.schema is not None)
    if after.things is not before.things:
        came = after.things.keys() - before.things.keys()
        yield from (n.schema for kind, n in came if n.schema is not None and kind != _OF_A_SERVER)


def _objects(schema: Schema) -> tuple[Mapping[Any, Any], ...]:
    relations = (schema.tables, schema.views, schema.sequences)
    return (*relations, schema.functions, schema.enums, schema.domains, schema.composites)


def _is_of_system(schema: str) -> bool:
    return schema.startswith("pg_") or schema in ("migrate_safe", "information_schema")
