"""What TRUNCATE and LOCK TABLE do."""

from __future__ import annotations

from migrate_safe.catalog.change import is_partitioned
from migrate_safe.catalog.evolve.acceptance import referencing_tables
from migrate_safe.catalog.evolve.foreign import without_handler
from migrate_safe.catalog.evolve.views import only_below
from migrate_safe.effects.combine import Scene, building, family, index_names, locking, merge
from migrate_safe.model.effect import Effect
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Table
from migrate_safe.model.statement import LockTable, Truncate

_AX = LockMode.ACCESS_EXCLUSIVE


def truncate(scene: Scene, action: Truncate) -> Effect:
    """TRUNCATE: new, empty storage for the tables, their indexes, partitions, and with CASCADE their children.

    What got its storage in this transaction, with no savepoint since, is emptied in place, its indexes as well.
    """
    unserved = without_handler(scene.schema, map(scene.schema.resolve, action.tables))
    if unserved is not None:
        return Effect(fails=unserved)
    found: list[Table] = []
    for wanted in action.tables:
        only = wanted in action.only
        _add_truncated(scene.schema, scene.table(wanted), found, cascade=action.cascade, only=only)
    names = {t.name for t in found}
    owned = [n for n, s in scene.schema.sequences.items() if s.owner is not None and s.owner[0] in names]
    restarted = owned if action.restart else []
    locked = [n for t in found for n in (t.name, *(() if is_partitioned(t) else index_names(t)))]
    anew = [t for t in found if not is_partitioned(t) and t.name not in scene.stored]
    stored = [n for t in anew for n in (t.name, *index_names(t))]
    emptied = [t.name for t in found if not is_partitioned(t) and t not in anew and t.indexes]
    return merge(
        locking(_AX, *locked, *restarted),
        *map(building, emptied),
        Effect(rewrites=(*stored, *restarted), loses=tuple(f"rows of table {t.name}" for t in found)),
    )


def _add_truncated(schema: Schema, table: Table, found: list[Table], *, cascade: bool, only: bool = False) -> None:
    for member in family(schema, table, only=only):
        if any(f.name == member.name for f in found):
            continue
        found.append(member)
        for other in referencing_tables(schema, member) if cascade else ():
            _add_truncated(schema, other, found, cascade=cascade)


def lock_table(scene: Scene, action: LockTable) -> Effect:
    """LOCK TABLE: the mode that it names, on the children too, and on all that a view rests on."""
    mode = LockMode(action.mode)
    names = [n for t in action.tables for n in _locked(scene, scene.schema.resolve(t), only=t in action.only)]
    return Effect(locks=tuple(Lock(n, mode) for n in dict.fromkeys(names)))


def _locked(scene: Scene, name: Name, *, only: bool = False) -> list[Name]:
    view = scene.schema.views.get(name)
    if view is not None:
        alone, below = only_below(scene.schema, view), (r for r in sorted(view.relations) if r != name)
        return [name, *(n for r in below for n in _locked(scene, r, only=r in alone))]
    return [m.name for m in family(scene.schema, scene.table(name), only=only)]
