"""Dropping what rests on something that goes, and all that rests on it in turn."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import CannotApply, put, without_constraints
from migrate_safe.catalog.evolve.resting import Rest, with_all
from migrate_safe.catalog.things import fact
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Table, View
from migrate_safe.model.values import replace


def locked_relations(schema: Schema, found: Iterable[Rest]) -> list[Name]:
    """Give the relations that the server locks to drop these."""
    names: list[Name] = []
    for rest in found:
        if rest.relation is None or rest.kind in ("function", "thing"):
            continue
        names.append(rest.relation)
        table = schema.tables.get(rest.relation)
        if table is not None and rest.kind == "index":
            names.append(Name(table.name.schema, rest.name))
        if table is not None and rest.kind == "column":
            names += [Name(table.name.schema, i.name) for i in table.indexes if i.name and rest.name in i.columns]
    return list(dict.fromkeys(names))


def freed(schema: Schema, found: Iterable[Rest], what: str, *, cascade: bool) -> Schema:
    """Drop what rests on `what`, with all that rests on it in turn; refuse without CASCADE."""
    rests = tuple(found)
    if rests and not cascade:
        raise CannotApply(f"{rests[0]} depends on {what}")
    for rest in with_all(schema, rests):
        schema = _without(schema, rest)
    return schema


def without_statistics(schema: Schema, table: Name, column: str) -> Schema:
    """Drop the statistics objects over a column, which go with it even where another of its name follows."""
    over = [
        key
        for key, thing in schema.things.items()
        if thing.kind == "statistics"
        and fact(thing, "table") == str(table)
        and column in (fact(thing, "columns") or "").split(", ")
    ]
    return replace(schema, things={k: t for k, t in schema.things.items() if k not in over}) if over else schema


def _without(schema: Schema, rest: Rest) -> Schema:
    if rest.kind == "function":
        return without_function(schema, rest.relation, rest.detail)
    if rest.kind == "thing":
        return replace(schema, things={k: t for k, t in schema.things.items() if k != (rest.detail, rest.relation)})
    if rest.kind == "view":
        return replace(schema, views={n: v for n, v in schema.views.items() if n != rest.relation})
    if rest.relation is not None and rest.relation in schema.views:
        view = _thinner(schema.views[rest.relation], rest)
        return replace(schema, views={**schema.views, view.name: view})
    table = schema.tables.get(rest.relation) if rest.relation is not None else None
    return schema if table is None else put(schema, _part_dropped(table, rest))


def _thinner(view: View, rest: Rest) -> View:
    if rest.kind == "trigger":
        return replace(view, triggers=tuple(t for t in view.triggers if t.name != rest.name))
    return replace(view, rules=tuple(r for r in view.rules if r.name != rest.name))


def _part_dropped(table: Table, rest: Rest) -> Table:
    name = rest.name
    match rest.kind:
        case "trigger":
            return replace(table, triggers=tuple(t for t in table.triggers if t.name != name))
        case "policy":
            return replace(table, policies=tuple(p for p in table.policies if p.name != name))
        case "rule":
            return replace(table, rules=tuple(r for r in table.rules if r.name != name))
        case "index":
            return replace(table, indexes=tuple(i for i in table.indexes if i.name != name))
        case "constraint":
            return without_constraints(table, [name])
        case "default":
            columns = tuple(replace(c, default=None) if c.name == name else c for c in table.columns)
            return replace(table, columns=columns)
        case _:
            indexes = tuple(i for i in table.indexes if name not in i.columns)
            return replace(table, columns=tuple(c for c in table.columns if c.name != name), indexes=indexes)


def without_function(schema: Schema, name: Name | None, arguments: str) -> Schema:
    """Give the schema without one overload of a function."""
    if name is None:
        return schema
    kept = tuple(f for f in schema.functions.get(name, ()) if f.arguments != arguments)
    functions = {n: f for n, f in schema.functions.items() if n != name}
    return replace(schema, functions={**functions, name: kept} if kept else functions)
