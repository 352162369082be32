"""How schemas come, get other names, and go with all that is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from migrate_safe.catalog.change import TYPE_KINDS, CannotApply
from migrate_safe.catalog.evolve.drawing import without_sequences
from migrate_safe.catalog.evolve.freeing import freed, without_function
from migrate_safe.catalog.evolve.renames import move
from migrate_safe.catalog.evolve.resting import on_function
from migrate_safe.catalog.evolve.tables import drop_table
from migrate_safe.catalog.evolve.user_types import drop_type
from migrate_safe.catalog.evolve.views import drop_views
from migrate_safe.catalog.privileges import role_name
from migrate_safe.catalog.things import need_thing, put_thing
from migrate_safe.catalog.type_users import with_types
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Thing
from migrate_safe.model.said import Dropped, NewSchema, Renamed
from migrate_safe.model.schema import Function, Schema
from migrate_safe.model.statement import DropTable, DropType, Other
from migrate_safe.model.values import replace

T = TypeVar("T")


def other(schema: Schema, action: Other, _text: str) -> Schema | None:
    """Apply CREATE, RENAME and DROP SCHEMA; None for other statements."""
    match action.says:
        case NewSchema() as new:
            return create_schema(schema, new)
        case Renamed(target=target, to=to) if target.kind == "schema":
            return _renamed(schema, target.name.name, to)
        case Dropped(targets=targets) as dropped if targets and targets[0].kind == "schema":
            for each in targets:
                schema = _dropped(schema, each.name.name, dropped)
            return schema
        case _:
            return None


def create_schema(schema: Schema, new: NewSchema) -> Schema:
    """Add a schema; what is created inside of it is applied by itself."""
    name = Name(None, role_name(schema, new.name))
    if new.name.startswith("pg_"):
        raise CannotApply(f"unacceptable schema name {new.name!r}")
    if ("schema", name) in schema.things:
        if new.if_not_exists:
            return schema
        raise CannotApply(f"schema {name} already exists")
    owner = role_name(schema, new.owner) if new.owner is not None else schema.role
    return put_thing(schema, Thing("schema", name, (("owner", owner),) if owner is not None else ()))


def _renamed(schema: Schema, old: str, new: str) -> Schema:
    known = need_thing(schema, "schema", Name(None, old))
    if ("schema", Name(None, new)) in schema.things:
        raise CannotApply(f"schema {new!r} already exists")
    for relation in [*schema.tables, *schema.views, *schema.sequences]:
        if relation.schema == old:
            schema = _moved(schema, relation, Name(new, relation.name))
    schema = _types_within(schema, old, new)
    schema = replace(
        schema,
        functions={
            _within(n, old, new): tuple(replace(f, name=_within(n, old, new)) for f in fs)
            for n, fs in schema.functions.items()
        },
        enums=_keys(schema.enums, old, new),
        domains=_keys(schema.domains, old, new),
        composites=_keys(schema.composites, old, new),
        things=_things_within(schema, old, new),
    )
    if known is not None:
        things = {k: t for k, t in schema.things.items() if k != ("schema", known.name)}
        schema = put_thing(replace(schema, things=things), replace(known, name=Name(None, new)))
    return schema


def _moved(schema: Schema, old: Name, new: Name) -> Schema:
    """Move a relation unless it has gone along with its table already."""
    still = old in schema.tables or old in schema.views or old in schema.sequences
    return move(schema, old, new) if still else schema


def _within(name: Name, old: str, new: str) -> Name:
    return Name(new, name.name) if name.schema == old else name


def _keys(held: Mapping[Name, T], old: str, new: str) -> dict[Name, T]:
    return {_within(name, old, new): value for name, value in held.items()}


def _types_within(schema: Schema, old: str, new: str) -> Schema:
    """Let all that is of the types of a schema follow: columns, attributes, parameters, typed tables."""
    moved = with_types(schema, lambda t: replace(t, schema=new) if t.schema == old else t)
    typed = [replace(t, of_type=_within(t.of_type, old, new)) for t in moved.tables.values() if t.of_type is not None]
    return moved.with_tables(*typed)


def _things_within(schema: Schema, old: str, new: str) -> dict[tuple[str, Name], Thing]:
    types = {str(n): str(_within(n, old, new)) for n in [*types_in(schema, old), *schema.tables, *schema.views]}

    def facts(thing: Thing) -> tuple[tuple[str, str], ...]:
        return tuple((word, types.get(text, text)) for word, text in thing.facts)

    moved = [
        replace(t, name=_within(t.name, old, new), facts=facts(t) if t.kind in TYPE_KINDS else t.facts)
        for t in schema.things.values()
    ]
    return {(t.kind, t.name): t for t in moved}


def _dropped(schema: Schema, name: str, how: Dropped) -> Schema:
    if name in ("pg_catalog", "pg_toast"):
        raise CannotApply(f"cannot drop schema {name!r}: the database system requires it")
    known = need_thing(schema, "schema", Name(None, name), if_exists=how.if_exists)
    inside = things_inside(schema, name)
    if inside and not how.cascade:
        raise CannotApply(f"schema {name!r} is not empty: {inside[0]} is in it")
    schema = _emptied(schema, name)
    gone = {k for k, t in schema.things.items() if t.name.schema == name or t is known}
    return replace(schema, things={k: t for k, t in schema.things.items() if k not in gone})


def things_inside(schema: Schema, name: str) -> tuple[Name, ...]:
    """Give all objects in a schema, tables first."""
    held = (schema.tables, schema.views, schema.sequences, schema.functions, schema.enums, schema.domains)
    named = [n for objects in (*held, schema.composites) for n in objects if n.schema == name]
    return tuple(dict.fromkeys(named))


def _emptied(schema: Schema, name: str) -> Schema:
    """Drop all that is in a schema, and with it what rests on that elsewhere."""
    schema = drop_views(schema, [v for v in schema.views if v.schema == name], cascade=True)
    tables = tuple(t for t in schema.tables if t.schema == name)
    schema = drop_table(schema, DropTable(tables, if_exists=True, cascade=True)) if tables else schema
    schema = without_sequences(schema, [n for n in schema.sequences if n.schema == name], (), cascade=True)
    for function in functions_in(schema, name):
        schema = freed(schema, on_function(schema, function), str(function.name), cascade=True)
        schema = without_function(schema, function.name, function.arguments)
    return drop_type(schema, DropType(types_in(schema, name), if_exists=True, cascade=True))


def functions_in(schema: Schema, name: str) -> tuple[Function, ...]:
    """Give the functions in a schema."""
    return tuple(f for n, overloads in schema.functions.items() if n.schema == name for f in overloads)


def types_in(schema: Schema, name: str) -> tuple[Name, ...]:
    """Give the types in a schema that are neither rows of relations nor multiranges."""
    ranges = (n for kind, n in schema.things if kind == "range")
    return tuple(n for n in (*schema.enums, *schema.domains, *schema.composites, *ranges) if n.schema == name)
