"""What attaching and detaching partitions does."""

from __future__ import annotations

from migrate_safe.catalog.change import family, is_partition, is_partitioned
from migrate_safe.effects.combine import Scene, breaking, index_names, locking, merge, planned_indexes, scanning
from migrate_safe.effects.constraints import joining_index_lock, key_check, key_index_lock, referenced, serves_key
from migrate_safe.effects.doubts import Doubt, Rows
from migrate_safe.effects.partition_proofs import Proof, fits, misses
from migrate_safe.effects.parts import index_part
from migrate_safe.model.effect import BreakKind, Effect, TransactionRule
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, Schema, Table
from migrate_safe.model.table_action import AttachPartition, ChangeParent, DetachPartition
from migrate_safe.sql.bounds import partition_key_of

_AX = LockMode.ACCESS_EXCLUSIVE
_SUX = LockMode.SHARE_UPDATE_EXCLUSIVE
_REFERENCING_LOCKED = 15
"""Before this major version a new partition took no more than ACCESS SHARE on tables that reference its parent."""


def attach(scene: Scene, table: Table, action: AttachPartition) -> Effect:
    """ATTACH PARTITION: reads the new partition and the DEFAULT one, unless their CHECKs prove the bound."""
    child = scene.table(action.partition)
    if scene.schema.complete and child.name not in scene.schema.tables:
        return Effect()
    default = default_check(scene, table, action.bound) if action.bound != "DEFAULT" else Effect()
    above = ancestors(scene.schema, table)
    return merge(
        locking(_SUX, table.name, *index_names(table)),
        locking(LockMode.ACCESS_SHARE, *(p.name for p in above)),
        _new_rows(scene, child, table, action.bound),
        default,
        *(index_part(scene, child, i, table.constraint(i.constraint or ""), nested=False) for i in table.indexes),
        *(_key(scene, family(scene.schema, child), c) for c in table.constraints if c.references is not None),
        referencing_locks(scene, table),
        *(joining_index_lock(scene, p, child) for p in (table, *above)),
    )


def _new_rows(scene: Scene, child: Table, parent: Table, bound: str) -> Effect:
    """Lock a new partition, and read it where neither it nor what is above it proves that its rows fit."""
    judged = fits(scene.schema, child, parent, bound)
    parts = [locking(_AX, child.name)]
    if not is_partitioned(child):
        parts.append(_scan_unless(child, judged))
    for below in family(scene.schema, child)[1:]:
        parts.append(locking(_AX, below.name))
        if judged is not True and not is_partitioned(below):
            parts.append(_scan_unless(below, fits(scene.schema, below, parent, bound)))
    return merge(*parts)


def default_check(scene: Scene, table: Table, bound: str) -> Effect:
    """Lock the DEFAULT partition beside a new one, and read it unless its constraints prove that nothing moves."""
    parts: list[Effect] = []
    for default in default_of(scene.schema, table):
        whole = misses(default, table, bound)
        for member in family(scene.schema, default):
            parts.append(locking(_AX, member.name))
            judged = True if whole is True else misses(member, table, bound)
            parts.append(_scan_unless(member, judged, Rows.DISPLACED) if not is_partitioned(member) else Effect())
    return merge(*parts)


def _scan_unless(table: Table, judged: Proof, rows: Rows = Rows.OUTSIDE) -> Effect:
    if judged is True:
        return Effect()
    doubt = Doubt.BOUND_PROVEN.effect(table.name) if judged is None else Effect()
    return merge(scanning(table.name), doubt, rows.effect(table.name))


def _key(scene: Scene, members: tuple[Table, ...], key: Constraint) -> Effect:
    """Give a new partition a foreign key of its parent, checked unless it has the same one already."""
    assert key.references is not None
    far = scene.table(key.references.table)
    distant = family(scene.schema, far) if is_partitioned(far) else (far,)
    served = [c for c in members[0].constraints if serves_key(scene, c, key)]
    mode = _AX if served else LockMode.SHARE_ROW_EXCLUSIVE
    proven = any(c.validated for c in served) or not (key.validated and key.enforced)
    return merge(
        locking(mode, *(d.name for d in distant)),
        Effect() if proven else key_check(scene, members, distant, key),
        Effect() if served else key_index_lock(scene, far, key),
    )


def referencing_locks(scene: Scene, table: Table) -> Effect:
    """Lock the tables whose foreign keys point at a table that gets a partition: they get triggers for it."""
    mode = LockMode.SHARE_ROW_EXCLUSIVE if scene.version >= _REFERENCING_LOCKED else LockMode.ACCESS_SHARE
    keys = [t.name for p in (table, *ancestors(scene.schema, table)) for t, _ in scene.schema.referencing(p.name)]
    return locking(mode, *keys)


def ancestors(schema: Schema, table: Table) -> tuple[Table, ...]:
    """Give the partitioned tables above a partition."""
    above = [schema.tables[p] for p in table.parents if p in schema.tables and is_partition(table)]
    return tuple(t for p in above for t in (p, *ancestors(schema, p)))


def default_of(schema: Schema, table: Table) -> list[Table]:
    """Give the DEFAULT partition of a table, if it has one."""
    return [p for p in schema.partitions_of(table.name) if p.partition_bound == "DEFAULT"]


def change_parent(scene: Scene, table: Table, action: ChangeParent) -> Effect:
    """INHERIT and NO INHERIT."""
    mode = LockMode.ACCESS_SHARE if action.leaves else _SUX
    gone = breaking(BreakKind.GONE, f"{action.parent} rows of {table.name}") if action.leaves else Effect()
    return merge(locking(_AX, table.name), locking(mode, scene.schema.resolve(action.parent)), gone)


def _left_behind(scene: Scene, gone: Table, near: Table) -> Effect:
    """Read a table whose foreign key points at the parent: no row of it may be in need of the partition that goes."""
    members = family(scene.schema, near) if is_partitioned(near) else (near,)
    return merge(
        locking(LockMode.SHARE, near.name),
        *(locking(LockMode.ACCESS_SHARE, m.name, *planned_indexes(scene, m)) for m in members),
        scanning(*(m.name for m in members if not is_partitioned(m))),
        Rows.REFERRED_TO.effect(gone.name, near.name),
    )


def detach(scene: Scene, table: Table, action: DetachPartition) -> Effect:
    """DETACH PARTITION: blocks everybody on parent, partition and DEFAULT; CONCURRENTLY only on the partition.

    Either way it blocks everybody on the tables that refer to the parent, whose keys lose the partition.
    """
    child = scene.table(action.partition)
    default = default_of(scene.schema, table)
    gone = breaking(BreakKind.GONE, f"{table.name} rows of {child.name}")
    indexes = [Name(child.name.schema, i.name) for i in child.indexes if i.parent is not None and i.name]
    above = (table, *ancestors(scene.schema, table))
    near = [t for p in above for t, c in scene.schema.referencing(p.name) if c.local]
    checked = merge(*(_left_behind(scene, child, t) for t in near)) if not action.finalize else Effect()
    if action.concurrently:
        below = [m.name for m in family(scene.schema, child)]
        locks = merge(locking(_SUX, table.name), locking(_AX, *below, *indexes, *(t.name for t in near)))
        key = partition_key_of(table.partition_key or "")
        told = () if key is not None and key.strategy == "hash" else above[1:]
        bounds = locking(LockMode.ACCESS_SHARE, *(p.name for p in told))
        lasting = Effect(transaction=TransactionRule.FORBIDDEN, waits_for_old_transactions=True)
        return merge(locks, bounds, lasting, checked, gone)
    far = [n for c in child.constraints if c.references for n in referenced(scene, c.references.table) if not c.local]
    held = [locking(_AX, table.name, *(d.name for d in default))] if not action.finalize else []
    return merge(
        *held,
        locking(_SUX, table.name),
        locking(_AX, child.name, *indexes, *(t.name for t in near)),
        locking(_AX, *(m.name for m in family(scene.schema, child))),
        locking(LockMode.SHARE_ROW_EXCLUSIVE, *far),
        checked,
        gone,
    )
