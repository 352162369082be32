"""What adding, validating and dropping constraints does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from migrate_safe.catalog.change import certain, is_partitioned
from migrate_safe.catalog.evolve.constraints import index_for
from migrate_safe.catalog.evolve.grouped_views import views_grouped_by
from migrate_safe.catalog.evolve.indexes import parts_below
from migrate_safe.effects.combine import (
    PARTITIONED_INDEXES_PLANNED,
    Scene,
    breaking,
    building,
    column_text,
    family,
    index_names,
    locking,
    merge,
    reached,
    scanning,
)
from migrate_safe.effects.doubts import Doubt, Rows
from migrate_safe.effects.parts import index_parts
from migrate_safe.effects.proofs import proves_not_null
from migrate_safe.effects.resting_views import views_over, with_indexes
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, ConstraintKind, Table
from migrate_safe.model.table_action import AlterConstraint
from migrate_safe.model.values import replace

_AX = LockMode.ACCESS_EXCLUSIVE
_INDEX_LOCKED_WITH_KEY = 18
"""From this major version on a new foreign key leaves a lock on the index that it rests on."""
_PARTITIONED_FAR_SIDE_LOCKED = 15
"""Before this major version a foreign key had no triggers on a partitioned table that it references."""
_KEYS_VALIDATED_WHEN_TAKEN = 18
"""From this major version on a NOT VALID key of a partition can serve as that of its parent: it is validated."""
_ALL_CHILDREN_LOCKED = 18
"""From this major version on ADD CONSTRAINT locks every child, whatever the constraint."""


def add_constraint(
    scene: Scene,
    table: Table,
    constraint: Constraint,
    *,
    only: bool = False,
    new_column: bool = False,
    filled: bool = True,
) -> Effect:
    """ADD CONSTRAINT; `new_column` where ADD COLUMN carries it, `filled` where that column has a default."""
    match constraint.kind:
        case ConstraintKind.CHECK:
            return _add_check(scene, table, constraint, only=only)
        case ConstraintKind.NOT_NULL:
            return _add_not_null(scene, table, constraint, only=only)
        case ConstraintKind.FOREIGN:
            return _add_foreign(scene, table, constraint, unchecked=new_column and not filled)
        case ConstraintKind.PRIMARY | ConstraintKind.UNIQUE | ConstraintKind.EXCLUDE:
            return _add_indexed(scene, table, constraint, only=only)


def _add_check(scene: Scene, table: Table, constraint: Constraint, *, only: bool) -> Effect:
    """Check every row, but for the tables that have the very constraint under that name already."""
    members = (table,) if only or constraint.no_inherit else reached(scene.schema, table, _lacks(constraint))
    if not _lacks(constraint)(table):
        members = (table,)
    locked = members if only else (*members, *_locked_with(scene, table))
    checked = constraint.validated and constraint.enforced
    scans = [m.name for m in members if not is_partitioned(m) and _lacks(constraint)(m)] if checked else []
    refused = breaking(BreakKind.WRITE_REFUSED, str(table.name)) if constraint.enforced else Effect()
    rows = [Rows.BREAKING.effect(n, constraint.name or "the new CHECK") for n in scans]
    return merge(locking(_AX, *(m.name for m in locked)), scanning(*scans), refused, *rows)


def _lacks(constraint: Constraint) -> Callable[[Table], bool]:
    """Give the question whether a table has no constraint of that name yet."""
    return lambda table: constraint.name is None or table.constraint(constraint.name) is None


def _add_not_null(scene: Scene, table: Table, constraint: Constraint, *, only: bool) -> Effect:
    members = family(scene.schema, table, only=only)
    column = constraint.columns[0]
    read = members[:1] if constraint.no_inherit else members
    scans = [m.name for m in read if constraint.validated and not column_proven(m, column)]
    refused = breaking(BreakKind.WRITE_REFUSED, column_text(table.name, column))
    nulls = [Rows.NULLS.effect(n, column) for n in scans]
    return merge(locking(_AX, *(m.name for m in members)), scanning(*scans), refused, *nulls)


def column_proven(table: Table, column: str) -> bool:
    """Say whether it is known that no row has NULL in the column: NOT NULL already, or a valid CHECK says so."""
    if is_partitioned(table):
        return True
    known = table.column(column)
    named = [c for c in table.constraints if c.kind is ConstraintKind.NOT_NULL and c.columns == (column,)]
    if known is not None and known.not_null and all(c.validated for c in named):
        return True
    return any(proves_not_null(c, column) for c in table.constraints)


def _add_foreign(scene: Scene, table: Table, constraint: Constraint, *, unchecked: bool) -> Effect:
    """Lock both tables of a foreign key, and read both unless it is NOT VALID."""
    assert constraint.references is not None
    far = scene.table(constraint.references.table)
    members = family(scene.schema, table) if is_partitioned(table) else (table,)
    mode = LockMode.SHARE_ROW_EXCLUSIVE
    adopted = any(serves_key(scene, c, constraint) for m in members[1:] for c in m.constraints)
    distant = family(scene.schema, far) if is_partitioned(far) else (far,)
    locks = locking(mode, *(m.name for m in (*_locked_with(scene, table), *members, *distant)))
    checked = constraint.validated and constraint.enforced and not unchecked
    orphans = Rows.ORPHANS.effect(table.name, far.name)
    served = [m for m in members[1:] for c in m.constraints if c.validated and serves_key(scene, c, constraint)]
    left = _without(scene, members, served)
    unread = not any(not is_partitioned(m) for m in left)
    size = merge(key_check(scene, left, distant, constraint), orphans) if checked and not unread else Effect()
    refused = breaking(BreakKind.WRITE_REFUSED, str(table.name)) if constraint.enforced else Effect()
    taken_over = locking(_AX, far.name) if adopted else Effect()
    return merge(locks, key_index_lock(scene, far, constraint), size, refused, taken_over)


def _without(scene: Scene, members: tuple[Table, ...], served: list[Table]) -> tuple[Table, ...]:
    """Leave out partitions that have a key already that is checked, with all below them."""
    gone = {m.name for table in served for m in family(scene.schema, table)}
    return tuple(m for m in members if m.name not in gone)


def serves_key(scene: Scene, held: Constraint, wanted: Constraint) -> bool:
    """Say whether a foreign key of a partition can be its part of its parent's: its triggers are then dropped."""
    if held.references is None or wanted.references is None or not held.local:
        return False
    if not held.validated and wanted.validated and scene.version < _KEYS_VALIDATED_WHEN_TAKEN:
        return False
    far = scene.schema.resolve(wanted.references.table)
    columns = wanted.references.columns or scene.table(far).primary_key
    wished = replace(wanted.references, table=far, columns=columns)
    return (held.columns, held.references) == (wanted.columns, wished)


def key_index_lock(scene: Scene, far: Table, constraint: Constraint, *, parts_only: bool = False) -> Effect:
    """Lock the index that a foreign key rests on, as new keys do from PostgreSQL 18 on; that of partitions too.

    `parts_only` leaves out the index of the table itself.
    """
    if scene.version < _INDEX_LOCKED_WITH_KEY or constraint.references is None:
        return Effect()
    names = _serving(far, constraint.references.columns or far.primary_key)
    parts = family(scene.schema, far) if is_partitioned(far) else (far,)
    own = len(names) if parts_only else 0
    for member in parts[1:]:
        names += [Name(member.name.schema, i.name) for i in member.indexes if i.name and i.parent in names]
    return locking(LockMode.ACCESS_SHARE, *names[own:])


def joining_index_lock(scene: Scene, parent: Table, child: Table) -> Effect:
    """Lock the indexes of a new partition on which keys to its parent then rest too, as PostgreSQL does from 18 on."""
    if scene.version < _INDEX_LOCKED_WITH_KEY:
        return Effect()
    keys = [c.references for _, c in scene.schema.referencing(parent.name) if c.references is not None]
    members = family(scene.schema, child)
    owned = {i.name for i in parent.indexes if i.constraint is not None}
    names: list[Name] = []
    for columns in (key.columns or parent.primary_key for key in keys):
        constraint = any(n.name in owned for n in _serving(parent, columns))  # it takes none but a constraint's
        names += [n for m in members for n in _serving(m, columns, of_constraint=constraint)]
    return locking(LockMode.ACCESS_SHARE, *names)


def _serving(table: Table, columns: Iterable[str], *, of_constraint: bool = False) -> list[Name]:
    """Give the unique index of a table over those columns; it may have to be one `of_constraint`."""
    wanted, unique = set(columns), [i for i in table.indexes if i.unique and (i.constraint or not of_constraint)]
    found = (i.name for i in unique if i.name and {k.column for k in i.keys} == wanted)
    return [Name(table.name.schema, name) for name in islice(found, 1) if name]


def key_check(scene: Scene, members: tuple[Table, ...], far: tuple[Table, ...], constraint: Constraint) -> Effect:
    """Read both tables; the query that joins them takes the weakest lock on all their indexes.

    Which it reads through an index, statistics decide: a big one beside few rows that refer to it, or both in the order
    of the key. A key with PERIOD is rather looked up row by row, as a write would do it.
    """
    holding = [m for m in (*members, *far) if not is_partitioned(m)]
    planned = far if scene.version >= PARTITIONED_INDEXES_PLANNED else ()
    indexes = [n for m in (*holding, *planned) for n in index_names(m)]
    looked_up = [n for m in far for n in index_names(m)] if constraint.period else []
    served = [m.name for m in holding if m in far or _is_indexed_by(m, constraint.columns)]
    return merge(
        locking(LockMode.ACCESS_SHARE, *indexes),
        locking(LockMode.ROW_SHARE, *looked_up),
        Effect(scans=tuple(m.name for m in holding), looked_up=tuple(served)),
    )


def _is_indexed_by(table: Table, columns: tuple[str, ...]) -> bool:
    return any(index.keys[0].column in columns for index in table.indexes)


def _add_indexed(scene: Scene, table: Table, constraint: Constraint, *, only: bool) -> Effect:
    members = family(scene.schema, table, only=only) if is_partitioned(table) else (table,)
    locks = merge(*_index_locks(scene, table, members, constraint, only=only))
    refused = breaking(BreakKind.WRITE_REFUSED, str(table.name))
    by = ", ".join(constraint.columns) or constraint.name or "the new constraint"
    if constraint.using_index is not None:
        return merge(locks, _using_index(scene, table, constraint, only=only), refused)
    if constraint.kind is ConstraintKind.PRIMARY:
        locks = merge(locks, _nulls_sought(scene, table, constraint.columns, only=only))
    locks = merge(locks, Rows.DUPLICATES.effect(table.name, by))
    if not is_partitioned(table):
        return merge(locks, building(table.name), refused)
    unseen = [building(m.name) for m in members[1:] if m.name == table.name]
    parts = index_parts(scene, table, index_for(constraint), constraint) if not only else Effect()
    return merge(locks, parts, *unseen, refused)


def _index_locks(
    scene: Scene, table: Table, members: tuple[Table, ...], constraint: Constraint, *, only: bool
) -> list[Effect]:
    """Lock the table against everybody; its partitions only as CREATE INDEX does, before PostgreSQL 18.

    A primary key marks columns NOT NULL first, which takes the children along in every version; partitions need not
    be asked where their parent's are so already.
    """
    done = is_partitioned(table) and all(is_not_null(table, c) for c in constraint.columns)
    marks = constraint.kind is ConstraintKind.PRIMARY and not done
    everywhere = marks or scene.version >= _ALL_CHILDREN_LOCKED
    heirs = family(scene.schema, table, only=only) if everywhere else (table,)
    return [locking(_AX, *(m.name for m in heirs)), locking(LockMode.SHARE, *(m.name for m in members[1:]))]


def is_not_null(table: Table, column: str) -> bool:
    """Say whether a column is known to be marked NOT NULL."""
    known = table.column(column)
    return known is not None and known.not_null


def _locked_with(scene: Scene, table: Table) -> tuple[Table, ...]:
    """Give the children that ADD CONSTRAINT locks although the constraint is none of theirs, from 18 on."""
    return family(scene.schema, table) if scene.version >= _ALL_CHILDREN_LOCKED else ()


def _nulls_sought(scene: Scene, table: Table, columns: Iterable[str], *, only: bool) -> Effect:
    """Read the tables that may have NULL in a column of a new primary key."""
    heirs = family(scene.schema, table, only=only)
    unproven = {m.name: [c for c in columns if not column_proven(m, c)] for m in heirs}
    sought = {name: ", ".join(lacking) for name, lacking in unproven.items() if lacking}
    return merge(scanning(*sought), *(Rows.NULLS.effect(name, text) for name, text in sought.items()))


def _using_index(scene: Scene, table: Table, constraint: Constraint, *, only: bool) -> Effect:
    """Take over an index that is there already; a primary key also has to prove its columns NOT NULL."""
    assert constraint.using_index is not None
    name = Name(table.name.schema, constraint.using_index)
    renamed = constraint.name is not None and constraint.name != constraint.using_index
    mode = LockMode.SHARE_UPDATE_EXCLUSIVE if renamed else LockMode.ACCESS_SHARE
    locks = locking(mode, name)
    index = table.index(constraint.using_index)
    if constraint.kind is not ConstraintKind.PRIMARY:
        return locks
    if index is None:
        nulls = Rows.NULLS.effect(table.name, f"the columns of {name}")
        return merge(locks, scanning(table.name), Doubt.KEY_NOT_NULL.effect(name), nulls)
    columns = [k.column for k in index.keys if k.column is not None]
    return merge(locks, _nulls_sought(scene, table, columns, only=only))


def validate_constraint(scene: Scene, table: Table, name: str) -> Effect:
    """VALIDATE CONSTRAINT: reads every row, but lets clients read and write."""
    constraint = table.constraint(name)
    mode = LockMode.SHARE_UPDATE_EXCLUSIVE
    if constraint is not None and constraint.kind is ConstraintKind.FOREIGN:
        return _validate_key(scene, table, constraint)
    members = family(scene.schema, table)
    locks = locking(mode, *(m.name for m in members))
    if constraint is None:
        doubt = Effect() if certain(scene.schema, table) else Doubt.VALIDATED.effect(name)
        return merge(locks, scanning(table.name), doubt, Rows.BREAKING.effect(table.name, name))
    if constraint.validated:
        return locking(mode, table.name)
    if constraint.no_inherit:
        locks, read = locking(mode, table.name), [table]
    elif constraint.kind is ConstraintKind.NOT_NULL:
        read = [m for m in members if not column_proven(m, constraint.columns[0])]
    else:
        read = [m for m in members if not is_partitioned(m) and not _is_valid(m, name)]
    return merge(locks, scanning(*(m.name for m in read)), *(_broken_by(m, constraint) for m in read))


def _broken_by(table: Table, constraint: Constraint) -> Effect:
    if constraint.kind is ConstraintKind.NOT_NULL:
        return Rows.NULLS.effect(table.name, ", ".join(constraint.columns))
    return Rows.BREAKING.effect(table.name, constraint.name or "the CHECK")


def _is_valid(table: Table, name: str) -> bool:
    held = table.constraint(name)
    return held is not None and held.validated


def _validate_key(scene: Scene, table: Table, constraint: Constraint) -> Effect:
    assert constraint.references is not None
    members = family(scene.schema, table) if is_partitioned(table) else (table,)
    if constraint.validated:
        return locking(LockMode.SHARE_UPDATE_EXCLUSIVE, table.name)
    locks = locking(LockMode.SHARE_UPDATE_EXCLUSIVE, *(m.name for m in members))
    far = scene.table(constraint.references.table)
    distant = family(scene.schema, far) if is_partitioned(far) else (far,)
    read = locking(LockMode.ACCESS_SHARE, *(d.name for d in distant[1:]))
    size = key_check(scene, members, distant, constraint)
    return merge(locks, locking(LockMode.ROW_SHARE, far.name), read, size, Rows.ORPHANS.effect(table.name, far.name))


def drop_constraint(scene: Scene, table: Table, name: str, *, cascade: bool, only: bool = False) -> Effect:
    """DROP CONSTRAINT: a foreign key takes the table that it references along, a unique one its index."""
    constraint = table.constraint(name)
    members = family(scene.schema, table)
    if constraint is None:
        doubt = Doubt.CONSTRAINT.effect(name, table.name) if table.partial else Effect()
        return merge(locking(_AX, *(m.name for m in (members if is_partitioned(table) else (table,)))), doubt)
    named = (ConstraintKind.CHECK, ConstraintKind.NOT_NULL)
    handed = constraint.kind in named and not constraint.no_inherit
    heirs = members if handed or is_partitioned(table) else (table,)
    if only and handed and not is_partitioned(table):
        heirs = (table, *scene.schema.partitions_of(table.name))
    locks = locking(_AX, *(m.name for m in heirs))
    if constraint.references is not None:
        far = scene.schema.resolve(constraint.references.table)
        return merge(locks, locking(_AX, far, *far_side(scene, constraint)))
    indexes = [
        part
        for own in (Name(table.name.schema, i.name) for i in table.indexes if i.name and i.constraint == name)
        for part in (own, *(Name(m.name.schema, i.name or "") for m, i in parts_below(scene.schema, table, own)))
    ]
    resting = [t.name for t, c in scene.schema.referencing(table.name) if cascade and _rests(c, constraint, table)]
    kept = breaking(BreakKind.ARBITER, str(Name(table.name.schema, name))) if indexes else Effect()
    value = Effect()
    if constraint.kind is ConstraintKind.NOT_NULL:
        value = breaking(BreakKind.VALUE, column_text(table.name, constraint.columns[0]))
    views = _views_lost(scene, table, constraint) if cascade else []
    gone = [breaking(BreakKind.GONE, str(view)) for view in views]
    return merge(locks, locking(_AX, *indexes, *resting, *with_indexes(scene.schema, views)), kept, value, *gone)


def _views_lost(scene: Scene, table: Table, constraint: Constraint) -> list[Name]:
    """Give the views that go along with a primary key, and those over them."""
    direct = views_grouped_by(scene.schema, table, constraint)
    return list(dict.fromkeys([*direct, *(over for view in direct for over in views_over(scene.schema, view))]))


def _rests(key: Constraint, constraint: Constraint, table: Table) -> bool:
    assert key.references is not None
    return set(key.references.columns or table.primary_key) == set(constraint.columns)


def referenced(scene: Scene, name: Name) -> list[Name]:
    """Give the table that a foreign key points at, with its partitions."""
    far = scene.table(name)
    return [m.name for m in (family(scene.schema, far) if is_partitioned(far) else (far,))]


def far_side(scene: Scene, key: Constraint) -> list[Name]:
    """Give the relations from which a foreign key that goes has triggers taken; one that is not enforced has none."""
    return with_triggers(scene, key.references.table) if key.references is not None and key.enforced else []


def with_triggers(scene: Scene, name: Name) -> list[Name]:
    """Give those tables that a foreign key points at which have its triggers: of old, partitioned ones have none."""
    if scene.version >= _PARTITIONED_FAR_SIDE_LOCKED:
        return referenced(scene, name)
    far = scene.table(name)
    return [m.name for m in family(scene.schema, far) if not is_partitioned(m)] if is_partitioned(far) else [far.name]


def alter_constraint(scene: Scene, table: Table, action: AlterConstraint) -> Effect:
    """ALTER CONSTRAINT: only the catalog changes, but a foreign key that is enforced from now on is checked.

    Its triggers come or go, so the other table is locked as ADD or DROP CONSTRAINT would lock it.
    """
    known = table.constraint(action.name)
    if known is not None and action.no_inherit == known.no_inherit:
        return locking(_AX, table.name)
    if action.no_inherit:
        return locking(_AX, table.name, *(c.name for c in scene.schema.partitions_of(table.name)))
    locks = locking(_AX, *(m.name for m in family(scene.schema, table)))
    if action.no_inherit is not None:
        return merge(locks, _handed_not_null(scene, table, known))
    if known is None or known.references is None or action.enforced in (None, known.enforced):
        return locks
    if not action.enforced:
        return merge(locks, locking(_AX, *referenced(scene, known.references.table)))
    added = _add_foreign(scene, table, replace(known, enforced=True, validated=True), unchecked=False)
    return merge(locks, added)


def _handed_not_null(scene: Scene, table: Table, known: Constraint | None) -> Effect:
    """Check the children that get a NOT NULL constraint of their parent."""
    if known is None:
        return Effect()
    children = family(scene.schema, table)[1:]
    return scanning(*(m.name for m in children if not column_proven(m, known.columns[0])))
