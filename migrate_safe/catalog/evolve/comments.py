"""Comments: a rename by copy has to carry those of tables and columns; the others are kept with what they speak of."""

from __future__ import annotations

from collections.abc import Callable

from migrate_safe.catalog.change import (
    CannotApply,
    certain,
    need_column,
    put,
    put_column,
    target,
    type_exists,
    type_name,
)
from migrate_safe.catalog.evolve.holders import REMARKS, holder_of, is_type, put_remarks
from migrate_safe.catalog.evolve.resting import knows_functions
from migrate_safe.catalog.presence import need_relation
from migrate_safe.catalog.things import found_thing, need_thing, sees_everything, with_fact
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Thing
from migrate_safe.model.said import Comment, Target
from migrate_safe.model.schema import Index, Schema, Table
from migrate_safe.model.statement import Other
from migrate_safe.model.values import replace

_THINGS = {"schema": "schema", "extension": "extension", "subscription": "subscription", "statistic ext": "statistics"}
_PARTS = {"tabconstraint": "constraints", "trigger": "triggers", "policy": "policies", "rule": "rules"}
_KINDS = {"table": "table", "view": "view", "materialized view": "materialized view", "foreign table": "foreign table"}
_MANY_WORDS = {"tabconstraint": "constraint"}


def other(schema: Schema, action: Other, _text: str) -> Schema | None:
    """Apply COMMENT ON; None for other statements. Comments on objects that are not kept are not kept."""
    if not isinstance(action.says, Comment):
        return None
    found, text = action.says.target, action.says.text
    match found.kind:
        case "column":
            return _on_column(schema, found, text)
        case "index":
            return _on_index(schema, found.name, text)
        case "sequence":
            return _on_sequence(schema, found, text)
        case kind if kind in _KINDS:
            return _on_relation(schema, found, text)
        case kind if kind in _PARTS:
            return _on_part(schema, found, text)
        case "function" | "procedure" | "routine" | "aggregate":
            return _on_routine(schema, found, text)
        case _:
            return _on_thing(schema, found, text)


def _on_relation(schema: Schema, found: Target, text: str | None) -> Schema:
    full = schema.resolve(found.name)
    view = schema.views.get(full)
    if view is not None:
        if found.kind != ("materialized view" if view.materialized else "view"):
            raise CannotApply(f"{full} is not a {found.kind}")
        return replace(schema, views={**schema.views, full: replace(view, comment=text)})
    table = target(schema, found.name)
    if found.kind in ("view", "materialized view") and table is not None and not schema.complete:
        return schema
    if table is None or found.kind not in ("table", "foreign table"):
        raise CannotApply(f"{full} is not a {found.kind}")
    return put(schema, replace(table, comment=text)) if table.name in schema.tables else schema


def _on_column(schema: Schema, found: Target, text: str | None) -> Schema:
    """Comment on a column; of views and composite types comments on columns are not kept."""
    full = schema.resolve(found.name)
    view = schema.views.get(full)
    if view is not None and view.shows and schema.complete and found.part not in view.shows:
        raise CannotApply(f"column {found.part!r} of view {full} does not exist")
    if view is not None or is_type(schema, full):
        return schema
    if full in schema.sequences or schema.index_table(full) is not None:
        raise CannotApply(f"{full} is not a table, view or composite type")
    table = target(schema, found.name)
    known = need_column(schema, table, found.part) if table is not None else None
    if table is None or known is None:
        return schema
    return put(schema, put_column(table, replace(known, comment=text)))


def _on_index(schema: Schema, name: Name, text: str | None) -> Schema:
    full = schema.resolve(name)

    def commented(indexes: tuple[Index, ...]) -> tuple[Index, ...]:
        return tuple(replace(i, comment=text) if i.name == full.name else i for i in indexes)

    table = schema.index_table(full)
    if table is not None:
        return put(schema, replace(table, indexes=commented(table.indexes)))
    for view in schema.views.values():
        if view.name.schema == full.schema and any(i.name == full.name for i in view.indexes):
            changed = replace(view, indexes=commented(view.indexes))
            return replace(schema, views={**schema.views, view.name: changed})
    if full in schema.tables or full in schema.views or full in schema.sequences:
        raise CannotApply(f"{full} is not an index")
    need_relation(schema, name)
    return schema


def _on_sequence(schema: Schema, found: Target, text: str | None) -> Schema:
    holder = holder_of(schema, found, needed=True)
    if holder is None:
        return schema
    name = holder.target.name
    return replace(schema, sequences={**schema.sequences, name: replace(schema.sequences[name], comment=text)})


def _on_part(schema: Schema, found: Target, text: str | None) -> Schema:
    """Comment on a constraint, trigger, policy or rule of a table."""
    full, field = schema.resolve(found.name), _PARTS[found.kind]
    if full in schema.views:
        return schema
    table = target(schema, found.name)
    if table is None or table.name not in schema.tables:
        return schema
    return put(schema, _part_commented(schema, table, field, found, text))


def _part_commented(schema: Schema, table: Table, field: str, found: Target, text: str | None) -> Table:
    parts = getattr(table, field)
    if not any(p.name == found.part for p in parts):
        if certain(schema, table):
            word = _MANY_WORDS.get(found.kind, found.kind)
            raise CannotApply(f"{word} {found.part!r} of {table.name} does not exist")
        return table
    change: Callable[..., Table] = replace
    return change(table, **{field: tuple(replace(p, comment=text) if p.name == found.part else p for p in parts)})


def _on_routine(schema: Schema, found: Target, text: str | None) -> Schema:
    holder = holder_of(schema, found, needed=found.kind != "aggregate")
    if holder is None:
        system = found.name.schema == "pg_catalog" or found.name.name.startswith("pg_")
        if knows_functions(schema) and found.kind != "aggregate" and not system:
            raise CannotApply(f"{found.kind} {found.name} does not exist")
        return schema
    name, arguments = holder.target.name, holder.target.part
    overloads = tuple(replace(f, comment=text) if f.arguments == arguments else f for f in schema.functions[name])
    return replace(schema, functions={**schema.functions, name: overloads})


def _on_thing(schema: Schema, found: Target, text: str | None) -> Schema:
    """Comment on a type, schema, extension, publication, subscription or statistics object."""
    if found.kind in ("type", "domain"):
        name = type_name(schema, found.name)
        if not is_type(schema, name):
            _refuse_absent_type(schema, found.name, name)
            return schema
        if found.kind == "domain" and name not in schema.domains:
            raise CannotApply(f"{name} is not a domain")
        return put_remarks(schema, with_fact(_remarks(schema, name), "comment", text))
    if found.kind == "publication":
        known = holder_of(schema, found, needed=True)
        if known is None:
            return schema
        commented = replace(schema.publications[found.name.name], comment=text)
        return replace(schema, publications={**schema.publications, found.name.name: commented})
    kind = _THINGS.get(found.kind)
    if kind is None:
        return schema
    full = found_thing(schema, kind, found.name) if kind == "statistics" else found.name
    thing = need_thing(schema, kind, full)
    if thing is None or kind == "extension":  # an extension brings a comment of its own along
        return schema
    return put_remarks(schema, with_fact(thing, "comment", text))


def _refuse_absent_type(schema: Schema, written: Name, name: Name) -> None:
    if sees_everything(schema) and not type_exists(schema, name) and written.schema != "pg_catalog":
        raise CannotApply(f"type {name} does not exist")


def _remarks(schema: Schema, name: Name) -> Thing:
    return schema.things.get((REMARKS, name), Thing(REMARKS, name))
