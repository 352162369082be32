"""Objects that have an owner and grants, seen alike whatever they are: tables, views, sequences, routines, types..."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from migrate_safe.catalog.change import CannotApply, type_name
from migrate_safe.catalog.evolve.resting import knows_functions
from migrate_safe.catalog.guesses import is_guess
from migrate_safe.catalog.privileges import given_to_all, grant_of, grant_text
from migrate_safe.catalog.things import drop_thing, fact, found_thing, need_thing, put_thing, sees_everything
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Grant, Thing
from migrate_safe.model.said import Target
from migrate_safe.model.schema import Column, Function, Schema
from migrate_safe.model.values import replace

_ROUTINES = frozenset({"function", "procedure", "routine", "aggregate"})
_TYPES = frozenset({"type", "domain"})
_OF_SYSTEM = frozenset({"pg_catalog", "information_schema", "migrate_safe"})
REMARKS = "remarks on type"
"""The kind of the things that hold what is said of types beyond their definition."""


class Holder(Struct, frozen=True):
    """An object with its owner and grants. `target.kind` is table (a view too), sequence, function, schema, type..."""

    target: Target
    owner: str | None = None
    grants: tuple[Grant, ...] = ()


def holder_of(schema: Schema, target: Target, *, needed: bool = False) -> Holder | None:
    """Find the object that a statement speaks of; None where it is not kept, or may exist unseen.

    Where it is `needed`, raises CannotApply when it certainly does not exist, or is of another kind.
    """
    kind = target.kind
    if kind in ("table", "view", "materialized view", "foreign table", "sequence", "index"):
        return _relation(schema, target, needed=needed)
    if kind in _ROUTINES:
        return _routine(schema, target, needed=needed)
    if kind in _TYPES:
        name = type_name(schema, target.name)
        return _of_type(schema, name) if is_type(schema, name) else None
    if kind == "publication":
        return _publication(schema, target.name.name, needed=needed)
    if kind in ("schema", "statistic ext"):
        return _thing(schema, target, needed=needed)
    return None


def _relation(schema: Schema, target: Target, *, needed: bool) -> Holder | None:
    full = schema.resolve(target.name)
    if full in schema.sequences:
        found = schema.sequences[full]
        return Holder(Target("sequence", full), found.role, found.grants)
    known = schema.tables.get(full) or schema.views.get(full)
    if known is not None and target.kind != "sequence":
        return Holder(Target("table", full), known.owner, known.grants)
    if known is not None and needed and not is_guess(schema, full):
        raise CannotApply(f"{full} is not a sequence")
    if needed and schema.index_table(full) is not None:
        raise CannotApply(f"{full} is an index")
    system = target.name.schema in _OF_SYSTEM or target.name.name.startswith("pg_")
    if needed and sees_everything(schema) and not system:
        raise CannotApply(f"relation {full} does not exist")
    return None


def _routine(schema: Schema, target: Target, *, needed: bool) -> Holder | None:
    places = [target.name] if target.name.schema else [Name(s, target.name.name) for s in schema.search_path]
    for place in places:
        matching = [f for f in schema.functions.get(place, ()) if target.part in ("*", f.arguments)]
        if len(matching) == 1:
            return _of_function(matching[0])
        if matching and needed:
            raise CannotApply(f"{target.kind} name {place} is not unique")
    if needed and knows_functions(schema) and target.part != "*" and any(schema.functions.get(p) for p in places):
        raise CannotApply(f"{target.kind} {target.name}({target.part}) does not exist")
    system = target.name.schema is None or target.name.schema in _OF_SYSTEM
    if needed and sees_everything(schema) and not system:
        raise CannotApply(f"{target.kind} {target.name}({target.part}) does not exist")
    return None


def _of_function(function: Function) -> Holder:
    kind = "procedure" if function.kind == "procedure" else "function"
    return Holder(Target(kind, function.name, function.arguments), function.owner, function.grants)


def is_type(schema: Schema, name: Name) -> bool:
    """Say whether an enum, domain or composite type of that name is known."""
    return name in schema.enums or name in schema.domains or name in schema.composites


def _of_type(schema: Schema, name: Name) -> Holder:
    known = schema.things.get((REMARKS, name))
    facts = known.facts if known is not None else ()
    owner = next((text for word, text in facts if word == "owner"), schema.role)
    granted = [text for word, text in facts if word == "grant"]
    has = any(word in ("grant", "no grants") for word, _ in facts)
    return Holder(Target("type", name), owner, tuple(map(grant_of, granted)) if has else given_to_all("type"))


def _publication(schema: Schema, name: str, *, needed: bool) -> Holder | None:
    known = schema.publications.get(name)
    if known is None and needed and schema.complete:
        raise CannotApply(f"publication {name!r} does not exist")
    return Holder(Target("publication", Name(None, name)), known.owner) if known is not None else None


def _thing(schema: Schema, target: Target, *, needed: bool) -> Holder | None:
    kind = "schema" if target.kind == "schema" else "statistics"
    name = target.name if kind == "schema" else found_thing(schema, kind, target.name)
    known = need_thing(schema, kind, name, if_exists=not needed)
    return _of_thing(known) if known is not None else None


def _of_thing(thing: Thing) -> Holder:
    granted = tuple(grant_of(text) for word, text in thing.facts if word == "grant")
    return Holder(Target(thing.kind, thing.name), fact(thing, "owner"), granted)


def every_holder(schema: Schema) -> Iterator[Holder]:
    """Yield all objects that have owners and grants."""
    for table in schema.tables.values():
        yield Holder(Target("table", table.name), table.owner, table.grants)
    for view in schema.views.values():
        yield Holder(Target("table", view.name), view.owner, view.grants)
    for sequence in schema.sequences.values():
        yield Holder(Target("sequence", sequence.name), sequence.role, sequence.grants)
    for functions in schema.functions.values():
        yield from (_of_function(f) for f in functions if not f.of_extension)
    for type_ in [*schema.enums, *schema.domains, *schema.composites]:
        yield _of_type(schema, type_)
    for thing in schema.things.values():
        if thing.kind in ("schema", "statistics"):
            yield _of_thing(thing)
    for name in schema.publications:
        yield Holder(Target("publication", Name(None, name)), schema.publications[name].owner)


def _without_owner(column: Column, owner: str | None) -> Column:
    """Leave out what a new owner was granted on a column: it needs no grants any more, and loses them for good."""
    kept = tuple(g for g in column.grants if g.role != owner)
    return column if len(kept) == len(column.grants) else replace(column, grants=kept)


def put_holder(schema: Schema, holder: Holder) -> Schema:
    """Give the schema with the owner and grants of one object replaced."""
    name, owner, grants = holder.target.name, holder.owner, holder.grants
    if name in schema.tables and holder.target.kind == "table":
        table = schema.tables[name]
        columns = table.columns if table.owner == owner else tuple(_without_owner(c, owner) for c in table.columns)
        owned = replace(table, owner=owner, grants=grants, columns=columns)
        return replace(schema, tables={**schema.tables, name: owned})
    if name in schema.views and holder.target.kind == "table":
        return replace(schema, views={**schema.views, name: replace(schema.views[name], owner=owner, grants=grants)})
    if holder.target.kind == "sequence":
        changed = replace(schema.sequences[name], role=owner, grants=grants)
        return replace(schema, sequences={**schema.sequences, name: changed})
    if holder.target.kind in _ROUTINES:
        overloads = tuple(
            replace(f, owner=owner, grants=grants) if f.arguments == holder.target.part else f
            for f in schema.functions[name]
        )
        return replace(schema, functions={**schema.functions, name: overloads})
    if holder.target.kind == "publication":
        published = replace(schema.publications[name.name], owner=owner)
        return replace(schema, publications={**schema.publications, name.name: published})
    return _put_facts(schema, holder)


def _put_facts(schema: Schema, holder: Holder) -> Schema:
    """Keep owner and grants as facts; of a type only where they are not what every type has."""
    kind = REMARKS if holder.target.kind == "type" else holder.target.kind
    known = schema.things.get((kind, holder.target.name), Thing(kind, holder.target.name))
    facts = [f for f in known.facts if f[0] not in ("owner", "grant", "no grants")]
    if kind != REMARKS or holder.owner != schema.role:
        facts += [("owner", holder.owner)] if holder.owner is not None else []
    if kind != REMARKS or holder.grants != given_to_all("type"):
        facts += [("grant", grant_text(g)) for g in holder.grants]
        facts += [("no grants", "")] if kind == REMARKS and not holder.grants else []
    return put_remarks(schema, replace(known, facts=tuple(sorted(facts))))


def put_remarks(schema: Schema, thing: Thing) -> Schema:
    """Give the schema with a thing; remarks that say nothing are not kept."""
    if thing.kind == REMARKS and not thing.facts:
        return drop_thing(schema, REMARKS, thing.name)
    return put_thing(schema, thing)
