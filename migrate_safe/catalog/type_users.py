"""Which objects are of a type that a user made, and what becomes of their types."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Function, Schema, Table, TypeName
from migrate_safe.model.values import replace
from migrate_safe.sql.routines import arguments_text, inputs


def is_of(type_name: TypeName | None, name: Name) -> bool:
    """Say whether a type is that one, or an array of it."""
    return type_name is not None and (type_name.schema, type_name.name) == (name.schema, name.name)


def columns_of_type(schema: Schema, name: Name) -> tuple[tuple[Table, Column], ...]:
    """Give the columns of tables that are of a type or an array of it."""
    return tuple((t, c) for t in schema.tables.values() for c in t.columns if is_of(c.type, name))


def domains_over(schema: Schema, name: Name) -> tuple[Name, ...]:
    """Give the domains directly over a type."""
    return tuple(n for n, d in schema.domains.items() if is_of(d.base, name))


def composites_with(schema: Schema, name: Name) -> tuple[Name, ...]:
    """Give the composite types that have an attribute of a type."""
    return tuple(n for n, found in schema.composites.items() if any(is_of(t, name) for _, t in found))


def typed_tables(schema: Schema, name: Name) -> tuple[Table, ...]:
    """Give the tables made OF a composite type."""
    return tuple(t for t in schema.tables.values() if t.of_type == name)


def storing_columns(schema: Schema, name: Name) -> tuple[tuple[Table, Column], ...]:
    """Give the columns that hold values of a type, also inside domains over it, composite types and ranges."""
    found = list(columns_of_type(schema, name))
    holders = [*domains_over(schema, name), *composites_with(schema, name), *ranges_over(schema, name)]
    for holder in holders:
        found += [pair for pair in storing_columns(schema, holder) if pair not in found]
    return tuple(found)


def columns_with_inside(schema: Schema, domain: Name) -> Iterator[tuple[Name, str]]:
    """Yield the stored columns that hold values of a domain inside an array, a row or a range, at any depth."""
    plain = [domain]
    for each in plain:
        plain += [n for n, d in schema.domains.items() if is_of(d.base, each) and not d.base.dimensions]
    inside: list[Name] = []
    for each in plain:
        _add_containers(schema, each, inside, contained=True)
    for relation, column, type_name in _stored_columns(schema):
        in_array = type_name.dimensions > 0 and any(is_of(type_name, n) for n in plain)
        if in_array or any(is_of(type_name, n) for n in inside):
            yield relation, column


def _add_containers(schema: Schema, name: Name, inside: list[Name], *, contained: bool) -> None:
    """Add the types that hold values of a type in a container, and those that hold such types."""
    rows = [t.name for t in schema.tables.values() if any(is_of(c.type, name) for c in t.columns)]
    rows += [v.name for v in schema.views.values() if any(is_of(t, name) for t in v.types)]
    domains = [n for n in domains_over(schema, name) if schema.domains[n].base.dimensions or not contained]
    for found in (*rows, *domains, *composites_with(schema, name), *ranges_over(schema, name)):
        if found not in inside:
            inside.append(found)
            _add_containers(schema, found, inside, contained=False)


def _stored_columns(schema: Schema) -> Iterator[tuple[Name, str, TypeName]]:
    for table in schema.tables.values():
        yield from ((table.name, c.name, c.type) for c in table.columns)
    for view in (v for v in schema.views.values() if v.materialized):
        yield from ((view.name, c, t) for c, t in zip(view.shows, view.types, strict=False) if t is not None)


def ranges_over(schema: Schema, name: Name) -> tuple[Name, ...]:
    """Give the range types whose subtype is that one, and the multiranges that come with them."""
    wanted = [t for (kind, _), t in schema.things.items() if kind == "range" and ("subtype", str(name)) in t.facts]
    return tuple(n for t in wanted for n in (t.name, multirange_of(schema, t.name)) if n is not None)


def multirange_of(schema: Schema, name: Name) -> Name | None:
    """Give the multirange type of a range type, or None."""
    return next(
        (n for (kind, n), t in schema.things.items() if kind == "multirange" and ("range", str(name)) in t.facts), None
    )


def with_types(schema: Schema, change: Callable[[TypeName], TypeName]) -> Schema:
    """Give the schema with every type of a column, domain, attribute, view and routine changed."""
    tables = {
        n: replace(t, columns=tuple(replace(c, type=change(c.type)) for c in t.columns))
        for n, t in schema.tables.items()
    }
    domains = {n: replace(d, base=change(d.base)) for n, d in schema.domains.items()}
    composites = {n: tuple((a, change(t)) for a, t in found) for n, found in schema.composites.items()}
    views = {
        n: replace(v, types=tuple(change(t) if t is not None else None for t in v.types))
        for n, v in schema.views.items()
    }
    functions = {n: tuple(_with_types(f, change) for f in held) for n, held in schema.functions.items()}
    return replace(schema, tables=tables, domains=domains, composites=composites, views=views, functions=functions)


def _with_types(function: Function, change: Callable[[TypeName], TypeName]) -> Function:
    parameters = tuple(replace(p, type=change(p.type)) for p in function.parameters)
    returns = change(function.returns) if function.returns is not None else None
    if parameters == function.parameters and returns == function.returns:
        return function
    arguments = arguments_text(p.type for p in inputs(parameters))
    return replace(function, parameters=parameters, returns=returns, arguments=arguments)
