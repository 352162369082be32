"""What data statements do: what reading the statement locks, what planning it, and what running it."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import CannotApply, is_partitioned
from migrate_safe.catalog.evolve.foreign import without_handler
from migrate_safe.catalog.evolve.routines import runs_of
from migrate_safe.catalog.evolve.views import only_below, refuse_unpopulated
from migrate_safe.catalog.instead import acts_instead
from migrate_safe.catalog.presence import is_of_system
from migrate_safe.effects.combine import Scene, family, index_names, locking, merge, planned_indexes, scanning
from migrate_safe.effects.doubts import Doubt
from migrate_safe.effects.replication import unidentified
from migrate_safe.effects.row_writes import bound_looked_up, written_rows
from migrate_safe.effects.sequences import drawing
from migrate_safe.effects.unknown import Unknown
from migrate_safe.effects.volatility import is_known_function
from migrate_safe.model.effect import Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Table, TableKind, View
from migrate_safe.model.statement import Dml, DmlKind

_INSERTING = (DmlKind.INSERT, DmlKind.COPY_FROM)
_CHANGING = (DmlKind.UPDATE, DmlKind.DELETE)
_AS = LockMode.ACCESS_SHARE
_RS = LockMode.ROW_SHARE
_RX = LockMode.ROW_EXCLUSIVE


def data(scene: Scene, action: Dml) -> Effect:
    """INSERT, UPDATE, DELETE, MERGE, COPY, SELECT: weak table locks; a statement without bounds reads everything."""
    reason = _refusal(scene, action)
    if reason is not None:
        return Effect(fails=reason)
    parts = [_copied(scene, action) if action.kind is DmlKind.COPY_TO else planned(scene, action)]
    parts.append(drawing(scene, action.draws))
    parts.extend(written_rows(scene, kind, target, action) for kind, target in writes(action))
    if not action.bounded:
        parts.extend(_read_in_full(scene, t, action) for k, t in writes(action) if k in _CHANGING)
    if action.kind is DmlKind.DELETE and action.target is not None and action.filtered and not action.bounded:
        parts.append(_none_deleted(scene, action.target))
    return merge(*parts, _loss(scene, action), _calls(scene, action))


def _refusal(scene: Scene, action: Dml) -> str | None:
    """Say why a materialized view cannot be read yet, or a foreign table not be reached."""
    reads = [scene.schema.resolve(r) for r in action.reads]
    written = [scene.schema.resolve(t) for _, t in writes(action)]
    try:
        refuse_unpopulated(scene.schema, reads)
    except CannotApply as refusal:
        return refusal.reason
    return without_handler(scene.schema, (*reads, *written)) or unidentified_rows(scene, action)


def unidentified_rows(scene: Scene, action: Dml) -> str | None:
    """Say which table to be written publishes what it cannot tell apart; a condition may leave partitions out."""
    for kind, target in writes(action):
        alone = action.filtered or target in action.only or kind not in _CHANGING
        for operation in _changes(action, kind, target):
            names = [
                m.name
                for name in _changed(scene, kind, target)
                for m in family(scene.schema, scene.table(name), only=alone)
                if not is_partitioned(m)
            ]
            reason = next(filter(None, (unidentified(scene, name, operation) for name in names)), None)
            if reason is not None:
                return reason
    return None


def _changes(action: Dml, kind: DmlKind, target: Name) -> tuple[DmlKind, ...]:
    """Give how a part of a statement changes rows that are there: MERGE and ON CONFLICT may, too."""
    if kind in _CHANGING:
        return (kind,)
    if target != action.target:
        return ()
    updates = action.conflict is not None and action.conflict.updates
    return (DmlKind.UPDATE,) if updates else tuple(k for k in action.merges if k in _CHANGING)


def _changed(scene: Scene, kind: DmlKind, target: Name) -> list[Name]:
    """Give the tables whose rows a statement itself changes: triggers and rules of views make something else of it."""
    view = scene.schema.views.get(scene.schema.resolve(target))
    if view is None:
        table = scene.schema.table(target)
        instead = table is not None and any(r.instead and r.event.lower() == kind for r in table.rules)
        return [] if instead else [scene.schema.resolve(target)]
    through = () if acts_instead(view, kind) or view.rules else sorted(view.relations)
    return [n for r in through if r != view.name for n in _changed(scene, kind, r)]


def _read_in_full(scene: Scene, target: Name, action: Dml) -> Effect:
    members = [
        m
        for name in bases(scene, target)
        for m in family(scene.schema, scene.table(name), only=target in action.only)
        if not is_partitioned(m) and m.kind is not TableKind.FOREIGN
    ]
    return scanning(*(m.name for m in members))


def _none_deleted(scene: Scene, target: Name) -> Effect:
    """Look up the bound of a partitioned partition, as the server does where a condition is false as such."""
    tables = [scene.table(name) for name in bases(scene, target)]
    return merge(*(bound_looked_up(scene, t) for t in tables if t.partition_bound is not None and is_partitioned(t)))


def planned(scene: Scene, action: Dml) -> Effect:
    """Give what planning locks: every relation, those below views, children, and every index of a table to be read."""
    parts = [_reading(scene, r, action, deep=True) for r in action.reads]
    for kind, target in writes(action):
        parts.append(_writing(scene, kind, target, action))
        if action.arbiter and kind is DmlKind.INSERT and target == action.target:
            parts.append(locking(_RX, *(i for n in bases(scene, target) for i in index_names(scene.table(n)))))
    return merge(*parts)


def parsed(scene: Scene, action: Dml) -> Effect:
    """Give what reading a statement locks: the relations that it names, and those below views."""
    parts = [_reading(scene, r, action, deep=False) for r in action.reads]
    for _, target in writes(action):
        parts.append(locking(_RX, *_down(scene, scene.schema.resolve(target))))
    return merge(*parts)


def writes(action: Dml) -> list[tuple[DmlKind, Name]]:
    """Give all that a statement writes, with how."""
    own = [(action.kind, action.target)] if action.target is not None and action.kind is not DmlKind.COPY_TO else []
    return [*own, *action.also]


def _copied(scene: Scene, action: Dml) -> Effect:
    """COPY of a table reads it without a plan; children are left out."""
    if action.also or not action.only:
        return planned(scene, action)
    return locking(_AS, *(scene.schema.resolve(r) for r in action.reads))


# ---- reading -------------------------------------------------------------------------------


def _reading(scene: Scene, relation: Name, action: Dml, *, deep: bool) -> Effect:
    full = scene.schema.resolve(relation)
    if is_of_system(relation) and full not in scene.schema.tables and full not in scene.schema.views:
        return Effect()
    written = [scene.schema.resolve(t) for _, t in writes(action)]
    if full in written and not any(scene.schema.resolve(r) == full for r in action.row_locked) and not deep:
        return Effect()
    mode = _RS if relation in action.row_locked else _AS
    if not deep:
        return locking(mode, *_down(scene, full))
    return _looked_up(scene, full, mode, only=relation in action.only, filtered=action.filtered)


def _looked_up(scene: Scene, name: Name, mode: LockMode, *, only: bool = False, filtered: bool = False) -> Effect:
    """Lock a relation with its indexes (the planner looks at each), its children, and what is below a view."""
    view = scene.schema.views.get(name)
    if view is not None:
        return _through(scene, view, mode, filtered=filtered)
    table = scene.schema.tables.get(name)
    if table is None:
        return locking(mode, name)
    if only:
        return locking(mode, name, *index_names(table))
    members = family(scene.schema, table)
    found = [locking(mode, m.name, *planned_indexes(scene, m)) for m in members]
    return merge(*found, _pruned(members, filtered=filtered))


def _through(scene: Scene, view: View, mode: LockMode, *, filtered: bool) -> Effect:
    if view.materialized:
        indexes = (Name(view.name.schema, i.name) for i in view.indexes if i.name is not None)
        return locking(mode, view.name, *indexes)
    narrowed = filtered or "where" in view.definition.lower()
    alone = only_below(scene.schema, view)
    relations = (r for r in sorted(view.relations) if r != view.name)
    below = [_looked_up(scene, r, mode, only=r in alone, filtered=narrowed) for r in relations]
    return merge(locking(mode, view.name), *below)


def _pruned(members: Iterable[object], *, filtered: bool) -> Effect:
    """Say that a condition may leave partitions out, so that these are not locked."""
    first, *rest = members
    if not (filtered and rest and is_partitioned(first)):  # type: ignore[arg-type]
        return Effect()
    return Doubt.PARTITIONS_LEFT.effect()


def _down(scene: Scene, name: Name) -> list[Name]:
    """Give a relation and those below it where it is a view."""
    view = scene.schema.views.get(name)
    if view is None or view.materialized:
        return [name]
    return [name, *(n for r in sorted(view.relations) if r != name for n in _down(scene, r))]


# ---- writing -------------------------------------------------------------------------------


def _writing(scene: Scene, kind: DmlKind, target: Name, action: Dml) -> Effect:
    """Lock the target, and its indexes where a plan looks for rows; inserting lets go of them at once."""
    full, planned = scene.schema.resolve(target), kind not in _INSERTING
    view = scene.schema.views.get(full)
    rewritten = _rewritten(view or scene.schema.tables.get(full), action)
    if view is not None and not view.materialized and not acts_instead(view, kind):
        below = [_writing(scene, kind, r, action) for r in sorted(view.relations) if r != full]
        return merge(locking(_RX, full), *below, rewritten)
    if view is not None and planned:  # its INSTEAD OF triggers are given the rows that the view shows
        below = [_looked_up(scene, r, _AS) for r in sorted(view.relations) if r != full]
        return merge(locking(_RX, full), *below, rewritten)
    table = scene.schema.tables.get(full)
    if table is None or not planned:
        return merge(locking(_RX, full), rewritten)
    members = family(scene.schema, table, only=target in action.only)
    locks = [locking(_RX, m.name, *planned_indexes(scene, m)) for m in members]
    return merge(*locks, _pruned(members, filtered=action.filtered), rewritten)


def _rewritten(holder: Table | View | None, action: Dml) -> Effect:
    """Say that a rule makes something else of the statement."""
    rules = [r.name for r in holder.rules if r.enabled in "OA" and r.event.lower() == action.kind] if holder else []
    return Unknown.RULE.effect(rules[0]) if rules else Effect()


def bases(scene: Scene, target: Name) -> list[Name]:
    """Give the table that a statement writes, below the views through which it does."""
    view = scene.schema.views.get(scene.schema.resolve(target))
    if view is None:
        return [scene.schema.resolve(target)]
    return [n for r in sorted(view.relations) if r != view.name for n in bases(scene, r)]


# ---- what else -----------------------------------------------------------------------------


def _calls(scene: Scene, action: Dml) -> Effect:
    """Take a query that calls a function nobody knows for what it may be: `SELECT migrate_everything()`."""
    if not action.queries:
        return Effect()
    unknown = [f for f in sorted(action.functions, key=str) if not is_known_function(scene.schema, f)]
    if unknown:
        followed = {run.called for run in runs_of(scene.schema, action)}
        unknown = [f for f in unknown if f not in followed]
    return Unknown.FUNCTION.effect(unknown[0]) if unknown else Effect()


def _loss(scene: Scene, action: Dml) -> Effect:
    if action.kind is DmlKind.DELETE and not action.bounded and action.target is not None:
        return Effect(loses=(f"rows of table {scene.schema.resolve(action.target)}",))
    return Effect()
