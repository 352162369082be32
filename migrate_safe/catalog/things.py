"""Things: objects whose facts no room looks into."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Thing
from migrate_safe.model.schema import Schema
from migrate_safe.model.values import replace

_OF_SYSTEM = frozenset({"information_schema", "migrate_safe"})
_USUAL = (("schema", Name(None, "public")), ("extension", Name(None, "plpgsql")))


def with_usual_things(schema: Schema) -> Schema:
    """Add what every new database has and dumps leave out: the schema public, and plpgsql."""
    missing = {key: Thing(*key) for key in _USUAL if key not in schema.things}
    return replace(schema, things={**schema.things, **missing})


def sees_everything(schema: Schema) -> bool:
    """Say whether what is not in the schema certainly does not exist: what extensions bring along is not read."""
    return schema.complete and all(kind != "extension" or name.name == "plpgsql" for kind, name in schema.things)


def put_thing(schema: Schema, thing: Thing) -> Schema:
    """Give the schema with that thing added, or replaced under its name."""
    return replace(schema, things={**schema.things, (thing.kind, thing.name): thing})


def drop_thing(schema: Schema, kind: str, name: Name) -> Schema:
    """Give the schema without a thing."""
    return replace(schema, things={k: t for k, t in schema.things.items() if k != (kind, name)})


def fact(thing: Thing | None, word: str) -> str | None:
    """Give a fact of a thing, None where it has none of that word."""
    return next((text for key, text in thing.facts if key == word), None) if thing is not None else None


def with_fact(thing: Thing, word: str, text: str | None) -> Thing:
    """Give the thing with one fact set, or taken away (None); facts stand in the order of their words."""
    kept = [f for f in thing.facts if f[0] != word]
    return replace(thing, facts=tuple(sorted([*kept, (word, text)] if text is not None else kept)))


def found_thing(schema: Schema, kind: str, name: Name) -> Name:
    """Qualify the name of a thing that lives in a schema, along search_path."""
    if name.schema is not None:
        return name
    for namespace in schema.search_path:
        if (kind, Name(namespace, name.name)) in schema.things:
            return Name(namespace, name.name)
    return name.within(schema.first_place)


def need_thing(schema: Schema, kind: str, name: Name, *, if_exists: bool = False) -> Thing | None:
    """Give a thing, None where it may exist unseen; raise CannotApply where it certainly does not."""
    found = schema.things.get((kind, name))
    of_system = kind == "schema" and (name.name.startswith("pg_") or name.name in _OF_SYSTEM)
    of_extension = kind == "schema" and bool(schema.unread)
    if found is None and schema.complete and not if_exists and not of_system and not of_extension:
        raise CannotApply(f"{kind} {name} does not exist")
    return found
