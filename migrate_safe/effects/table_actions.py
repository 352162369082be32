"""ALTER TABLE: the effect of every action, put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from migrate_safe.catalog.change import CannotApply, is_partitioned
from migrate_safe.catalog.evolve.alter import alter_table as evolved
from migrate_safe.catalog.evolve.alter import apply_action, pass_of
from migrate_safe.catalog.evolve.triggers import STATES
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.effects import columns, constraints, indexes, partitions, sequences, storage, views
from migrate_safe.effects.combine import Scene, breaking, family, index_names, locking, merge
from migrate_safe.effects.triggers import switch_trigger
from migrate_safe.effects.type_change import alter_type
from migrate_safe.effects.unknown import Unknown, worst_case
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.marked import bearing
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, Schema, Table, TableKind
from migrate_safe.model.statement import AlterTable
from migrate_safe.model.table_action import (
    AddColumn,
    AddConstraint,
    AlterConstraint,
    AlterType,
    AttachPartition,
    ChangeIdentity,
    ChangeParent,
    ChangeType,
    DetachPartition,
    DropColumn,
    DropConstraint,
    DropExpression,
    DropIdentity,
    DropNotNull,
    OtherTableAction,
    SetDefault,
    SetExpression,
    SetNotNull,
    TableAction,
    ValidateConstraint,
)
from migrate_safe.model.values import replace

_AX = LockMode.ACCESS_EXCLUSIVE
_SUX = LockMode.SHARE_UPDATE_EXCLUSIVE
_IDENTITY_FOLLOWS = 17

_STRONG = frozenset(
    """
    EnableRowSecurity DisableRowSecurity ForceRowSecurity NoForceRowSecurity EnableRule DisableRule EnableAlwaysRule
    EnableReplicaRule GenericOptions AlterColumnGenericOptions
    """.split()
)
_ALONE = frozenset(
    """
    EnableRowSecurity DisableRowSecurity ForceRowSecurity NoForceRowSecurity EnableRule DisableRule EnableAlwaysRule
    EnableReplicaRule
    """.split()
)
"""Actions that concern a partitioned table alone."""


def alter_table(scene: Scene, action: AlterTable) -> Effect:
    """Give the effect of every action on the state that the ones before it leave; one lock mode counts, the strongest.

    Rows are read or written once for all actions together, under the strongest lock.
    """
    full = scene.schema.resolve(action.table)
    if scene.schema.complete and not relation_exists(scene.schema, full):
        return Effect()
    if full in scene.schema.views:
        return views.alter_view(scene, action)
    if full in scene.schema.sequences:
        return sequences.alter_as_table(scene, full, action.actions)
    if scene.schema.table(full) is None and (action.object != "table" or relation_exists(scene.schema, full)):
        return _other_object(scene, full, action)
    parts: list[Effect] = []
    indexes = set(index_names(scene.table(full)))
    lost: set[Name] = set()
    older: dict[Name, Name] = {}
    start = scene.schema
    ordered = sorted(action.actions, key=pass_of)
    for item in ordered:
        table = scene.table(full)
        parts.append(_named_before(older, _effect(scene, table, item, only=action.only)))
        older |= _taken_over(table, item)
        if item is not ordered[-1]:
            scene = _after(scene, table, item, only=action.only)
            lost |= indexes.difference(index_names(scene.table(full)))
    again = lost.intersection(_indexes_left(start, action)) if lost else ()
    done = merge(*parts, Effect(rewrites=tuple(sorted(again))))
    marked = locking(_strongest_on(full, done), *_marked(full, ordered))
    return _here(scene, _on_older(start, merge(done, _named_before(older, marked))))


def _indexes_left(schema: Schema, action: AlterTable) -> tuple[Name, ...]:
    """Give the indexes of the table after the whole statement."""
    try:
        left = evolved(schema, action).table(action.table)
    except CannotApply:
        return ()
    return index_names(left) if left is not None else ()


def _marked(table: Name, actions: Iterable[TableAction]) -> list[Name]:
    """Give the indexes of CLUSTER ON: they are locked as the table is, by whatever the statement does to it."""
    named = [a.argument for a in actions if isinstance(a, OtherTableAction) and a.kind == "ClusterOn"]
    return [Name(table.schema, index) for index in named]


def _strongest_on(table: Name, effect: Effect) -> LockMode:
    return max((lock.mode for lock in effect.locks if lock.relation == table), default=_SUX)


def _taken_over(table: Table, action: TableAction) -> dict[Name, Name]:
    """Give the name that an index has after it has become a constraint, and the one that it had before."""
    match action:
        case AddConstraint(constraint=Constraint(name=str(new), using_index=str(old))):
            return {Name(table.name.schema, new): Name(table.name.schema, old)}
        case _:
            return {}


def _named_before(older: Mapping[Name, Name], effect: Effect) -> Effect:
    """Name the locks as the relations were named before the statement."""
    if not older:
        return effect
    return replace(effect, locks=tuple(replace(k, relation=older.get(k.relation, k.relation)) for k in effect.locks))


def _on_older(schema: Schema, effect: Effect) -> Effect:
    """Leave out the locks on what the statement itself makes: a constraint may rest on an index of the same ALTER."""
    if not schema.complete:
        return effect
    return replace(effect, locks=tuple(k for k in effect.locks if relation_exists(schema, k.relation)))


def _here(scene: Scene, effect: Effect) -> Effect:
    """Leave out that foreign tables are read or written: their rows are elsewhere, and nothing is checked there."""
    near = bearing(scene.schema.tables, TableKind.FOREIGN)
    far = {t.name for t in near if t.kind is TableKind.FOREIGN}
    if not far:
        return effect

    def here(names: tuple[Name, ...]) -> tuple[Name, ...]:
        return tuple(n for n in names if n not in far)

    rewrites, scans, builds = map(here, (effect.rewrites, effect.scans, effect.builds))
    return replace(effect, rewrites=rewrites, scans=scans, builds=builds)


def _after(scene: Scene, table: Table, action: TableAction, *, only: bool) -> Scene:
    try:
        return scene.at(apply_action(scene.schema, table, action, only=only))
    except CannotApply:
        return scene


def _effect(scene: Scene, table: Table, action: TableAction, *, only: bool) -> Effect:
    match action:
        case AddColumn():
            return columns.add_column(scene, table, action, only=only)
        case DropColumn():
            return columns.drop_column(scene, table, action, only=only)
        case AlterType():
            return alter_type(scene, table, action, only=only)
        case SetDefault():
            return columns.set_default(scene, table, action, only=only)
        case SetNotNull(column=column):
            return columns.set_not_null(scene, table, column, only=only)
        case DropNotNull(column=column):
            return columns.drop_not_null(scene, table, column, only=only)
        case AddConstraint(constraint=constraint):
            return constraints.add_constraint(scene, table, constraint, only=only)
        case ValidateConstraint(name=name):
            return constraints.validate_constraint(scene, table, name)
        case DropConstraint(name=name, cascade=cascade):
            return constraints.drop_constraint(scene, table, name, cascade=cascade, only=only)
        case AttachPartition():
            return partitions.attach(scene, table, action)
        case DetachPartition():
            return partitions.detach(scene, table, action)
        case _:
            return _rarer_action(scene, table, action, only=only)


def _rarer_action(scene: Scene, table: Table, action: TableAction, *, only: bool) -> Effect:
    match action:
        case SetExpression():
            return columns.set_expression(scene, table, action, only=only)
        case DropExpression(column=column):
            return columns.drop_expression(scene, table, column, only=only)
        case ChangeIdentity():
            return sequences.change_identity(scene, table, action, _with_partitions(scene, table))
        case DropIdentity():
            return sequences.drop_identity(scene, table, action, _with_partitions(scene, table))
        case AlterConstraint():
            return constraints.alter_constraint(scene, table, action)
        case ChangeParent():
            return partitions.change_parent(scene, table, action)
        case ChangeType():
            return locking(_AX, table.name)
        case OtherTableAction():
            stored = storage.table_action(scene, table, action, only=only)
            return stored if stored is not None else _other_action(scene, table, action, only=only)
        case _:
            return worst_case(scene, Unknown.STATEMENT.because(f"ALTER TABLE ... {type(action).__name__}"), table.name)


def _with_partitions(scene: Scene, table: Table) -> tuple[Table, ...]:
    """Give the tables that change together; from PostgreSQL 17 on partitions have their parent's identity."""
    together = is_partitioned(table) and scene.version >= _IDENTITY_FOLLOWS
    return family(scene.schema, table) if together else (table,)


def _other_action(scene: Scene, table: Table, action: OtherTableAction, *, only: bool) -> Effect:
    match action.kind:
        case kind if kind in STATES:
            return switch_trigger(scene, table, action, only=only)
        case kind if kind in _STRONG:
            return _strong(scene, table, action)
        case _:
            return worst_case(scene, Unknown.STATEMENT.because(f"ALTER TABLE ... {action.kind}"), table.name)


def _strong(scene: Scene, table: Table, action: OtherTableAction) -> Effect:
    members = family(scene.schema, table) if is_partitioned(table) and action.kind not in _ALONE else (table,)
    locks = locking(_AX, *(m.name for m in members))
    if action.kind == "EnableRowSecurity":
        return merge(locks, breaking(BreakKind.VALUE, str(table.name)))
    return locks


def _other_object(scene: Scene, name: Name, action: AlterTable) -> Effect:
    """ALTER INDEX, VIEW, SEQUENCE..., in the form of ALTER TABLE."""
    stored = [
        storage.of_other_relation(scene, name, a) if isinstance(a, OtherTableAction) else None for a in action.actions
    ]
    if all(effect is not None for effect in stored):
        return merge(*(effect for effect in stored if effect is not None))
    kinds = {a.kind for a in action.actions if isinstance(a, OtherTableAction)}
    if "AttachPartition" in kinds:
        return merge(*(indexes.attach_index(scene, name, a) for a in action.actions if isinstance(a, OtherTableAction)))
    of_index = action.object == "index" or scene.schema.index_table(name) is not None
    if of_index and kinds <= {"SetRelOptions", "ResetRelOptions", "SetStatistics"}:
        options = [a for a in action.actions if isinstance(a, OtherTableAction) and a.kind != "SetStatistics"]
        return merge(locking(_SUX, name), *(storage.index_options(name, a.argument) for a in options))
    return locking(_AX, name)
