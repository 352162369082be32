"""What creating, dropping and rebuilding indexes does."""

from __future__ import annotations

from migrate_safe.catalog.change import TEMPORARY, is_partitioned
from migrate_safe.catalog.evolve.indexes import parts_below, plain_index
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.effects.columns import far_columns
from migrate_safe.effects.combine import Scene, breaking, building, family, locking, merge
from migrate_safe.effects.doubts import Rows
from migrate_safe.effects.parts import index_parts
from migrate_safe.model.effect import BreakKind, Effect, TransactionRule
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.statement import CreateIndex, DropIndex, OtherTableAction

_AX = LockMode.ACCESS_EXCLUSIVE
_SUX = LockMode.SHARE_UPDATE_EXCLUSIVE


def create_index(scene: Scene, action: CreateIndex) -> Effect:
    """CREATE INDEX: blocks writers while it reads the table; CONCURRENTLY blocks nobody but waits for the old.

    Of a temporary table there is nobody to wait for: the server takes the plain way after all.
    """
    table = scene.table(action.table)
    temporary = table.name.schema == TEMPORARY
    mode = _SUX if action.concurrently and not temporary else LockMode.SHARE
    name = Name(table.name.schema, action.index.name) if action.index.name is not None else None
    members = family(scene.schema, table, only=action.only) if is_partitioned(table) else (table,)
    if action.if_not_exists and name is not None and relation_exists(scene.schema, name):
        return merge(locking(mode, *(m.name for m in members)), _lasting(action.concurrently, waits=False))
    own = Effect() if is_partitioned(table) else building(table.name)
    parts = index_parts(scene, table, plain_index(action.index), None) if len(members) > 1 else Effect()
    unseen = [building(m.name) for m in members[1:] if m.name == table.name]
    refused = breaking(BreakKind.WRITE_REFUSED, str(table.name)) if action.index.unique else Effect()
    locks = locking(mode, *(m.name for m in members))
    rows = Rows.DUPLICATES.effect(table.name, action.index.name or "the new index") if action.index.unique else Effect()
    return merge(locks, own, parts, *unseen, refused, rows, _lasting(action.concurrently, waits=not temporary))


def _lasting(concurrently: bool, *, waits: bool = True, builds: bool = True) -> Effect:
    """Wait for the users of the table and, where an index is built, for every snapshot that is older than it."""
    if not concurrently:
        return Effect()
    return Effect(
        transaction=TransactionRule.FORBIDDEN, waits_for_old_transactions=waits, waits_for_snapshots=waits and builds
    )


def drop_index(scene: Scene, action: DropIndex) -> Effect:
    """DROP INDEX: blocks readers and writers of the whole table; CONCURRENTLY only waits until nobody uses it."""
    parts = [_drop_one(scene, name, concurrently=action.concurrently) for name in action.indexes]
    keys = [_resting_keys(scene, name) for name in action.indexes] if action.cascade else []
    waits = any(lock.relation.schema != TEMPORARY for p in parts for lock in p.locks)
    lasting = _lasting(action.concurrently, waits=waits, builds=False)
    return merge(*parts, *keys, lasting)


def _resting_keys(scene: Scene, name: Name) -> Effect:
    """Lock the tables whose foreign keys rest on a unique index: CASCADE drops them."""
    table = scene.schema.index_table(scene.schema.resolve(name))
    index = table.index(name.name) if table is not None else None
    if table is None or index is None or not index.unique:
        return Effect()
    columns = {k.column for k in index.keys}
    resting = [t.name for t, c in scene.schema.referencing(table.name) if set(far_columns(c, table)) == columns]
    return locking(_AX, *resting)


def _drop_one(scene: Scene, name: Name, *, concurrently: bool) -> Effect:
    full = scene.schema.resolve(name)
    table = scene.schema.index_table(full)
    if table is None:
        if scene.schema.complete:
            return Effect()
        return locking(_AX, full)  # and its table, which nothing names
    index = table.index(full.name)
    arbiter = breaking(BreakKind.ARBITER, str(full)) if index is not None and index.unique else Effect()
    members = family(scene.schema, table) if is_partitioned(table) else (table,)
    mode = _SUX if concurrently and full.schema != TEMPORARY else _AX
    parts = [Name(m.name.schema, i.name or "") for m, i in parts_below(scene.schema, table, full)]
    return merge(locking(mode, *(m.name for m in members)), locking(_AX, full, *parts), arbiter)


def attach_index(scene: Scene, name: Name, action: OtherTableAction) -> Effect:
    """ALTER INDEX ... ATTACH PARTITION: only the catalog changes; both tables are looked at."""
    part = scene.schema.resolve(parse_name(action.argument))
    tables = [t.name for t in (scene.schema.index_table(name), scene.schema.index_table(part)) if t is not None]
    locks = merge(locking(_SUX, name), locking(_AX, part))
    return merge(locks, locking(LockMode.ACCESS_SHARE, *tables))
