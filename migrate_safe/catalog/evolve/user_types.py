"""How enums, ranges and types of users come, change their names, and go."""

from __future__ import annotations

from migrate_safe.catalog.change import TYPE_KINDS, CannotApply, known_type, put, type_exists, type_name
from migrate_safe.catalog.evolve.columns import drop_column
from migrate_safe.catalog.evolve.composites import alter_composite, create_composite, rename_attribute
from migrate_safe.catalog.evolve.domains import alter_domain, create_domain, rename_constraint
from migrate_safe.catalog.evolve.freeing import freed
from migrate_safe.catalog.evolve.resting import on_type
from migrate_safe.catalog.evolve.tables import drop_table
from migrate_safe.catalog.evolve.views import created_name, drop_views
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.things import drop_thing
from migrate_safe.catalog.type_users import (
    columns_of_type,
    composites_with,
    domains_over,
    is_of,
    multirange_of,
    ranges_over,
    typed_tables,
    with_types,
)
from migrate_safe.model.names import Name, quote_literal
from migrate_safe.model.schema import Column, Schema, Thing, TypeName
from migrate_safe.model.statement import (
    AlterComposite,
    AlterDomain,
    AlterEnum,
    CreateComposite,
    CreateDomain,
    CreateEnum,
    CreateRange,
    DropColumn,
    DropTable,
    DropType,
    Other,
    RenameAttribute,
    RenameDomainConstraint,
    RenameType,
    SetTypeSchema,
    TypeAction,
)
from migrate_safe.model.values import replace
from migrate_safe.sql.values import value_of


def type_action(schema: Schema, action: TypeAction) -> Schema:
    """Apply a statement about types; the type that a shell stands for takes its place."""
    match action:
        case CreateEnum(name=name) | CreateComposite(name=name) | CreateRange(name=name) | CreateDomain(name=name):
            schema = drop_thing(schema, "shell type", created_name(schema, name))
    match action:
        case CreateEnum():
            return create_enum(schema, action)
        case AlterEnum():
            return alter_enum(schema, action)
        case CreateComposite():
            return create_composite(schema, action)
        case AlterComposite():
            return alter_composite(schema, action)
        case RenameAttribute():
            return rename_attribute(schema, action)
        case CreateRange():
            return create_range(schema, action)
        case CreateDomain():
            return create_domain(schema, action)
        case AlterDomain():
            return alter_domain(schema, action)
        case RenameDomainConstraint():
            return rename_constraint(schema, action)
        case RenameType(name=name, to=to):
            full = _renamed_type(schema, name, domain=action.domain)
            return _moved(schema, full, Name(full.schema, to))
        case SetTypeSchema(name=name, schema=target):
            full = _renamed_type(schema, name, domain=action.domain)
            return _moved(schema, full, Name(target, full.name))
        case DropType():
            return drop_type(schema, action)


def other(schema: Schema, action: Other, _text: str) -> Schema | None:
    """Apply CREATE TYPE of a base type or a shell; None for statements about something else."""
    if action.kind != "DefineStmt" or action.detail not in ("type", "shell type") or not action.objects:
        return None
    name = created_name(schema, action.objects[-1])
    is_shell = ("shell type", name) in schema.things
    if action.detail == "shell type":
        refuse_existing(schema, name)
        return _with_thing(schema, "shell type", name)
    if not is_shell and (schema.complete or type_exists(schema, name)):
        raise CannotApply(f"type {name} does not exist as a shell, which a base type has to be before")
    things = {k: t for k, t in schema.things.items() if k != ("shell type", name)}
    return _with_thing(replace(schema, things=things), "base type", name)


# ---- enums and ranges ----------------------------------------------------------------------


def create_enum(schema: Schema, action: CreateEnum) -> Schema:
    """Add an enum type."""
    name = created_name(schema, action.name)
    refuse_existing(schema, name)
    twice = next((v for v in action.values if action.values.count(v) > 1), None)
    if twice is not None:
        raise CannotApply(f"enum {name} would have value {twice!r} twice")
    return replace(schema, enums={**schema.enums, name: action.values})


def refuse_existing(schema: Schema, name: Name) -> None:
    """Refuse the name of a type that there is; every table and view has a type of its name too."""
    if type_exists(schema, name):
        raise CannotApply(f"type {name} already exists")


def alter_enum(schema: Schema, action: AlterEnum) -> Schema:
    """Add or rename a value of an enum."""
    name = type_name(schema, action.name)
    values = schema.enums.get(name)
    if values is None:
        if schema.complete or type_exists(schema, name):
            raise CannotApply(f"enum {name} does not exist")
        return schema
    if action.old is not None:
        schema = replace(schema, enums={**schema.enums, name: _renamed_value(name, values, action)})
        return _renamed_in_defaults(schema, name, action.old, action.value)
    if action.value in values:
        if action.if_not_exists:
            return schema
        raise CannotApply(f"enum {name} already has value {action.value!r}")
    place = len(values)
    if action.neighbour is not None:
        if action.neighbour not in values:
            raise CannotApply(f"enum {name} has no value {action.neighbour!r}")
        place = values.index(action.neighbour) + (1 if action.after else 0)
    return replace(schema, enums={**schema.enums, name: (*values[:place], action.value, *values[place:])})


def _renamed_in_defaults(schema: Schema, enum: Name, old: str, new: str) -> Schema:
    """Let the defaults of columns follow a value's new name."""
    before, after = quote_literal(old).lstrip(), quote_literal(new).lstrip()

    def followed(column: Column) -> Column:
        default = column.default if Name(column.type.schema, column.type.name) == enum else None
        given = value_of(default.sql) if default is not None else None
        if default is None or given is None or given.text != old:
            return column
        return replace(column, default=replace(default, sql=default.sql.replace(before, after, 1)))

    changed = [replace(t, columns=tuple(map(followed, t.columns))) for t in schema.tables.values()]
    return schema.with_tables(*(t for t in changed if t != schema.tables[t.name]))


def _renamed_value(name: Name, values: tuple[str, ...], action: AlterEnum) -> tuple[str, ...]:
    if action.old not in values:
        raise CannotApply(f"enum {name} has no value {action.old!r}")
    if action.value in values:
        raise CannotApply(f"enum {name} already has value {action.value!r}")
    return tuple(action.value if v == action.old else v for v in values)


def create_range(schema: Schema, action: CreateRange) -> Schema:
    """Add a range type and the multirange type that comes with it."""
    name = created_name(schema, action.name)
    refuse_existing(schema, name)
    multirange = _multirange_name(name) if action.multirange is None else created_name(schema, action.multirange)
    refuse_existing(schema, multirange)
    subtype = known_type(schema, action.subtype)
    schema = _with_thing(schema, "range", name, ("subtype", str(subtype)))
    return _with_thing(schema, "multirange", multirange, ("range", str(name)))


def _multirange_name(name: Name) -> Name:
    """Choose the name of a multirange as makeMultirangeTypeName() does."""
    found = name.name.find("range")
    if found < 0:
        return Name(name.schema, f"{name.name}_multirange")
    return Name(name.schema, f"{name.name[:found]}multi{name.name[found:]}")


def _with_thing(schema: Schema, kind: str, name: Name, *facts: tuple[str, str]) -> Schema:
    return replace(schema, things={**schema.things, (kind, name): Thing(kind, name, facts)})


# ---- other names ---------------------------------------------------------------------------


def _renamed_type(schema: Schema, name: Name, *, domain: bool) -> Name:
    full = type_name(schema, name)
    if schema.complete and not type_exists(schema, full):
        raise CannotApply(f"type {full} does not exist")
    if domain and type_exists(schema, full) and full not in schema.domains:
        raise CannotApply(f"{full} is not a domain")
    if full in schema.tables or full in schema.views:
        raise CannotApply(f"{full} is the row type of a relation")
    return full


def _moved(schema: Schema, old: Name, new: Name) -> Schema:
    """Give a type another name, and let all that is of it follow."""
    if type_exists(schema, new) or (old in schema.composites and relation_exists(schema, new)):
        raise CannotApply(f"type {new} already exists")

    def change(found: TypeName) -> TypeName:
        return replace(found, name=new.name, schema=new.schema) if is_of(found, old) else found

    schema = with_types(schema, change)
    followers = typed_tables(schema, old)
    return replace(
        schema,
        tables={**schema.tables, **{t.name: replace(t, of_type=new) for t in followers}},
        enums={new if n == old else n: v for n, v in schema.enums.items()},
        domains={new if n == old else n: d for n, d in schema.domains.items()},
        composites={new if n == old else n: c for n, c in schema.composites.items()},
        things={_moved_key(k, old, new): _moved_thing(t, old, new) for k, t in schema.things.items()},
    )


def _moved_key(key: tuple[str, Name], old: Name, new: Name) -> tuple[str, Name]:
    return (key[0], new) if key[0] in TYPE_KINDS and key[1] == old else key


def _moved_thing(thing: Thing, old: Name, new: Name) -> Thing:
    if thing.kind not in TYPE_KINDS:
        return thing
    facts = tuple((word, str(new) if text == str(old) else text) for word, text in thing.facts)
    return replace(thing, name=new if thing.name == old else thing.name, facts=facts)


# ---- the end -------------------------------------------------------------------------------


def drop_type(schema: Schema, action: DropType) -> Schema:
    """Drop types; with CASCADE also what is of them: columns, domains, attributes, typed tables."""
    names = [type_name(schema, n) for n in action.types]
    for name in names:
        if not type_exists(schema, name):
            if schema.complete and not action.if_exists:
                raise CannotApply(f"type {name} does not exist")
        elif action.domain and name not in schema.domains:
            raise CannotApply(f"{name} is not a domain")
        elif name in schema.tables or name in schema.views:
            raise CannotApply(f"{name} is the row type of a relation")
        elif ("multirange", name) in schema.things:
            raise CannotApply(f"multirange {name} goes only with its range")
    for name in names:
        schema = _dropped(schema, name, frozenset(names), cascade=action.cascade)
    return schema


def _dropped(schema: Schema, name: Name, gone: frozenset[Name], *, cascade: bool) -> Schema:
    for part in filter(None, (multirange_of(schema, name), name)):
        schema = _freed(schema, part, gone, cascade=cascade)
    multirange = multirange_of(schema, name)
    return replace(
        schema,
        enums={n: v for n, v in schema.enums.items() if n != name},
        domains={n: d for n, d in schema.domains.items() if n != name},
        composites={n: c for n, c in schema.composites.items() if n != name},
        things={
            k: t
            for k, t in schema.things.items()
            if not (k[0] in TYPE_KINDS and (k[1] == name or (k[0] == "multirange" and k[1] == multirange)))
        },
    )


def _freed(schema: Schema, name: Name, gone: frozenset[Name], *, cascade: bool) -> Schema:
    """Remove all that is of a type, or raise CannotApply."""
    resting = [
        *(f"column {c.name!r} of {t.name}" for t, c in columns_of_type(schema, name)),
        *(f"table {t.name}" for t in typed_tables(schema, name)),
        *(f"type {n}" for n in _types_over(schema, name) if n not in gone),
    ]
    if resting and not cascade:
        raise CannotApply(f"{resting[0]} depends on type {name}")
    schema = freed(schema, on_type(schema, name), f"type {name}", cascade=cascade)
    typed = tuple(t.name for t in typed_tables(schema, name))
    schema = drop_table(schema, DropTable(typed, cascade=True)) if typed else schema
    for table, column in columns_of_type(schema, name):
        schema = _without_column(schema, table.name, column.name)
    views = [v.name for v in schema.views.values() if any(is_of(t, name) for t in v.types)]
    schema = drop_views(schema, [v for v in views if v in schema.views], cascade=True)
    for composite in composites_with(schema, name):
        kept = tuple(a for a in schema.composites[composite] if not is_of(a[1], name))
        schema = replace(schema, composites={**schema.composites, composite: kept})
    for over in (*domains_over(schema, name), *ranges_over(schema, name)):
        schema = _dropped(schema, over, gone, cascade=True)
    return schema


def _without_column(schema: Schema, name: Name, column: str) -> Schema:
    """Drop a column that goes with its type; what inherits it goes with its parent's."""
    table = schema.tables.get(name)
    if table is None or table.column(column) is None or _inherited(schema, name, column):
        return schema
    schema = drop_column(schema, replace(table, of_type=None), DropColumn(column, cascade=True))
    return put(schema, replace(schema.tables[name], of_type=table.of_type))


def _types_over(schema: Schema, name: Name) -> tuple[Name, ...]:
    return (*domains_over(schema, name), *composites_with(schema, name), *ranges_over(schema, name))


def _inherited(schema: Schema, table: Name, column: str) -> bool:
    parents = [schema.tables.get(p) for p in schema.tables[table].parents]
    return any(p is not None and p.column(column) is not None for p in parents)
