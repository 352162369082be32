"""What creating, dropping, renaming and emptying tables does."""

from __future__ import annotations

from migrate_safe.catalog.change import dropped_with, family
from migrate_safe.catalog.evolve.drawing import drawn_from, sequence_users
from migrate_safe.catalog.evolve.freeing import locked_relations
from migrate_safe.catalog.evolve.resting import on_relation, with_all
from migrate_safe.catalog.evolve.views import created_name, only_below
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.effects.combine import (
    Scene,
    breaking,
    column_text,
    index_names,
    locking,
    merge,
    planned_indexes,
)
from migrate_safe.effects.constraints import far_side, key_index_lock, referenced, with_triggers
from migrate_safe.effects.partitions import ancestors, default_check, default_of, referencing_locks
from migrate_safe.effects.resting_views import views_over, with_indexes
from migrate_safe.effects.sequences import drawing
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.schema import Column, Constraint, ConstraintKind, Expr, Table
from migrate_safe.model.statement import (
    CreateTable,
    DropTable,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SetSchema,
)
from migrate_safe.sql.expressions import drawn_sequences

_AX = LockMode.ACCESS_EXCLUSIVE
_AS = LockMode.ACCESS_SHARE
_SUX = LockMode.SHARE_UPDATE_EXCLUSIVE
_DEFAULTS_LOCK = 18
_SYSTEM = ("pg_catalog", "information_schema")
_HANDED_DOWN = (ConstraintKind.CHECK, ConstraintKind.NOT_NULL)


def create_table(scene: Scene, action: CreateTable) -> Effect:
    """CREATE TABLE: locks nothing that clients use, but what it refers to: parents, templates, referenced tables."""
    name = created_name(scene.schema, action.table, temporary=action.persistence == "t")
    if relation_exists(scene.schema, name):
        return locking(_AS, *map(scene.schema.resolve, action.reads)) if action.if_not_exists else Effect()
    keys = [c for c in (*action.constraints, *(k for d in action.columns for k in d.constraints)) if c.references]
    parts = [_new_key(scene, name, key) for key in keys]
    templates = [scene.schema.resolve(n) for n in action.like]
    parts.append(locking(_AS, *(n for n in templates if n not in scene.schema.composites)))
    parts.append(_copied_defaults(scene, action))
    parts += [named_by_default(scene, d.column.default) for d in action.columns]
    parts.append(locking(_SUX, *(scene.schema.resolve(n) for n in action.inherits)))
    reads = [scene.schema.resolve(n) for n in action.reads]
    planned = action.with_data or action.executes is not None
    parts.extend(reading(scene, r) if planned else locking(_AS, r) for r in reads)
    if action.with_data:
        parts.append(drawing(scene, action.draws))
    if action.partition_of is not None:
        parts.append(_new_partition(scene, action))
    return merge(*parts)


def _copied_defaults(scene: Scene, action: CreateTable) -> Effect:
    """Lock the sequences that copied defaults name, as PostgreSQL does from 18 on when it writes a default down."""
    if scene.version < _DEFAULTS_LOCK:
        return Effect()
    given = zip(action.like, action.like_options, strict=False)
    sources = [*action.inherits, *(template for template, wanted in given if "defaults" in wanted)]
    sources += [action.partition_of] if action.partition_of is not None else []
    tables = [scene.schema.table(s) for s in sources]
    return merge(*(sequences_drawn_from(scene, c) for t in tables if t is not None for c in t.columns))


def named_by_default(scene: Scene, default: Expr | None) -> Effect:
    """Lock the sequences that a default names, as PostgreSQL does from 18 on when it writes the default down."""
    if scene.version < _DEFAULTS_LOCK or default is None:
        return Effect()
    names = (scene.schema.resolve(parse_name(n)) for n in drawn_sequences(default.sql))
    return locking(_AS, *(n for n in names if n in scene.schema.sequences))


def sequences_drawn_from(scene: Scene, column: Column, mode: LockMode = _AS) -> Effect:
    """Lock the sequences that the default of a column takes values from."""
    names = drawn_from(scene.schema, column)
    return locking(mode, *(n for n in names if n in scene.schema.sequences))


def _new_key(scene: Scene, name: Name, key: Constraint) -> Effect:
    assert key.references is not None
    if scene.schema.resolve(key.references.table) == name:
        return Effect()
    far = scene.table(key.references.table)
    locks = locking(LockMode.SHARE_ROW_EXCLUSIVE, *referenced(scene, far.name))
    return merge(locks, key_index_lock(scene, far, key))


def _new_partition(scene: Scene, action: CreateTable) -> Effect:
    assert action.partition_of is not None
    parent = scene.table(action.partition_of)
    keys = [_new_key(scene, Name(None, ""), c) for c in parent.constraints if c.references is not None]
    return merge(
        locking(_AX, parent.name),
        locking(_SUX, *index_names(parent)),
        default_check(scene, parent, action.partition_bound or "") if action.partition_bound != "DEFAULT" else Effect(),
        referencing_locks(scene, parent),
        *keys,
    )


def reading(scene: Scene, relation: Name, *, only: bool = False) -> Effect:
    """Take the weakest lock on a relation and on all its indexes (the planner looks at each).

    Locks on the server's own catalogs are in nobody's way.
    """
    if relation.schema in _SYSTEM:
        return Effect()
    table = scene.schema.tables.get(relation)
    if table is not None:
        children = () if only else scene.schema.partitions_of(relation)
        return merge(
            locking(_AS, table.name, *planned_indexes(scene, table)),
            *(reading(scene, p.name) for p in children),
        )
    view = scene.schema.views.get(relation)
    if view is None:
        return locking(_AS, relation)
    below = () if view.materialized else tuple(sorted(view.relations))
    alone = only_below(scene.schema, view)
    indexes = [Name(relation.schema, i.name) for i in view.indexes if i.name is not None]
    deeper = (reading(scene, r, only=r in alone) for r in below if r != relation)
    return merge(locking(_AS, relation, *indexes), *deeper)


def drop_table(scene: Scene, action: DropTable) -> Effect:
    """DROP TABLE: ACCESS EXCLUSIVE on the table, on what goes with it, and on every table that it references."""
    parts: list[Effect] = []
    for wanted in action.tables:
        table = scene.schema.table(wanted)
        full = scene.schema.resolve(wanted)
        if table is None and scene.schema.complete:
            continue
        members = dropped_with(scene.schema, table) if table is not None else (Table(full, partial=True),)
        parts.extend(_drop_one(scene, m, cascade=action.cascade) for m in members)
    return merge(*parts)


def _drop_one(scene: Scene, table: Table, *, cascade: bool) -> Effect:
    schema = scene.schema
    far = [n for c in table.constraints if c.local for n in far_side(scene, c)]
    sequences = [s.name for s in schema.owned_by(table.name)]
    views = with_indexes(schema, views_over(schema, table.name)) if cascade else []
    acting = locked_relations(schema, with_all(schema, on_relation(schema, table.name))) if cascade else []
    over = table.parents if table.detaching is None else (table.detaching,)
    parents = [schema.tables[p] for p in over if p in schema.tables and table.partition_bound is not None]
    default = [d.name for p in parents for d in default_of(schema, p)]
    above = [*(p.name for p in parents), *default]
    return merge(
        locking(_AX, table.name, *index_names(table), *sequences, *far, *views, *acting, *above),
        _cascaded(scene, table) if cascade else Effect(),
        breaking(BreakKind.GONE, str(table.name)),
        *(breaking(BreakKind.GONE, str(v)) for v in views),
        Effect(loses=(f"table {table.name}",)),
    )


def _cascaded(scene: Scene, table: Table) -> Effect:
    """Lock the tables whose foreign keys CASCADE drops, those too that point at a table above a partition."""
    near = [t.name for t, _ in scene.schema.referencing(table.name)]
    for above in ancestors(scene.schema, table):
        held = scene.schema.referencing(above.name)
        near += [*(t.name for t, _ in held), *(with_triggers(scene, above.name) if held else ())]
    sequences = [s.name for s in scene.schema.owned_by(table.name)]
    return locking(_AX, *near, *(t for t, _ in sequence_users(scene.schema, sequences)))


def rename_table(scene: Scene, action: RenameTable) -> Effect:
    """RENAME TO: only the catalog changes, but the old name is gone for running apps."""
    full = scene.schema.resolve(action.table)
    if action.if_exists and scene.schema.complete and not relation_exists(scene.schema, full):
        return Effect()
    carrier = scene.schema.index_table(full)
    if carrier is not None or action.object == "index":
        mode = _SUX if action.object == "index" and scene.schema.table(full) is None else _AX
        return locking(mode, full)
    gone = breaking(BreakKind.GONE, str(full))
    return merge(locking(_AX, full), gone)


def set_schema(scene: Scene, action: SetSchema) -> Effect:
    """SET SCHEMA: moves a table with its indexes and owned sequences."""
    full = scene.schema.resolve(action.table)
    if scene.schema.complete and not relation_exists(scene.schema, full):
        return Effect()
    owned = [s.name for s in scene.schema.owned_by(full)]
    return merge(locking(_AX, full, *owned), breaking(BreakKind.GONE, str(full)))


def rename_column(scene: Scene, action: RenameColumn) -> Effect:
    """RENAME COLUMN: only the catalog changes, but the old name is gone for running apps."""
    full = scene.schema.resolve(action.table)
    if scene.schema.complete and not relation_exists(scene.schema, full):
        return Effect()
    table = scene.table(action.table)
    members = family(scene.schema, table) if full not in scene.schema.views else ()
    gone = breaking(BreakKind.GONE, column_text(full, action.column))
    return merge(locking(_AX, full, *(m.name for m in members)), gone, breaking(BreakKind.SHAPE, str(full)))


def rename_constraint(scene: Scene, action: RenameConstraint) -> Effect:
    """RENAME CONSTRAINT: with its index; ON CONFLICT ON CONSTRAINT no longer finds the old name."""
    if scene.schema.complete and not relation_exists(scene.schema, scene.schema.resolve(action.table)):
        return Effect()
    table = scene.table(action.table)
    constraint = table.constraint(action.constraint)
    handed = constraint is not None and constraint.kind in _HANDED_DOWN and not constraint.no_inherit
    members = family(scene.schema, table) if handed else (table,)
    name = Name(table.name.schema, action.constraint)
    index = locking(_SUX, name) if table.index(action.constraint) is not None else Effect()
    arbiter = breaking(BreakKind.ARBITER, str(name)) if index.locks else Effect()
    return merge(locking(_AX, *(m.name for m in members)), index, arbiter)
