"""What VACUUM, ANALYZE, CLUSTER, REINDEX, statistics objects and moves between tablespaces do."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import is_partitioned
from migrate_safe.catalog.evolve.storage import tablespace_of
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.stored_views import as_table, as_tables
from migrate_safe.catalog.things import fact, found_thing
from migrate_safe.effects.combine import Scene, family, index_names, locking, merge, rewriting
from migrate_safe.effects.doubts import Rows
from migrate_safe.model.effect import Effect, TransactionRule
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.said import Cluster, Dropped, MoveAll, NewStatistics, StatisticsTarget, Tended, Vacuum
from migrate_safe.model.schema import Schema, Table, TableKind
from migrate_safe.model.statement import Other
from migrate_safe.model.values import replace

_AX = LockMode.ACCESS_EXCLUSIVE
_AS = LockMode.ACCESS_SHARE
_SUX = LockMode.SHARE_UPDATE_EXCLUSIVE
_FORBIDDEN = Effect(transaction=TransactionRule.FORBIDDEN)
_CHILDREN_ANALYZED = 18
"""From this major version on ANALYZE of an inheritance parent works on its children too."""


def other(scene: Scene, action: Other) -> Effect | None:
    """Give the effect of a statement about the upkeep of tables; None for those about something else."""
    match action.says:
        case Vacuum() as vacuum:
            return _vacuum(scene, vacuum) if vacuum.vacuum else _analyze(scene, vacuum.tables)
        case Cluster() as cluster:
            return _cluster(scene, cluster)
        case NewStatistics(tables=tables):
            return locking(_SUX, *(scene.schema.resolve(t) for t in tables))
        case StatisticsTarget():
            return Effect()
        case Dropped(targets=targets) if targets and targets[0].kind == "statistic ext":
            return locking(_SUX, *_tables_of(scene.schema, [t.name for t in targets]))
        case MoveAll() as move:
            return _move_all(scene, move)
        case _:
            return None


def stored(scene: Scene, name: Name) -> Table:
    """Give a table, or a materialized view in the form of one: what has rows and indexes."""
    view = scene.schema.views.get(scene.schema.resolve(name))
    return as_table(view) if view is not None and view.materialized else scene.table(name)


def every_table(schema: Schema) -> list[Table]:
    """Give what is tended where nothing is named: all tables but foreign ones, and materialized views as tables."""
    return [t for t in as_tables(schema).tables.values() if t.kind is not TableKind.FOREIGN]


def _has_no_rows(scene: Scene, name: Name) -> bool:
    """Say whether it is a view, sequence, index or composite type: the server locks it, warns and passes over it."""
    found = scene.schema.resolve(name)
    view = scene.schema.views.get(found)
    stored_view = view is not None and view.materialized
    return relation_exists(scene.schema, found) and found not in scene.schema.tables and not stored_view


# ---- VACUUM and ANALYZE --------------------------------------------------------------------


def _analyze(scene: Scene, wanted: tuple[Tended, ...]) -> Effect:
    """ANALYZE of tables, of all where none is named."""
    if not wanted:
        known = merge(*(_analyzed(t) for t in every_table(scene.schema)))
        return known if scene.schema.complete else replace(known, unknown="ANALYZE without a name reads every table")
    return merge(*(_analyze_one(scene, t) for t in wanted))


def _analyze_one(scene: Scene, wanted: Tended) -> Effect:
    if _has_no_rows(scene, wanted.table):
        return locking(_SUX, scene.schema.resolve(wanted.table))
    table = stored(scene, wanted.table)
    if table.kind is TableKind.FOREIGN:
        return replace(_analyzed(table), unknown=f"what the foreign data wrapper of {table.name} does is not known")
    below = family(scene.schema, table)[1:]
    if (not is_partitioned(table) and scene.version < _CHILDREN_ANALYZED) or wanted.only:
        return merge(_analyzed(table), locking(_AS, *(m.name for m in below if not is_partitioned(m))))
    return merge(_analyzed(table), *(_analyzed(m) for m in below))


def _analyzed(table: Table) -> Effect:
    indexes = () if is_partitioned(table) else index_names(table)
    return merge(locking(_SUX, table.name), locking(_AS, *indexes))


def _vacuum(scene: Scene, vacuum: Vacuum) -> Effect:
    """VACUUM works on one table after the other, each in a transaction of its own."""
    if vacuum.bare:
        return _FORBIDDEN
    if vacuum.tables:
        read = [_analyze_one(scene, t) for t in vacuum.tables if vacuum.analyze]
        return merge(*(_vacuum_named(scene, t, vacuum) for t in vacuum.tables), *read, _FORBIDDEN)
    every = every_table(scene.schema)
    read = [_analyzed(t) for t in every if vacuum.analyze]
    known = merge(*(_vacuum_one(t, vacuum) for t in every), *read, _FORBIDDEN)
    return known if scene.schema.complete else replace(known, unknown="VACUUM without a name works on every table")


def _vacuum_named(scene: Scene, wanted: Tended, vacuum: Vacuum) -> Effect:
    if _has_no_rows(scene, wanted.table):
        return locking(_AX if vacuum.full else _SUX, scene.schema.resolve(wanted.table))
    return merge(*(_vacuum_one(t, vacuum) for t in _vacuumed(scene, wanted)))


def _vacuumed(scene: Scene, wanted: Tended) -> Iterable[Table]:
    """Give the tables that VACUUM of one works on: the partitions, from PostgreSQL 18 on inheriting tables too."""
    table = stored(scene, wanted.table)
    deep = is_partitioned(table) or scene.version >= _CHILDREN_ANALYZED
    return family(scene.schema, table) if deep and not wanted.only else (table,)


def _vacuum_one(table: Table, vacuum: Vacuum) -> Effect:
    if table.kind is TableKind.FOREIGN or not vacuum.main:  # of the former the server warns, once it has the lock
        return locking(_AX if vacuum.full else _SUX, table.name)
    if vacuum.full:
        return rewriting(table)
    indexes = () if is_partitioned(table) else index_names(table)
    return merge(locking(_SUX, table.name), locking(LockMode.ROW_EXCLUSIVE, *indexes))


# ---- CLUSTER -------------------------------------------------------------------------------


def _cluster(scene: Scene, cluster: Cluster) -> Effect:
    """CLUSTER writes tables anew; a partitioned one, or all of them, one after the other."""
    if cluster.table is None:
        before = [t for t in every_table(scene.schema) if t.clustered_on is not None]
        known = merge(*map(rewriting, before), _FORBIDDEN)
        why = "CLUSTER without a name works on every table that was clustered before"
        return known if scene.schema.complete and not _has_views(scene) else replace(known, unknown=why)
    table = stored(scene, cluster.table)
    if is_partitioned(table):
        looked_at = [Name(table.name.schema, cluster.index)] if cluster.index else []
        return merge(*map(rewriting, family(scene.schema, table)), locking(_AS, *looked_at), _FORBIDDEN)
    stored_query = scene.schema.resolve(cluster.table) in scene.schema.views  # which index it goes by is not kept
    marked = Rows.UNMARKED.effect(table.name) if stored_query and cluster.index is None else Effect()
    return merge(rewriting(table), marked)


def _has_views(scene: Scene) -> bool:
    """Say whether there are materialized views with indexes; which of these was used before is not kept."""
    return any(v.materialized and v.indexes for v in scene.schema.views.values())


# ---- statistics and tablespaces ----------------------------------------------------------------


def _tables_of(schema: Schema, names: list[Name]) -> list[Name]:
    found = [schema.things.get(("statistics", found_thing(schema, "statistics", n))) for n in names]
    texts = [fact(thing, "table") for thing in found if thing is not None]
    return [parse_name(text) for text in texts if text]


def _move_all(scene: Scene, move: MoveAll) -> Effect:
    """Move everything of a tablespace at once, all of it locked to the end."""
    if not scene.schema.complete:
        return Effect(unknown=f"what is in tablespace {move.here} is not known")
    here, there = tablespace_of(move.here), tablespace_of(move.there)
    tables = [t for t in every_table(scene.schema) if not move.owners or t.owner in move.owners]
    if here == there:
        return Effect()
    if move.kind == "index":
        found = [
            (n, t) for t in tables for n, i in zip(index_names(t), t.indexes, strict=False) if i.tablespace == here
        ]
        written = tuple(n for n, t in found if not is_partitioned(t))
        return merge(locking(_AX, *(n for n, _ in found)), Effect(rewrites=written))
    wanted = [t for t in tables if t.tablespace == here and (t.name in scene.schema.views) == (move.kind != "table")]
    written = tuple(t.name for t in wanted if not is_partitioned(t))
    return merge(locking(_AX, *(t.name for t in wanted)), Effect(rewrites=written))
