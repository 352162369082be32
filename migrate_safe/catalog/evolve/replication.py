"""How publications and subscriptions come, change and go."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import SYSTEM_COLUMNS, CannotApply, family, is_partitioned, need_column
from migrate_safe.catalog.things import drop_thing, fact, need_thing, put_thing, with_fact
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Publication, PublishedTable, Thing
from migrate_safe.model.said import Dropped, PublicationChange, Renamed, SubscriptionChange
from migrate_safe.model.schema import Schema, Table
from migrate_safe.model.statement import Other
from migrate_safe.model.values import replace

SUBSCRIPTION = "subscription"


def other(schema: Schema, action: Other, _text: str) -> Schema | None:
    """Apply a statement about publications or subscriptions; None for those about something else."""
    match action.says:
        case PublicationChange() as change:
            return _create(schema, change) if change.verb == "create" else _alter(schema, change)
        case Renamed(target=target, to=to) if target.kind in ("publication", "subscription"):
            return _renamed(schema, target.kind, target.name.name, to)
        case Dropped(targets=targets) as dropped if targets and targets[0].kind == "publication":
            return _dropped(schema, [t.name.name for t in targets], if_exists=dropped.if_exists)
        case SubscriptionChange() as change:
            return _subscription(schema, change)
        case _:
            return None


def _create(schema: Schema, change: PublicationChange) -> Schema:
    if change.name in schema.publications:
        raise CannotApply(f"publication {change.name!r} already exists")
    made = Publication(
        name=change.name,
        all_tables=change.all_tables,
        tables=_tables(schema, change),
        schemas=_schemas(schema, change),
        owner=schema.role,
    )
    return _put(schema, _with_options(made, change))


def _put(schema: Schema, publication: Publication) -> Schema:
    _refuse_parts(schema, publication)
    return replace(schema, publications={**schema.publications, publication.name: publication})


def _refuse_parts(schema: Schema, publication: Publication) -> None:
    """Refuse a column list beside whole schemas, and columns or rows of what is published by its partitions."""
    for held in publication.tables:
        if held.columns and publication.schemas:
            raise CannotApply(f"cannot use column list for {held.table} in a publication of tables in schema")
        table = schema.tables.get(held.table)
        partial = held.columns or held.condition is not None
        if partial and not publication.via_root and table is not None and is_partitioned(table):
            raise CannotApply(
                f"cannot publish some columns or rows of partitioned table {held.table} "
                "without publish_via_partition_root"
            )


def _with_options(known: Publication, change: PublicationChange) -> Publication:
    return replace(
        known,
        operations=known.operations if change.operations is None else change.operations,
        via_root=known.via_root if change.via_root is None else change.via_root,
        generated=known.generated if change.generated is None else change.generated,
    )


def _alter(schema: Schema, change: PublicationChange) -> Schema:
    known = schema.publications.get(change.name)
    if known is None:
        if schema.complete:
            raise CannotApply(f"publication {change.name!r} does not exist")
        return schema
    if change.verb == "options":
        return _put(schema, _with_options(known, change))
    if known.all_tables:
        raise CannotApply(f"publication {change.name!r} is defined as FOR ALL TABLES")
    tables, schemas = _tables(schema, change), _schemas(schema, change)
    match change.verb:
        case "add":
            _refuse_twice(known, tables, schemas)
            return _put(schema, replace(known, tables=_sorted((*known.tables, *tables)), schemas=_and(known, schemas)))
        case "drop":
            if any(t.columns or t.condition is not None for t in change.tables):
                raise CannotApply("columns and WHERE must not be specified in ALTER PUBLICATION ... DROP")
            return _put(schema, _without(known, change, tables, schemas))
        case _:
            return _put(schema, replace(known, tables=tables, schemas=schemas))


def _and(known: Publication, schemas: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*known.schemas, *schemas}))


def _refuse_twice(known: Publication, tables: Iterable[PublishedTable], schemas: Iterable[str]) -> None:
    held = {t.table for t in known.tables}
    twice = [*(str(t.table) for t in tables if t.table in held), *(s for s in schemas if s in known.schemas)]
    if twice:
        raise CannotApply(f"{twice[0]} is already a member of publication {known.name!r}")


def _without(
    known: Publication, change: PublicationChange, tables: tuple[PublishedTable, ...], schemas: tuple[str, ...]
) -> Publication:
    held = {t.table for t in known.tables}
    missing = [*(str(t.table) for t in tables if t.table not in held), *(s for s in schemas if s not in known.schemas)]
    if missing:
        raise CannotApply(f"{missing[0]} is not part of publication {change.name!r}")
    gone = {t.table for t in tables}
    return replace(
        known,
        tables=tuple(t for t in known.tables if t.table not in gone),
        schemas=tuple(s for s in known.schemas if s not in schemas),
    )


def _sorted(tables: Iterable[PublishedTable]) -> tuple[PublishedTable, ...]:
    return tuple(sorted(tables, key=lambda t: t.table))


def _schemas(schema: Schema, change: PublicationChange) -> tuple[str, ...]:
    """Give the schemas that a statement publishes whole."""
    named = (*change.schemas, *schema.search_path[:1]) if change.current_schema else change.schemas
    for name in named:
        need_thing(schema, "schema", Name(None, name))
    return tuple(sorted(set(named)))


def _tables(schema: Schema, change: PublicationChange) -> tuple[PublishedTable, ...]:
    """Give the tables that a statement publishes, with the children that inherit from them unless ONLY."""
    found: dict[Name, PublishedTable] = {}
    for wanted in change.tables:
        full = schema.resolve(wanted.table)
        if len(set(wanted.columns)) < len(wanted.columns):
            raise CannotApply(f"a column of {full} is listed twice")
        for member in published(schema, full, only=wanted.table in change.only):
            columns = tuple(c.name for c in member.columns if c.name in wanted.columns) or wanted.columns
            _refuse_columns(schema, member, wanted)
            found[member.name] = replace(wanted, table=member.name, columns=columns)
    return _sorted(found.values())


def _refuse_columns(schema: Schema, table: Table, wanted: PublishedTable) -> None:
    system = [c for c in wanted.columns if c in SYSTEM_COLUMNS]
    if system:
        raise CannotApply(f"cannot use system column {system[0]!r} in publication column list")
    for column in (*wanted.columns, *sorted(wanted.condition.columns if wanted.condition is not None else ())):
        need_column(schema, table, column)


def published(schema: Schema, name: Name, *, only: bool) -> tuple[Table, ...]:
    """Give the tables that publishing one adds: a partitioned table stands for its partitions."""
    if name in schema.views or name in schema.sequences or schema.index_table(name) is not None:
        raise CannotApply(f"cannot add relation {name} to publication")
    table = schema.tables.get(name)
    if table is None:
        if schema.complete:
            raise CannotApply(f"relation {name} does not exist")
        return (Table(name, partial=True),)
    if table.persistence != "p":
        raise CannotApply(f"cannot add relation {name} to publication: it is not logged")
    return (table,) if only or is_partitioned(table) else family(schema, table)


def _renamed(schema: Schema, kind: str, old: str, new: str) -> Schema:
    if kind == SUBSCRIPTION:
        thing = need_thing(schema, kind, Name(None, old))
        if thing is None:
            return schema
        return put_thing(drop_thing(schema, kind, thing.name), replace(thing, name=Name(None, new)))
    known = schema.publications.get(old)
    if known is None:
        if schema.complete:
            raise CannotApply(f"publication {old!r} does not exist")
        return schema
    if new in schema.publications:
        raise CannotApply(f"publication {new!r} already exists")
    rest = {n: p for n, p in schema.publications.items() if n != old}
    return replace(schema, publications={**rest, new: replace(known, name=new)})


def _dropped(schema: Schema, names: list[str], *, if_exists: bool) -> Schema:
    missing = [n for n in names if n not in schema.publications]
    if missing and schema.complete and not if_exists:
        raise CannotApply(f"publication {missing[0]!r} does not exist")
    return replace(schema, publications={n: p for n, p in schema.publications.items() if n not in names})


def _subscription(schema: Schema, change: SubscriptionChange) -> Schema:
    name = Name(None, change.name)
    match change.verb:
        case "create":
            if (SUBSCRIPTION, name) in schema.things:
                raise CannotApply(f"subscription {name} already exists")
            listed = ", ".join(sorted(change.publications))
            facts = [("publications", listed), ("enabled", _enabled_at_first(change))]
            facts += [("owner", schema.role)] if schema.role is not None else []
            slot = dict(change.options).get("slot_name", change.name)
            facts += [("slot", slot)] if slot != "none" else []
            return put_thing(schema, Thing(SUBSCRIPTION, name, tuple(sorted(facts))))
        case "drop":
            need_thing(schema, SUBSCRIPTION, name, if_exists=change.if_exists)
            return drop_thing(schema, SUBSCRIPTION, name)
        case verb:
            known = need_thing(schema, SUBSCRIPTION, name)
            return schema if known is None else put_thing(schema, _changed(known, verb, change))


def _enabled_at_first(change: SubscriptionChange) -> str:
    given = dict(change.options)
    return given.get("enabled", given.get("connect", "true"))


def _changed(known: Thing, verb: str, change: SubscriptionChange) -> Thing:
    """Apply ALTER SUBSCRIPTION; of its options no more is kept than whether it is enabled, and its slot."""
    held = set((fact(known, "publications") or "").split(", ")) - {""}
    match verb:
        case "enabled":
            return with_fact(known, "enabled", dict(change.options).get("enabled", "true"))
        case "options" if "slot_name" in dict(change.options):
            slot = dict(change.options)["slot_name"]
            return with_fact(known, "slot", slot if slot != "none" else None)
        case "set publication":
            return with_fact(known, "publications", ", ".join(sorted(change.publications)))
        case "add publication":
            return with_fact(known, "publications", ", ".join(sorted(held | set(change.publications))))
        case "drop publication":
            return with_fact(known, "publications", ", ".join(sorted(held - set(change.publications))))
        case _:
            return known
