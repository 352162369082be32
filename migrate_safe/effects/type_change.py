"""What ALTER COLUMN TYPE does."""

from __future__ import annotations

from migrate_safe.catalog.change import certain, is_partitioned
from migrate_safe.catalog.evolve.collating import keeps_its_order
from migrate_safe.catalog.evolve.columns import involves
from migrate_safe.catalog.evolve.rebuilt_parts import parts_renamed
from migrate_safe.effects.combine import (
    Scene,
    breaking,
    building,
    column_text,
    family,
    index_names,
    locking,
    merge,
    rewriting,
    scanning,
)
from migrate_safe.effects.constraints import far_side, key_check, key_index_lock
from migrate_safe.effects.doubts import Rows
from migrate_safe.effects.tables import named_by_default
from migrate_safe.effects.types import TypeChange, type_change
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, ConstraintKind, Generated, Index, Table
from migrate_safe.model.table_action import AlterType
from migrate_safe.model.values import replace

_AX = LockMode.ACCESS_EXCLUSIVE


def alter_type(scene: Scene, table: Table, action: AlterType, *, only: bool = False) -> Effect:
    """ALTER COLUMN TYPE: a rewrite, unless every stored value already is one of the new type.

    Without a rewrite, indexes on the column are kept where its order is the same and built again where not,
    and CHECK constraints that mention it are checked on every row again.
    """
    members = family(scene.schema, table, only=only)
    text = column_text(table.name, action.column)
    parts = [_on_member(scene, m, action) for m in members]
    renamed = parts_renamed(scene.schema, table, action.column)
    parts = [replace(p, rewrites=tuple(n for n in p.rewrites if n not in renamed)) for p in parts]
    return merge(
        locking(_AX, *(m.name for m in members)),
        *parts,
        breaking(BreakKind.SHAPE, str(table.name)),
        breaking(BreakKind.VALUE, text),
    )


def _on_member(scene: Scene, table: Table, action: AlterType) -> Effect:
    column = table.column(action.column)
    change = _change_of(scene, column, action)
    unsure = column is not None or not certain(scene.schema, table)
    depends = Effect(depends=change.depends if unsure else ())
    own = merge(_own_sequence(scene, table, column), named_by_default(scene, column.default if column else None))
    if is_partitioned(table):
        locks = locking(_AX, *_indexes_on(table, action.column))
        return merge(depends, locks, _keys(scene, table, action.column), own)
    if change.rewrite:
        values = Rows.CONVERTED.effect(column_text(table.name, action.column), action.type)
        return merge(depends, rewriting(table), _keys(scene, table, action.column), own, values)
    return merge(depends, _kept_rows(scene, table, action, change), own)


def _change_of(scene: Scene, column: Column | None, action: AlterType) -> TypeChange:
    """Judge the change of type; of a virtual column nothing is stored."""
    if column is not None and column.generated is Generated.VIRTUAL:
        return TypeChange(False)
    return type_change(scene.schema, scene.session, column.type if column is not None else None, action)


def _own_sequence(scene: Scene, table: Table, column: Column | None) -> Effect:
    """Write the sequence of an identity column anew: it takes the type along."""
    if column is None or column.identity is None:
        return Effect()
    owned = tuple(s.name for s in scene.schema.owned_by(table.name, column.name))
    return merge(locking(LockMode.SHARE_ROW_EXCLUSIVE, *owned), Effect(rewrites=owned))


def _kept_rows(scene: Scene, table: Table, action: AlterType, change: TypeChange) -> Effect:
    """Work out what has to be done about indexes and constraints when the rows stay.

    The server never keeps an index with an expression or predicate over the column, nor the parts of an index of a
    partitioned table, and checks every valid CHECK again, even when the type stays what it was.
    """
    other = _other_collation(table, action)
    over = [i for i in table.indexes if action.column in i.columns]
    again = [i for i in over if change.reindex or (other and not keeps_its_order(i, action.column))]
    rebuilt = [i for i in over if i in again or _has_expression(i) or i.parent is not None]
    names = tuple(Name(table.name.schema, i.name) for i in rebuilt if i.name is not None)
    checks = [c for c in table.constraints if c.kind is ConstraintKind.CHECK and involves(c, action.column)]
    scans = [c for c in checks if c.validated and c.enforced]
    return merge(
        locking(_AX, *_indexes_on(table, action.column)),
        replace(building(table.name), rewrites=names) if rebuilt else Effect(),
        scanning(table.name) if scans else Effect(),
        _keys(scene, table, action.column, kept=not change.reindex),
    )


def _has_expression(index: Index) -> bool:
    return index.predicate is not None or any(k.column is None for k in index.keys)


def _other_collation(table: Table, action: AlterType) -> bool:
    """Say whether the column gets another collation; a type without COLLATE brings its own."""
    known = table.column(action.column)
    before = known.collation.name if known is not None and known.collation is not None else None
    return before != (action.collation.name if action.collation is not None else None)


def _indexes_on(table: Table, column: str) -> list[Name]:
    named = {i.name for i in table.indexes if column in i.columns}
    return [n for n in index_names(table) if n.name in named]


def _keys(scene: Scene, table: Table, column: str, *, kept: bool = False) -> Effect:
    """Work out what happens to foreign keys over the column: dropped, made again, and checked unless `kept`."""
    out = [(c, scene.table(c.references.table)) for c in table.constraints if c.references and column in c.columns]
    back = [
        (c, t)
        for t, c in scene.schema.referencing(table.name)
        if c.references is not None and column in (c.references.columns or table.primary_key)
    ]
    distant = [family(scene.schema, far) if is_partitioned(far) else (far,) for _, far in out]
    dropped = locking(_AX, *(n for c, _ in out for n in far_side(scene, c)), *(t.name for _, t in back))
    added = locking(LockMode.SHARE_ROW_EXCLUSIVE, *(m.name for members in distant for m in members))
    indexes = [key_index_lock(scene, far, c) for c, far in out]
    sides = [(c, (table,), members) for (c, _), members in zip(out, distant, strict=True)]
    sides += [(c, (t,), (table,)) for c, t in back]
    checks = [key_check(scene, near, far, c) for c, near, far in sides if c.validated and c.enforced]
    return merge(dropped, added, *indexes, *(() if kept else checks))
