"""How operators, casts, languages, collations, event triggers and their like come, change and go."""

from __future__ import annotations

import re
from collections.abc import Iterable

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve.freeing import freed
from migrate_safe.catalog.evolve.resting import FUNCTION_WORDS, Rest, has_extensions, knows_functions
from migrate_safe.catalog.evolve.views import created_name
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.schema import Index, Schema, Table, Thing
from migrate_safe.model.statement import AlterThing, CreateThing, DropThings
from migrate_safe.model.values import replace

_UNQUALIFIED = frozenset({"access method", "cast", "event trigger", "language", "transform"})
"""Kinds of things that stand in no schema."""
_SUFFIX = re.compile(r"\(| using ")
_BUILTIN = frozenset({"pg_catalog", "information_schema"})
_OWN = {
    "access method": ("heap", "btree", "hash", "gin", "gist", "spgist", "brin"),
    "language": ("sql", "c", "internal", "plpgsql"),
    "event trigger": (),
}
"""What the server has of its own among things that stand in no schema."""


def create_thing(schema: Schema, action: CreateThing) -> Schema:
    """Add a thing; its facts name functions with their schemas."""
    thing = action.thing
    name = thing.name if thing.kind in _UNQUALIFIED else created_name(schema, thing.name)
    known = schema.things.get((thing.kind, name))
    if name.name in _OWN.get(thing.kind, ()) and not action.replace:
        raise CannotApply(f"{thing.kind} {name} already exists")
    if known is not None:
        if action.if_not_exists:
            return schema
        if not action.replace:
            raise CannotApply(f"{thing.kind} {name} already exists")
    if thing.kind == "event trigger":
        _refuse_event_trigger(schema, parse_name(dict(thing.facts)["function"]))
    facts = tuple(sorted(_fact(schema, word, value) for word, value in thing.facts))
    made = replace(thing, name=name, facts=facts)
    if thing.kind == "collation":
        made = _collation(schema, made)
    if thing.kind == "text search configuration":
        made = _configuration(schema, made)
    if thing.kind == "operator class":
        schema, made = _with_family(schema, made)
    return _put(schema, made)


def _refuse_event_trigger(schema: Schema, function: Name) -> None:
    places = (function.schema,) if function.schema is not None else schema.search_path
    found = [f for s in places for f in schema.functions.get(Name(s, function.name), ()) if not f.arguments]
    if not found and knows_functions(schema):
        raise CannotApply(f"function {function}() does not exist")
    if found and found[0].returns is not None and found[0].returns.name != "event_trigger":
        raise CannotApply(f"function {function} must return type event_trigger")


def _put(schema: Schema, thing: Thing) -> Schema:
    return replace(schema, things={**schema.things, (thing.kind, thing.name): thing})


def _fact(schema: Schema, word: str, value: str) -> tuple[str, str]:
    """Qualify the function that a fact names; one that no schema of users has is the server's own."""
    if word not in FUNCTION_WORDS:
        return word, value
    name = parse_name(value)
    if name.schema is not None:
        return word, name.name if name.schema == "pg_catalog" else str(name)
    found = [Name(s, name.name) for s in schema.search_path if Name(s, name.name) in schema.functions]
    return word, str(found[0]) if found else value


def _collation(schema: Schema, made: Thing) -> Thing:
    """Give a collation made FROM another one its facts, where these are known."""
    source = dict(made.facts).get("from")
    if source is None:
        return made
    wanted = parse_name(f'"{source}"' if "." not in source else source)
    known = [
        t for (kind, n), t in schema.things.items() if kind == made.kind and n.name == wanted.name.rpartition(".")[2]
    ]
    if known:
        return replace(made, facts=known[0].facts)
    provider = "icu" if source.endswith("x-icu") else "libc"
    return replace(made, facts=(("deterministic", "true"), ("provider", provider)))


def _configuration(schema: Schema, made: Thing) -> Thing:
    """Give a text search configuration copied from another one that one's parser."""
    source = dict(made.facts).get("copy")
    if source is None:
        return replace(made, facts=tuple((w, v.rpartition(".")[2]) for w, v in made.facts))
    known = find_thing(schema, made.kind, parse_name(source))
    return replace(made, facts=known.facts if known is not None else (("parser", "default"),))


def _with_family(schema: Schema, made: Thing) -> tuple[Schema, Thing]:
    """Give an operator class its family, which is made with it where it has none."""
    facts = dict(made.facts)
    if "family" in facts:
        schema_name, _, rest = facts["family"].rpartition(".")
        family = Name(schema_name or made.name.schema, rest)
    else:
        family = made.name
        if ("operator family", family) not in schema.things:
            schema = _put(schema, Thing("operator family", family))
    return schema, replace(made, facts=tuple(sorted({**facts, "family": str(family)}.items())))


def find_thing(schema: Schema, kind: str, name: Name) -> Thing | None:
    """Find a thing along search_path."""
    if kind in _UNQUALIFIED or name.schema is not None:
        return schema.things.get((kind, name))
    found = (schema.things.get((kind, Name(s, name.name))) for s in schema.search_path)
    return next((t for t in found if t is not None), None)


def alter_thing(schema: Schema, action: AlterThing) -> Schema:
    """Rename, move or alter a thing."""
    known = find_thing(schema, action.kind, action.name)
    if known is None:
        if _is_surely_absent(schema, action.kind, action.name):
            raise CannotApply(f"{action.kind} {action.name} does not exist")
        return schema
    name = known.name
    if action.to is not None:
        name = Name(name.schema, _renamed(name.name, action.to))
    if action.schema is not None:
        name = Name(action.schema, name.name)
    if name != known.name and (action.kind, name) in schema.things:
        raise CannotApply(f"{action.kind} {name} already exists")
    facts = {**dict(known.facts), **dict(_fact(schema, w, v) for w, v in action.facts)}
    made = replace(known, name=name, facts=tuple(sorted((w, v) for w, v in facts.items() if v)))
    things = {k: t for k, t in schema.things.items() if k != (known.kind, known.name)}
    return _followed(_put(replace(schema, things=things), made), known, made)


def _renamed(old: str, new: str) -> str:
    """Give the new name with what else tells the thing apart: `===(integer,integer)`, `ops using btree`."""
    place = _SUFFIX.search(old)
    return new + (old[place.start() :] if place is not None else "")


def _followed(schema: Schema, old: Thing, new: Thing) -> Schema:
    """Let operator classes follow their family, and functions, transforms their language."""
    if old.kind == "operator family":
        things = {
            k: replace(t, facts=tuple((w, str(new.name) if v == str(old.name) else v) for w, v in t.facts))
            for k, t in schema.things.items()
        }
        return replace(schema, things=things)
    if old.kind != "language":
        return schema
    functions = {
        n: tuple(replace(f, language=new.name.name) if f.language == old.name.name else f for f in held)
        for n, held in schema.functions.items()
    }
    return replace(schema, functions=functions)


def _is_surely_absent(schema: Schema, kind: str, name: Name) -> bool:
    """Say whether the server certainly has no such thing: what it brings along itself is not in the schema."""
    return not has_extensions(schema) and not is_builtin(kind, name)


def is_builtin(kind: str, name: Name) -> bool:
    """Say whether a thing may be one that the server brings along."""
    if kind in ("cast", "operator", "transform"):
        return True
    return name.schema in (None, *_BUILTIN) if kind not in _OWN else name.name in _OWN[kind]


def drop_things(schema: Schema, action: DropThings) -> Schema:
    """Drop things; what rests on them makes the server refuse, or goes along.

    What is not in a complete schema is absent, or the server's or an extension's own: it refuses to drop either.
    """
    for wanted in action.names:
        known = find_thing(schema, action.kind, wanted)
        if known is None:
            if not action.if_exists and schema.complete:
                raise CannotApply(f"{action.kind} {wanted} does not exist, or is required by the server")
            continue
        rests = on_thing(schema, known)
        inside = [r for r in rests if known.kind == "operator family" and r.kind == "thing"]
        outside = [r for r in rests if r not in inside]
        schema = freed(schema, outside, f"{known.kind} {known.name}", cascade=action.cascade)
        schema = freed(schema, inside, str(known.name), cascade=True)
        schema = replace(schema, things={k: t for k, t in schema.things.items() if k != (known.kind, known.name)})
    return schema


def on_thing(schema: Schema, thing: Thing) -> list[Rest]:
    """Give what certainly rests on a thing."""
    match thing.kind:
        case "language":
            return _in_language(schema, thing.name.name)
        case "operator class":
            return [Rest("index", i.name or "", t.name) for t, i in _indexes(schema) if _has_class(i, thing.name)]
        case "operator family":
            classes = [t for t in schema.things.values() if dict(t.facts).get("family") == str(thing.name)]
            own = [Rest("thing", str(t.name), t.name, t.kind) for t in classes]
            return own + [rest for t in classes for rest in on_thing(schema, t)]
        case "collation":
            return _in_collation(schema, thing.name)
        case "access method":
            return [Rest("index", i.name or "", t.name) for t, i in _indexes(schema) if i.method == thing.name.name]
        case kind if kind.startswith("text search"):
            return [
                Rest("thing", str(t.name), t.name, t.kind)
                for t in schema.things.values()
                if thing.name.name in (dict(t.facts).get("parser"), dict(t.facts).get("template")) and t != thing
            ]
        case _:
            return []


def _indexes(schema: Schema) -> Iterable[tuple[Table, Index]]:
    return ((t, i) for t in schema.tables.values() for i in t.indexes)


def _has_class(index: Index, name: Name) -> bool:
    plain, _, method = name.name.partition(" using ")
    return index.method == method and any((k.opclass or "").rpartition(".")[2] == plain for k in index.keys)


def _in_language(schema: Schema, language: str) -> list[Rest]:
    return [
        Rest("function", f.name.name, f.name, f.arguments)
        for held in schema.functions.values()
        for f in held
        if f.language == language
    ]


def _in_collation(schema: Schema, name: Name) -> list[Rest]:
    columns = [
        Rest("column", c.name, t.name)
        for t in schema.tables.values()
        for c in t.columns
        if c.collation is not None and c.collation.name == name.name
    ]
    return columns + [
        Rest("index", i.name or "", t.name)
        for t, i in _indexes(schema)
        if any(k.collation is not None and k.collation.name == name.name for k in i.keys)
    ]
