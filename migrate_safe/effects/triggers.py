"""What statements about triggers, policies and rules do: all that acts when rows are read or written."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import is_partitioned
from migrate_safe.catalog.evolve.triggers import RENAMES_CLONES, is_cloned, trigger_of
from migrate_safe.effects.combine import Scene, breaking, family, locking, merge
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Expr, Policy, Table, View
from migrate_safe.model.statement import (
    AlterPolicy,
    CreatePolicy,
    CreateRule,
    CreateTrigger,
    DropPart,
    DropTrigger,
    OtherTableAction,
    RenamePart,
)
from migrate_safe.sql.touched import relations_of

_AX = LockMode.ACCESS_EXCLUSIVE
_AS = LockMode.ACCESS_SHARE
_SRX = LockMode.SHARE_ROW_EXCLUSIVE
_OLD_EXPRESSIONS_LOCKED = 18
"""From this major version on ALTER POLICY locks the relations that the expressions it keeps name."""


def create_trigger(scene: Scene, action: CreateTrigger) -> Effect:
    """CREATE TRIGGER blocks writers, of every partition too; what the trigger does to their writes is not known."""
    name = scene.schema.resolve(action.table)
    table = scene.schema.tables.get(name)
    members = family(scene.schema, table) if table is not None and is_cloned(table, action.trigger) else ()
    far = action.trigger.references
    return merge(
        locking(_SRX, name, *(m.name for m in members)),
        locking(_AS, *([scene.schema.resolve(far)] if far is not None else [])),
        breaking(BreakKind.WRITE_REFUSED, str(name)),
    )


def drop_trigger(scene: Scene, action: DropTrigger) -> Effect:
    """DROP TRIGGER blocks readers too, of every partition that has a clone; of what is absent nothing is locked."""
    name = scene.schema.resolve(action.table)
    holder = scene.schema.tables.get(name) or scene.schema.views.get(name)
    trigger = trigger_of(holder, action.trigger) if holder is not None else None
    if trigger is None and scene.schema.complete:
        return Effect()
    below = _below(scene, holder) if trigger is None or trigger.for_each_row else ()
    return merge(locking(_AX, name, *below), breaking(BreakKind.VALUE, str(name)))


def _below(scene: Scene, holder: Table | View | None) -> list[Name]:
    """Give all partitions of a partitioned table."""
    if not isinstance(holder, Table) or not is_partitioned(holder):
        return []
    return [m.name for m in family(scene.schema, holder)[1:]]


def rename_part(scene: Scene, action: RenamePart) -> Effect:
    """ALTER TRIGGER, POLICY and RULE ... RENAME lock the relation; from PostgreSQL 15 on a trigger's partitions too."""
    name = scene.schema.resolve(action.table)
    follows = action.kind == "trigger" and scene.version >= RENAMES_CLONES
    return locking(_AX, name, *(_below(scene, scene.schema.tables.get(name)) if follows else ()))


def switch_trigger(scene: Scene, table: Table, action: OtherTableAction, *, only: bool) -> Effect:
    """ENABLE and DISABLE TRIGGER block writers, of the partitions too where a row trigger is among those switched."""
    every = action.kind.endswith(("All", "User"))
    switched = [t for t in table.triggers if every or t.name == action.argument]
    cloned = any(t.for_each_row for t in switched) or (not switched and not scene.schema.complete)
    keys = action.kind.endswith("All") and any(c.references for c in table.constraints)
    below = _below(scene, table) if (cloned or keys) and not only else ()
    return merge(locking(_SRX, table.name, *below), breaking(BreakKind.VALUE, str(table.name)))


def create_policy(scene: Scene, action: CreatePolicy) -> Effect:
    """CREATE POLICY blocks readers of the table, and looks at the relations that its subqueries name."""
    name = scene.schema.resolve(action.table)
    return merge(locking(_AX, name), _looked_at(scene, action.policy.relations), breaking(BreakKind.VALUE, str(name)))


def alter_policy(scene: Scene, action: AlterPolicy) -> Effect:
    """ALTER POLICY locks as CREATE does; newer versions lock what the expressions name that it keeps, as well."""
    name = scene.schema.resolve(action.table)
    table = scene.schema.tables.get(name)
    known = [p for p in table.policies if p.name == action.policy] if table is not None else []
    kept = [e for p in known for e in _kept(p, action)] if scene.version >= _OLD_EXPRESSIONS_LOCKED else []
    old = [r for e in kept for r in relations_of(e.sql)]
    return merge(locking(_AX, name), _looked_at(scene, [*action.relations, *old]), breaking(BreakKind.VALUE, str(name)))


def _kept(policy: Policy, action: AlterPolicy) -> list[Expr]:
    """Give the expressions of a policy that are not given anew."""
    pairs = ((policy.using, action.using), (policy.check, action.check))
    return [old for old, new in pairs if old is not None and new is None]


def _looked_at(scene: Scene, relations: Iterable[Name]) -> Effect:
    return locking(_AS, *sorted({scene.schema.resolve(r) for r in relations}))


def create_rule(scene: Scene, action: CreateRule) -> Effect:
    """CREATE RULE blocks readers, and locks what its actions name as their parsing does."""
    name = scene.schema.resolve(action.table)
    touched = [Lock(scene.schema.resolve(n), mode) for n, mode in action.touches]
    return merge(locking(_AX, name), Effect(locks=tuple(touched)), breaking(BreakKind.WRITE_REFUSED, str(name)))


def drop_part(scene: Scene, action: DropPart) -> Effect:
    """DROP POLICY and DROP RULE block readers; of what is absent nothing is locked."""
    name = scene.schema.resolve(action.table)
    holder = scene.schema.tables.get(name) or scene.schema.views.get(name)
    if scene.schema.complete and holder is None:
        return Effect()
    held = holder.policies if isinstance(holder, Table) and action.kind == "policy" else holder.rules if holder else ()
    if scene.schema.complete and not any(p.name == action.name for p in held):
        return Effect()
    return merge(locking(_AX, name), breaking(BreakKind.VALUE, str(name)))
