"""Statistics objects, extensions, and what CLUSTER, VACUUM and the like leave behind in the catalog."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.brought import shows_relations
from migrate_safe.catalog.change import CannotApply, family, is_partitioned, need_column, put
from migrate_safe.catalog.evolve.storage import need_ordering_index, tablespace_of
from migrate_safe.catalog.naming import joined, make_object_name, none_such, relation_exists
from migrate_safe.catalog.stored_views import as_table
from migrate_safe.catalog.things import drop_thing, found_thing, need_thing, put_thing, sees_everything, with_fact
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Thing
from migrate_safe.model.said import (
    Cluster,
    Dropped,
    Extension,
    MoveAll,
    Moved,
    NewStatistics,
    Renamed,
    SetConstraints,
    StatisticsTarget,
    Vacuum,
)
from migrate_safe.model.schema import Schema, Table
from migrate_safe.model.statement import Other
from migrate_safe.model.values import replace

STATISTICS = "statistics"
_KINDS = {"ndistinct": "d", "dependencies": "f", "mcv": "m"}
_PARTITIONED_CLUSTER = 15
"""The first major version with CLUSTER of a partitioned table."""


def other(schema: Schema, action: Other, _text: str) -> Schema | None:
    """Apply a statement about statistics objects, extensions or the upkeep of tables; None for any other."""
    match action.says:
        case NewStatistics() as new:
            return _create_statistics(schema, new)
        case StatisticsTarget(name=name, target=number, if_exists=if_exists):
            known = need_thing(schema, STATISTICS, found_thing(schema, STATISTICS, name), if_exists=if_exists)
            text = str(min(number, 10_000)) if number is not None else None
            return schema if known is None else put_thing(schema, with_fact(known, "target", text))
        case Renamed(target=target, to=to) if target.kind == "statistic ext":
            return _named_anew(schema, target.name, to=to)
        case Moved(target=target, to=to) if target.kind == "statistic ext":
            return _named_anew(schema, target.name, schema_name=to)
        case Dropped(targets=targets) as dropped if targets and targets[0].kind in ("statistic ext", "extension"):
            return _dropped(schema, dropped)
        case Extension() as extension:
            return _extension(schema, extension)
        case Cluster() as cluster:
            return _cluster(schema, cluster)
        case Vacuum() as vacuum:
            return _vacuum(schema, vacuum)
        case MoveAll() as move:
            return _move_all(schema, move)
        case SetConstraints(names=names):
            for name in names:
                _refuse_immediate(schema, name)
            return schema
        case _:
            return None


def need_columns(schema: Schema, table: Table, columns: Iterable[str]) -> None:
    """Raise CannotApply where a table certainly lacks one of the columns."""
    for column in columns:
        need_column(schema, table, column)


# ---- statistics objects ----------------------------------------------------------------------


def _create_statistics(schema: Schema, new: NewStatistics) -> Schema:
    """Add a statistics object; its facts are the table, columns, expressions, kinds, the target and the owner."""
    full = schema.resolve(new.tables[0]) if new.tables else Name(None, "")
    table = schema.tables.get(full)
    if table is None and shows_relations(schema) and full not in schema.views:
        raise CannotApply(f"relation {full} does not exist")
    if full in schema.views and not schema.views[full].materialized:
        raise CannotApply(f"cannot define statistics for relation {full}")
    if table is not None:
        need_columns(schema, table, new.columns)
    if len(set(new.columns)) < len(new.columns):
        raise CannotApply("duplicate column name in statistics definition")
    if len(new.columns) + len(new.expressions) < 2 and not new.expressions:
        raise CannotApply("extended statistics require at least 2 columns")
    name = _created_name(schema, new, full)
    if (STATISTICS, name) in schema.things:
        if new.if_not_exists:
            return schema
        raise CannotApply(f"statistics object {name} already exists")
    return put_thing(schema, Thing(STATISTICS, name, _facts(schema, new, full, table)))


def _created_name(schema: Schema, new: NewStatistics, table: Name) -> Name:
    if new.name is not None:
        return new.name.within(schema.first_place)
    return statistics_name(schema, table, new.parts)


def statistics_name(schema: Schema, table: Name, parts: tuple[str, ...]) -> Name:
    """Choose the name of a statistics object as the server does."""
    number = 0
    while True:
        name = Name(table.schema, make_object_name(table.name, joined(parts), f"stat{number}" if number else "stat"))
        if (STATISTICS, name) not in schema.things:
            return name
        number += 1


def _facts(schema: Schema, new: NewStatistics, full: Name, table: Table | None) -> tuple[tuple[str, str], ...]:
    order = {c.name: i for i, c in enumerate(table.columns)} if table is not None else {}
    columns = sorted(new.columns, key=lambda c: order.get(c, 0))
    alone = len(new.expressions) == 1 and not new.columns
    kinds = () if alone else new.kinds or tuple(_KINDS)
    found = [
        ("table", str(full)),
        ("columns", ", ".join(columns)),
        ("kinds", "".join(sorted(_KINDS[k] for k in kinds))),
    ]
    found += [("expressions", str(len(new.expressions)))] if new.expressions else []
    found += [("owner", schema.role)] if schema.role is not None else []
    return tuple(sorted(found))


def _named_anew(schema: Schema, name: Name, *, to: str | None = None, schema_name: str | None = None) -> Schema:
    full = found_thing(schema, STATISTICS, name)
    known = need_thing(schema, STATISTICS, full)
    if known is None:
        return schema
    new = Name(schema_name or full.schema, to or full.name)
    if (STATISTICS, new) in schema.things:
        raise CannotApply(f"statistics object {new} already exists")
    if schema_name is not None:
        need_thing(schema, "schema", Name(None, schema_name))
    return put_thing(drop_thing(schema, STATISTICS, full), replace(known, name=new))


def _dropped(schema: Schema, dropped: Dropped) -> Schema:
    for target in dropped.targets:
        kind = STATISTICS if target.kind == "statistic ext" else "extension"
        if kind == "extension" and not dropped.cascade:
            _refuse_in_use(schema, target.name.name)
        name = found_thing(schema, kind, target.name) if kind == STATISTICS else target.name
        need_thing(schema, kind, name, if_exists=dropped.if_exists)
        schema = drop_thing(schema, kind, name)
        schema = schema if kind == STATISTICS else _without_members(schema, name.name)
    return schema


def _without_members(schema: Schema, extension: str) -> Schema:
    wrapper = _WRAPPERS_OF.get(extension)
    schema = replace(schema, unread=schema.unread - {extension})
    return drop_thing(schema, wrapper.kind, wrapper.name) if wrapper is not None else schema


def _refuse_in_use(schema: Schema, extension: str) -> None:
    """Refuse to drop an extension that brought a function's language, which has its name, or a server's wrapper."""
    wrapper = str(_WRAPPERS_OF[extension].name) if extension in _WRAPPERS_OF else extension
    users = [f"function {f.name}" for found in schema.functions.values() for f in found if f.language == extension]
    users += [f"server {thing.name}" for thing in schema.things.values() if ("wrapper", wrapper) in thing.facts]
    if users and ("extension", Name(None, extension)) in schema.things:
        raise CannotApply(f"cannot drop extension {extension}: {users[0]} depends on it")


# ---- extensions ----------------------------------------------------------------------------


_WRAPPER = "foreign data wrapper"
_WRAPPERS_OF = {
    "dblink": Thing(_WRAPPER, Name(None, "dblink_fdw")),
    "file_fdw": Thing(_WRAPPER, Name(None, "file_fdw"), (("handler", "file_fdw_handler"),)),
    "postgres_fdw": Thing(_WRAPPER, Name(None, "postgres_fdw"), (("handler", "postgres_fdw_handler"),)),
}
"""What extensions that come with the server bring along of what the catalog holds, other than functions and types."""


def _extension(schema: Schema, extension: Extension) -> Schema:
    """CREATE EXTENSION: of what it brings along only wrappers of foreign data are kept."""
    name = Name(None, extension.name)
    if extension.verb == "create":
        if ("extension", name) in schema.things:
            if extension.if_not_exists:
                return schema
            raise CannotApply(f"extension {name} already exists")
        if extension.schema is not None:
            need_thing(schema, "schema", Name(None, extension.schema))
        schema = replace(put_thing(schema, Thing("extension", name)), unread=schema.unread | {name.name})
        return put_thing(schema, _WRAPPERS_OF[name.name]) if name.name in _WRAPPERS_OF else schema
    need_thing(schema, "extension", name)
    return schema


# ---- upkeep --------------------------------------------------------------------------------


def _cluster(schema: Schema, cluster: Cluster) -> Schema:
    """CLUSTER remembers the index."""
    if cluster.table is None:
        return schema
    full = schema.resolve(cluster.table)
    table = schema.tables.get(full)
    if table is None:
        view = schema.views.get(full)
        if schema.complete and (view is None or not view.materialized):
            raise CannotApply(none_such(schema, full, "table or materialized view"))
        if view is not None and cluster.index is not None:
            need_ordering_index(schema, as_table(view), cluster.index)
        return schema
    if is_partitioned(table) and schema.server_version < _PARTITIONED_CLUSTER:
        raise CannotApply("cannot cluster a partitioned table")
    if cluster.index is None:
        if table.clustered_on is None and not table.partial:
            raise CannotApply(f"there is no previously clustered index for table {full}")
        return schema
    need_ordering_index(schema, table, cluster.index)
    return _clustered(schema, table, cluster.index)


def _clustered(schema: Schema, table: Table, index: str) -> Schema:
    """Mark the index; of a partitioned table those of its partitions that belong to it."""
    if not is_partitioned(table):
        return put(schema, replace(table, clustered_on=index))
    wanted = table.index(index)
    for member in family(schema, table)[1:]:
        alike = [
            i.name for i in member.indexes if wanted is not None and (i.keys, i.unique) == (wanted.keys, wanted.unique)
        ]
        if alike and not is_partitioned(member):
            schema = put(schema, replace(member, clustered_on=alike[0]))
    return schema


def _vacuum(schema: Schema, vacuum: Vacuum) -> Schema:
    for each in vacuum.tables:
        full = schema.resolve(each.table)
        if each.columns and not vacuum.analyze:
            raise CannotApply("ANALYZE option must be specified when a column list is provided")
        table = schema.tables.get(full)
        if table is None and not relation_exists(schema, full) and shows_relations(schema):
            raise CannotApply(f"relation {full} does not exist")
        if table is not None:
            need_columns(schema, table, each.columns)
        if len(set(each.columns)) < len(each.columns):
            raise CannotApply(f"a column of {full} is given twice")
    return schema


def _refuse_immediate(schema: Schema, name: Name) -> None:
    """Raise CannotApply where all constraints of that name certainly are not deferrable, or there is none."""
    tables = [t for t in schema.tables.values() if t.name.schema in (name.schema, *schema.search_path)]
    found = [c for t in tables for c in t.constraints if c.name == name.name]
    if any(trigger.name == name.name for t in tables for trigger in t.triggers):
        return  # perhaps a constraint trigger
    if found and not any(c.deferrable for c in found):
        raise CannotApply(f"constraint {name} is not deferrable")
    if not found and sees_everything(schema):
        raise CannotApply(f"constraint {name} does not exist")


def _move_all(schema: Schema, move: MoveAll) -> Schema:
    here, there = (tablespace_of(name) for name in (move.here, move.there))
    if move.kind == "table":
        moved = [
            t for t in schema.tables.values() if t.tablespace == here and (not move.owners or t.owner in move.owners)
        ]
        tables = {t.name: replace(t, tablespace=there) for t in moved}
        return replace(schema, tables={**schema.tables, **tables})
    if move.kind != "index":
        return schema
    for table in schema.tables.values():
        if not move.owners or table.owner in move.owners:
            indexes = tuple(replace(i, tablespace=there) if i.tablespace == here else i for i in table.indexes)
            schema = put(schema, replace(table, indexes=indexes))
    return schema
