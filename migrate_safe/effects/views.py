"""What creating, dropping, altering and refreshing views does."""

from __future__ import annotations

from migrate_safe.catalog.change import family, is_partitioned
from migrate_safe.catalog.evolve.freeing import locked_relations
from migrate_safe.catalog.evolve.resting import on_relation, with_all
from migrate_safe.catalog.evolve.views import only_below, view_name
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.effects.combine import Scene, breaking, building, column_text, locking, merge, scanning
from migrate_safe.effects.doubts import Doubt
from migrate_safe.effects.resting_views import views_over, with_indexes
from migrate_safe.effects.tables import reading
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import View
from migrate_safe.model.statement import (
    AlterTable,
    CreateView,
    DropView,
    OtherTableAction,
    RefreshView,
    RenameColumn,
    TableAction,
    ViewAction,
)

_AX = LockMode.ACCESS_EXCLUSIVE
_AS = LockMode.ACCESS_SHARE
_WEAK = frozenset("SetStatistics SetOptions ResetOptions DropCluster".split())
_WEAK_OPTIONS = ("fillfactor", "autovacuum", "toast", "parallel_workers", "vacuum_", "log_autovacuum")


def view_action(scene: Scene, action: ViewAction) -> Effect:
    """Give the effect of a statement about views."""
    match action:
        case CreateView():
            return create_view(scene, action)
        case DropView():
            return drop_view(scene, action)
        case RefreshView():
            return refresh_view(scene, action)


def create_view(scene: Scene, action: CreateView) -> Effect:
    """CREATE VIEW reads the catalog of its relations; OR REPLACE locks the view against readers."""
    name = view_name(scene.schema, action)
    relations = [r for r in map(scene.schema.resolve, sorted(action.view.relations)) if r != name]
    locks = locking(_AS, *relations)
    if action.if_not_exists and relation_exists(scene.schema, name):
        return locks
    if action.view.materialized and action.view.populated:
        return merge(*(reading(scene, r) for r in relations), scanning(*_stored(scene, relations)))
    if action.replace and name in scene.schema.views:
        return merge(locks, locking(_AX, name), breaking(BreakKind.VALUE, str(name)))
    return locks


def _stored(scene: Scene, relations: list[Name], *, only: frozenset[Name] = frozenset()) -> list[Name]:
    """Give what is read when relations are: tables and materialized views, those below views too."""
    found: list[Name] = []
    for relation in relations:
        view = scene.schema.views.get(relation)
        table = scene.schema.tables.get(relation)
        if view is not None and not view.materialized:
            found += _stored(scene, sorted(view.relations), only=only_below(scene.schema, view))
        elif table is not None:
            found += [m.name for m in family(scene.schema, table, only=relation in only) if not is_partitioned(m)]
        else:
            found.append(relation)
    return found


def drop_view(scene: Scene, action: DropView) -> Effect:
    """DROP VIEW; of a materialized view the indexes go along."""
    names = [scene.schema.resolve(v) for v in action.views]
    if scene.schema.complete:
        names = [n for n in names if n in scene.schema.views]
    resting = [v for n in names for v in views_over(scene.schema, n)] if action.cascade else []
    rests = with_all(scene.schema, (r for n in names for r in on_relation(scene.schema, n))) if action.cascade else ()
    resting += [n for n in locked_relations(scene.schema, rests) if n not in resting]
    gone = [*names, *resting]
    return merge(locking(_AX, *with_indexes(scene.schema, gone)), *(breaking(BreakKind.GONE, str(n)) for n in gone))


def view_indexes(scene: Scene, name: Name) -> list[Name]:
    """Give the names of the indexes of a materialized view."""
    view = scene.schema.views.get(name)
    return [Name(name.schema, i.name) for i in view.indexes if i.name is not None] if view is not None else []


def refresh_view(scene: Scene, action: RefreshView) -> Effect:
    """REFRESH MATERIALIZED VIEW: its contents are made anew; CONCURRENTLY readers go on, writers there are none."""
    name = scene.schema.resolve(action.view)
    view = scene.schema.views.get(name)
    indexes = view_indexes(scene, name)
    relations = sorted(view.relations) if view is not None else []
    if action.concurrently:
        below = merge(*(reading(scene, r) for r in relations), scanning(name, *_stored(scene, relations)))
        return merge(
            locking(LockMode.EXCLUSIVE, name),
            locking(LockMode.ROW_EXCLUSIVE, *indexes),
            below,
        )
    locks = merge(locking(_AX, name, *indexes), Effect(rewrites=(name, *indexes)))
    if not action.with_data:
        return locks
    built = building(name) if indexes else Effect()
    return merge(locks, built, *(reading(scene, r) for r in relations), scanning(*_stored(scene, relations)))


def rename_view_column(scene: Scene, action: RenameColumn) -> Effect:
    """RENAME COLUMN of a view: the old name is gone for running apps."""
    full = scene.schema.resolve(action.table)
    gone = breaking(BreakKind.GONE, column_text(full, action.column))
    return merge(locking(_AX, full), gone, breaking(BreakKind.SHAPE, str(full)))


def alter_view(scene: Scene, action: AlterTable) -> Effect:
    """ALTER [MATERIALIZED] VIEW in the form of ALTER TABLE."""
    name = scene.schema.resolve(action.table)
    view = scene.schema.views[name]
    return merge(*(_altering(scene, view, item) for item in action.actions))


def _altering(scene: Scene, view: View, action: TableAction) -> Effect:
    indexes = view_indexes(scene, view.name)
    match action:
        case OtherTableAction(kind="ClusterOn", argument=index) if view.materialized:
            return locking(LockMode.SHARE_UPDATE_EXCLUSIVE, view.name, Name(view.name.schema, index))
        case OtherTableAction(kind=kind) if kind in _WEAK and view.materialized:
            return locking(LockMode.SHARE_UPDATE_EXCLUSIVE, view.name)
        case OtherTableAction(kind="SetRelOptions" | "ResetRelOptions", argument=text) if view.materialized:
            weak = all(w.strip().lower().startswith(_WEAK_OPTIONS) for w in text.split(","))
            return locking(LockMode.SHARE_UPDATE_EXCLUSIVE if weak else _AX, view.name)
        case OtherTableAction(kind="SetTableSpace"):
            return merge(locking(_AX, view.name), Effect(rewrites=(view.name,)), Doubt.TABLESPACE.effect(view.name))
        case OtherTableAction(kind="SetAccessMethod", argument=method) if method.lower() != "heap":
            return merge(locking(_AX, view.name, *indexes), Effect(rewrites=(view.name, *indexes)))
        case OtherTableAction(kind="ChangeOwner"):
            return locking(_AX, view.name, *indexes)
        case _:
            return locking(_AX, view.name)
