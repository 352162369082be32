"""How foreign data wrappers, servers and user mappings come, change and go."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve.tables import drop_table
from migrate_safe.catalog.things import need_thing
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Thing
from migrate_safe.model.statement import (
    AlterForeign,
    CreateForeign,
    DropForeign,
    DropTable,
    ForeignAction,
    ForeignKind,
    ImportForeignSchema,
    OptionChange,
    RenameForeign,
)
from migrate_safe.model.values import replace

_OPTION = "option "


def foreign_action(schema: Schema, action: ForeignAction) -> Schema:
    """Apply a statement about foreign data."""
    match action:
        case CreateForeign():
            return _create(schema, action)
        case AlterForeign():
            return _alter(schema, action)
        case DropForeign():
            return _drop(schema, action)
        case RenameForeign():
            return _rename(schema, action)
        case ImportForeignSchema():
            return _import(schema, action)


def _create(schema: Schema, action: CreateForeign) -> Schema:
    key = (str(action.kind), action.name)
    if key in schema.things:
        if action.if_not_exists:
            return schema
        raise CannotApply(f"{action.kind} {action.name} already exists")
    above = {"wrapper": ForeignKind.WRAPPER}.get(next((w for w, _ in action.facts), ""))
    if above is not None:
        _need(schema, above, Name(None, dict(action.facts)["wrapper"]))
    if action.kind is ForeignKind.MAPPING:
        _need(schema, ForeignKind.SERVER, Name(None, action.name.schema or ""))
    facts = _changed(action.facts, action.options)
    return _put(schema, Thing(str(action.kind), action.name, facts))


def _need(schema: Schema, kind: ForeignKind, name: Name) -> Thing | None:
    found = schema.things.get((str(kind), name))
    if found is None and schema.complete and not (kind is ForeignKind.WRAPPER and schema.unread):
        raise CannotApply(f"{kind} {name} does not exist")
    return found


def _put(schema: Schema, thing: Thing) -> Schema:
    return replace(schema, things={**schema.things, (thing.kind, thing.name): thing})


def _changed(facts: Iterable[tuple[str, str]], changes: Iterable[OptionChange]) -> tuple[tuple[str, str], ...]:
    """Give the facts with options added, set and dropped; refuse what is there twice or not at all."""
    found = {word: text for word, text in facts if text}
    for change in changes:
        word = _OPTION + change.name
        if (change.verb == "add") == (word in found):
            raise CannotApply(f"option {change.name!r} is {'given twice' if word in found else 'not there'}")
        if change.verb == "drop":
            del found[word]
        else:
            found[word] = change.value
    return tuple(sorted(found.items()))


def _alter(schema: Schema, action: AlterForeign) -> Schema:
    known = _need(schema, action.kind, action.name)
    if known is None:
        return schema
    facts = {**dict(known.facts), **dict(action.facts)}
    return _put(schema, replace(known, facts=_changed(facts.items(), action.options)))


def _drop(schema: Schema, action: DropForeign) -> Schema:
    for name in action.names:
        if (str(action.kind), name) not in schema.things:
            if schema.complete and not action.if_exists:
                raise CannotApply(f"{action.kind} {name} does not exist")
            continue
        schema = _dropped(schema, action.kind, name, cascade=action.cascade)
    return schema


def _dropped(schema: Schema, kind: ForeignKind, name: Name, *, cascade: bool) -> Schema:
    resting = things_below(schema, kind, name)
    tables = foreign_tables(schema, name) if kind is ForeignKind.SERVER else ()
    if (resting or tables) and not cascade:
        raise CannotApply(f"{resting[0].kind if resting else tables[0]} depends on {kind} {name}")
    for thing in resting:
        schema = _dropped(schema, ForeignKind(thing.kind), thing.name, cascade=True)
    schema = drop_table(schema, DropTable(tables, cascade=True, foreign=True)) if tables else schema
    return replace(schema, things={k: t for k, t in schema.things.items() if k != (str(kind), name)})


def things_below(schema: Schema, kind: ForeignKind, name: Name) -> tuple[Thing, ...]:
    """Give the servers of a wrapper, or the user mappings of a server."""
    if kind is ForeignKind.WRAPPER:
        servers = (t for (k, _), t in schema.things.items() if k == ForeignKind.SERVER)
        return tuple(t for t in servers if ("wrapper", name.name) in t.facts)
    mappings = (t for (k, _), t in schema.things.items() if k == ForeignKind.MAPPING)
    return tuple(t for t in mappings if kind is ForeignKind.SERVER and t.name.schema == name.name)


def foreign_tables(schema: Schema, server: Name) -> tuple[Name, ...]:
    """Give the foreign tables of a server."""
    return tuple(t.name for t in schema.tables.values() if t.server == server.name)


def without_handler(schema: Schema, relations: Iterable[Name]) -> str | None:
    """Say which foreign table certainly cannot be read or written, because its wrapper has no handler."""
    for table in (schema.tables[r] for r in relations if r in schema.tables):
        server = schema.things.get((str(ForeignKind.SERVER), Name(None, table.server or "")))
        if server is not None and not _has_handler(schema, server):
            return f"the foreign data wrapper of {table.name} has no handler"
    return None


def _has_handler(schema: Schema, server: Thing) -> bool:
    wrapper = Name(None, dict(server.facts).get("wrapper", ""))
    known = schema.things.get((str(ForeignKind.WRAPPER), wrapper))
    return known is None or "handler" in dict(known.facts)


def _rename(schema: Schema, action: RenameForeign) -> Schema:
    old, new = Name(None, action.name), Name(None, action.to)
    known = _need(schema, action.kind, old)
    if known is None:
        return schema
    if (str(action.kind), new) in schema.things:
        raise CannotApply(f"{action.kind} {new} already exists")
    below, tables = things_below(schema, action.kind, old), foreign_tables(schema, old)
    gone = {(t.kind, t.name) for t in (known, *below)}
    schema = replace(schema, things={k: t for k, t in schema.things.items() if k not in gone})
    for thing in (replace(known, name=new), *(_following(t, action) for t in below)):
        schema = _put(schema, thing)
    if action.kind is not ForeignKind.SERVER:
        return schema
    return replace(schema, tables={**schema.tables, **{n: replace(schema.tables[n], server=action.to) for n in tables}})


def _following(thing: Thing, action: RenameForeign) -> Thing:
    if action.kind is ForeignKind.SERVER:
        return replace(thing, name=Name(action.to, thing.name.name))
    return replace(thing, facts=tuple((w, action.to if w == "wrapper" else t) for w, t in thing.facts))


def _import(schema: Schema, action: ImportForeignSchema) -> Schema:
    """Say where the import certainly fails; the tables that it makes are not known, so not everything is any more."""
    server = _need(schema, ForeignKind.SERVER, Name(None, action.server))
    if server is not None and not _has_handler(schema, server):
        raise CannotApply(f"the foreign data wrapper of server {action.server} has no handler")
    need_thing(schema, "schema", Name(None, action.schema))
    return replace(schema, complete=False)
