"""What the rows that a statement writes lock: sequences, partitions, and both sides of foreign keys.

Rows are not known here, so that most of it depends on them: the server looks up the other side of a key by a query of
its own, once for each row whose key is new, changed or gone, under ROW SHARE or, where the key says CASCADE or SET
NULL, ROW EXCLUSIVE. Its plan is kept for the session: then only the index that it uses is locked.
"""

from __future__ import annotations

from migrate_safe.catalog.change import is_partitioned
from migrate_safe.catalog.evolve.drawing import drawn_from
from migrate_safe.effects.cascades import CHANGING, Carried, ancestors, carried, pointing
from migrate_safe.effects.combine import Scene, family, locking, merge, planned_indexes
from migrate_safe.effects.doubts import Doubt, Rows
from migrate_safe.effects.row_rules import refused_rows
from migrate_safe.model.effect import Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Constraint, Table
from migrate_safe.model.statement import Dml, DmlKind

_RX = LockMode.ROW_EXCLUSIVE
_RS = LockMode.ROW_SHARE
_NEW_ROWS = (DmlKind.INSERT, DmlKind.COPY_FROM, DmlKind.UPDATE, DmlKind.MERGE)


def written_rows(scene: Scene, kind: DmlKind, target: Name, action: Dml) -> Effect:
    """Give what writing rows of a table locks besides the table; through views of that below them."""
    full = scene.schema.resolve(target)
    view = scene.schema.views.get(full)
    if view is not None:
        if view.triggers:  # these decide what becomes of the rows
            return Effect()
        below = [r for r in sorted(view.relations) if r != full]
        return merge(*(written_rows(scene, kind, r, action) for r in below))
    table = scene.schema.tables.get(full)
    if table is None:
        return Effect()
    refused = refused_rows(scene, kind, table, action) if kind in _NEW_ROWS else Effect()
    return merge(_written(scene, kind, target, table, action), refused)


def _written(scene: Scene, kind: DmlKind, target: Name, table: Table, action: Dml) -> Effect:
    match kind:
        case DmlKind.INSERT | DmlKind.COPY_FROM:
            inserted = _inserted(scene, table, action if target == action.target else Dml(kind, target))
            return merge(inserted, _updated(scene, table, action) if action.arbiter else Effect())
        case DmlKind.UPDATE:
            return _updated(scene, table, action)
        case DmlKind.DELETE:
            return _followed(scene, Carried(DmlKind.DELETE, table))
        case DmlKind.MERGE:
            inserted = _inserted(scene, table, Dml(kind, target, columns=action.columns))
            return merge(inserted, _updated(scene, table, action), _followed(scene, Carried(DmlKind.DELETE, table)))
        case _:
            return Effect()


# ---- new rows ------------------------------------------------------------------------------


def _inserted(scene: Scene, table: Table, action: Dml) -> Effect:
    given = _given(table, action)
    sure = given is not None and not action.from_query and action.kind is DmlKind.INSERT
    rest = [c for c in table.columns if given is None or c.name not in given]
    sequences = [n for c in rest for n in _drawn_from(scene, table, c)]
    doubt = Effect() if sure or not sequences else Doubt.DEFAULTS.effect(table.name)
    filled = None if given is None else {*given, *(c.name for c in rest if c.default is not None)}
    keys = [k for k in _keys(table) if filled is None or set(k.columns) <= filled]
    return merge(
        locking(_RX, *sequences),
        doubt,
        *(_far_side(scene, table, key) for key in keys),
        _routed(scene, table),
    )


def _given(table: Table, action: Dml) -> set[str] | None:
    """Give the columns that surely get a value of the statement's own."""
    if action.given is None:
        return None
    names = action.columns or tuple(c.name for c in table.columns)
    return {names[i] for i in action.given if i < len(names)}


def _drawn_from(scene: Scene, table: Table, column: Column) -> list[Name]:
    """Give the sequences that a column takes its default from."""
    if column.identity is not None:
        return [s.name for s in scene.schema.owned_by(table.name, column.name)]
    return [n for n in drawn_from(scene.schema, column) if n in scene.schema.sequences]


def _routed(scene: Scene, table: Table) -> Effect:
    """Lock the partition that a row goes to; a partition written directly has its bound looked up in its parents."""
    parts: list[Effect] = []
    if is_partitioned(table):
        below = [m.name for m in family(scene.schema, table)[1:]]
        doubt = Doubt.PARTITIONS_WRITTEN.effect(table.name) if below else Effect()
        parts.append(merge(locking(_RX, *below), doubt))
    if table.partition_bound is not None:
        parts.append(bound_looked_up(scene, table))
    if parts:
        parts.append(Rows.OUTSIDE.effect(table.name))
    return merge(*parts)


def bound_looked_up(scene: Scene, table: Table) -> Effect:
    """Read the bound of a partition from the tables above it, unless the session has done so before."""
    return merge(locking(LockMode.ACCESS_SHARE, *ancestors(scene, table)), Doubt.BOUND_LOOKED_UP.effect(table.name))


# ---- changed and deleted rows ----------------------------------------------------------------


def _updated(scene: Scene, table: Table, action: Dml) -> Effect:
    """Look up the other side of every key one of whose columns changes."""
    write = Carried(DmlKind.UPDATE, table, frozenset(action.columns))
    moved = _routed(scene, table) if table.partition_bound is not None else Effect()
    return merge(_followed(scene, write), moved, _defaulted(scene, table, action))


def _defaulted(scene: Scene, table: Table, action: Dml) -> Effect:
    """Draw from the sequences of the columns that are set to their DEFAULT."""
    conflict = action.conflict.sets if action.conflict is not None else ()
    named = action.columns if action.kind is DmlKind.UPDATE else conflict
    given = {c for w in action.writings if w.updates for c in w.columns}
    columns = [c for c in table.columns if c.name in named and c.name not in given]
    sequences = [n for c in columns for n in _drawn_from(scene, table, c)]
    return merge(locking(_RX, *sequences), Doubt.DEFAULTS.effect(table.name)) if sequences else Effect()


def _followed(scene: Scene, write: Carried) -> Effect:
    """Look up what refers to changed and deleted rows, and what changed rows refer to, as far as keys carry it on."""
    parts = []
    for one in carried(scene, write):
        sides = ((near, one.reaches(key)) for near, key in pointing(scene, one.table))
        parts += [_near_side(scene, one, near, rule) for near, rule in sides if rule is not None]
        keys = (k for k in _keys(one.table) if one.columns & set(k.columns))
        parts += [_far_side(scene, one.table, k) for k in keys if _looks(one, k)]
    return merge(*parts)


def _looks(write: Carried, key: Constraint) -> bool:
    """Say whether a key has to look for its other side: not for NULL, nor where it has just followed it."""
    return write.rule != "SET NULL" and (key is not write.by or write.rule == "SET DEFAULT")


def _keys(table: Table) -> list[Constraint]:
    return [c for c in table.constraints if c.references is not None and c.enforced]


def _far_side(scene: Scene, table: Table, key: Constraint) -> Effect:
    assert key.references is not None
    far = scene.table(key.references.table)
    orphans = Rows.ORPHANS.effect(table.name, far.name)
    return merge(_looked_up(scene, far, _RS), Doubt.REFERRING.effect(table.name, far.name), orphans)


def _near_side(scene: Scene, write: Carried, near: Table, rule: str) -> Effect:
    doubt = Doubt.REFERRED.effect(near.name, write.table.name)
    refused = Rows.REFERRED_TO.effect(write.table.name, near.name)
    if rule not in CHANGING:
        return merge(_looked_up(scene, near, _RS), doubt, refused)
    event = "delete" if write.kind is DmlKind.DELETE and rule == "CASCADE" else "update"
    kept = any(r.instead and r.enabled in "OA" and r.event.lower() == event for r in near.rules)
    return merge(_looked_up(scene, near, _RX), doubt, refused if kept else Effect())


def _looked_up(scene: Scene, table: Table, mode: LockMode) -> Effect:
    members = family(scene.schema, table) if is_partitioned(table) else (table,)
    return merge(*(locking(mode, m.name, *planned_indexes(scene, m)) for m in members))
