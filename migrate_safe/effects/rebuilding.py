"""What REINDEX does, from one index to a whole database."""

from __future__ import annotations

from migrate_safe.catalog.change import TEMPORARY, family, is_partitioned, keeps_apart
from migrate_safe.catalog.evolve.indexes import parts_below
from migrate_safe.catalog.evolve.toast import needs_toast
from migrate_safe.effects.combine import Scene, building, index_names, locking, merge
from migrate_safe.effects.maintenance import every_table, stored
from migrate_safe.effects.unknown import Unknown
from migrate_safe.model.effect import Effect, TransactionRule
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Table
from migrate_safe.model.statement import Reindex
from migrate_safe.model.values import replace

_SUX = LockMode.SHARE_UPDATE_EXCLUSIVE
_FORBIDDEN = Effect(transaction=TransactionRule.FORBIDDEN)
_WAITS = Effect(waits_for_old_transactions=True, waits_for_snapshots=True)


def reindex(scene: Scene, action: Reindex) -> Effect:
    """REINDEX: blocks writers, and readers that use the index; CONCURRENTLY blocks nobody.

    Of more than one table each is done in a transaction of its own.
    """
    found = _found(scene, action)
    if not action.concurrently:
        return found
    lasting = any(name.schema != TEMPORARY for name in (*found.rewrites, *found.builds)) or found.unknown is not None
    return merge(found, _WAITS if lasting else Effect(), _FORBIDDEN)


def _found(scene: Scene, action: Reindex) -> Effect:
    match action.kind:
        case "index" if action.target is not None:
            return _one_index(scene, action.target, concurrently=action.concurrently)
        case "table" if action.target is not None:
            return _one_table(scene, action.target, concurrently=action.concurrently)
        case "system":
            return _FORBIDDEN
        case _:
            return merge(_many(scene, action), _FORBIDDEN)


def _one_index(scene: Scene, name: Name, *, concurrently: bool) -> Effect:
    full = scene.schema.resolve(name)
    table = scene.schema.index_table(full)
    if table is None:
        table = next((t for t in every_table(scene.schema) if full in index_names(t)), None)
    if table is None and scene.schema.complete:
        return Effect()
    if table is None:
        mode = _SUX if concurrently else LockMode.ACCESS_EXCLUSIVE
        return merge(locking(mode, full), Effect(rewrites=(full,)))  # and its table, which nothing names
    if is_partitioned(table):
        parts = [(m, Name(m.name.schema, i.name or "")) for m, i in parts_below(scene.schema, table, full)]
        first = _locked(table, (full,), concurrently=concurrently)
        rebuilt = (_rebuilt(m, (name,), concurrently=concurrently) for m, name in parts if not is_partitioned(m))
        # while it looks for the parts the server locks each in SHARE mode, CONCURRENTLY or not
        found = Effect(locks=tuple(Lock(name, LockMode.SHARE) for _, name in parts))
        return merge(first, found, *rebuilt, _FORBIDDEN)
    return _rebuilt(table, (full,), concurrently=concurrently)


def _one_table(scene: Scene, name: Name, *, concurrently: bool) -> Effect:
    table = stored(scene, name)
    if not is_partitioned(table):
        return _all_rebuilt(scene, table, concurrently=concurrently)
    members = [m for m in family(scene.schema, table) if not is_partitioned(m)]
    first = _locked(table, (), concurrently=concurrently)
    # while it looks for the partitions the server locks each in SHARE mode, CONCURRENTLY or not
    found = Effect(locks=tuple(Lock(m.name, LockMode.SHARE) for m in family(scene.schema, table)[1:]))
    rebuilt = (_all_rebuilt(scene, m, concurrently=concurrently) for m in members)
    return merge(first, found, *rebuilt, _FORBIDDEN)


def _many(scene: Scene, action: Reindex) -> Effect:
    """Rebuild the indexes of a schema, or of the database."""
    here = action.target.name if action.target is not None and action.kind == "schema" else None
    wanted = [t for t in every_table(scene.schema) if here in (None, t.name.schema) and not is_partitioned(t)]
    known = merge(*(_all_rebuilt(scene, t, concurrently=action.concurrently) for t in wanted))
    why = Unknown.MANY.because(f"REINDEX {action.kind.upper()}")
    return known if scene.schema.complete else replace(known, unknown=why)


def _locked(table: Table, indexes: tuple[Name, ...], *, concurrently: bool) -> Effect:
    """Lock a table and indexes of it; what is partitioned is let go of before its partitions are worked on."""
    apart = concurrently and table.name.schema != TEMPORARY  # nobody else uses a temporary table
    mode, index_mode = (_SUX, _SUX) if apart else (LockMode.SHARE, LockMode.ACCESS_EXCLUSIVE)
    return Effect(locks=(Lock(table.name, mode), *(Lock(i, index_mode) for i in indexes)))


def _rebuilt(table: Table, indexes: tuple[Name, ...], *, concurrently: bool) -> Effect:
    locks = _locked(table, indexes, concurrently=concurrently)
    size = replace(building(table.name), rewrites=indexes)
    return merge(locks, size if indexes or table.partial else Effect())


def _all_rebuilt(scene: Scene, table: Table, *, concurrently: bool) -> Effect:
    """Build the indexes of a table again; CONCURRENTLY passes over those that it cannot build, with a warning.

    The index of its TOAST table is built as well.
    """
    kept = tuple(i for i in table.indexes if not concurrently or (i.valid and not keeps_apart(table, i)))
    passed = _locked(table, index_names(table), concurrently=True) if concurrently else Effect()
    if concurrently and table.name.schema != TEMPORARY and needs_toast(scene.schema, table):
        passed = merge(passed, _WAITS)
    return merge(_rebuilt(table, index_names(replace(table, indexes=kept)), concurrently=concurrently), passed)
