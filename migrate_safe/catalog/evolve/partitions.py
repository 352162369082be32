"""Partitions and inheritance: what a child takes from its parent, and how it is attached and detached."""

from __future__ import annotations

from migrate_safe.catalog.change import (
    CannotApply,
    certain,
    detaching_from,
    family,
    is_partition,
    is_partitioned,
    put,
    target,
)
from migrate_safe.catalog.evolve.bound_values import kept_bound
from migrate_safe.catalog.evolve.bounds import refuse_bound
from migrate_safe.catalog.evolve.columns import partition_columns
from migrate_safe.catalog.evolve.constraints import add_constraint
from migrate_safe.catalog.evolve.foreign_keys import give_key, without_key
from migrate_safe.catalog.evolve.indexes import hand_index_down, whole_when_complete
from migrate_safe.catalog.evolve.inheritance import inherit, join, leave
from migrate_safe.catalog.evolve.not_null import defined
from migrate_safe.catalog.evolve.triggers import cloned_to, without_clones
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, ConstraintKind, Expr, Schema, Table
from migrate_safe.model.statement import AttachPartition, ChangeParent, DetachPartition
from migrate_safe.model.values import replace
from migrate_safe.sql.bounds import bound_expression

_KEEPS_KEYS = 15
"""Before this major version a partition that is detached loses the keys to partitioned tables that it has as one."""
_IDENTITY_INHERITED = 17
"""The first major version in which partitions share the identity column of their parent."""


def inherited_by_partition(schema: Schema, name: Name, parent_name: Name) -> Schema:
    """Give a new partition the columns and CHECK constraints of its parent."""
    parent = schema.tables.get(parent_name)
    if parent is None:
        return schema
    if not is_partitioned(parent) and not parent.partial:
        raise CannotApply(f"{parent.name} is not partitioned")
    _refuse_persistence(schema.tables[name], parent)
    bound = kept_bound(parent, schema.tables[name].partition_bound or "")
    refuse_bound(schema, parent, bound, name)
    schema = put(schema, replace(schema.tables[name], partition_bound=bound))
    return _with_identity(inherit(schema, name, [parent_name]), name, parent)


def _with_identity(schema: Schema, name: Name, parent: Table) -> Schema:
    """Let a partition share the identity columns of its parent, as it does from PostgreSQL 17 on."""
    if schema.server_version < _IDENTITY_INHERITED:
        return schema
    shared = {c.name: c.identity for c in parent.columns if c.identity is not None}
    table = schema.tables[name]
    columns = tuple(replace(c, identity=shared.get(c.name, c.identity)) for c in table.columns)
    return put(schema, replace(table, columns=columns))


def handed_down(schema: Schema, name: Name, parent: Table) -> Schema:
    """Give a partition the indexes, foreign keys and row triggers of its parent that it does not have yet."""
    for index in parent.indexes:
        owner = parent.constraint(index.constraint) if index.constraint is not None else None
        above = Name(parent.name.schema, index.name or "")
        schema = hand_index_down(schema, schema.tables[name], index, owner, above, attaching=True)
        schema = whole_when_complete(schema, above)
    for key in (c for c in parent.constraints if c.kind is ConstraintKind.FOREIGN):
        schema = give_key(schema, schema.tables[name], key)
    return cloned_to(schema, name, parent)


def attach_partition(schema: Schema, table: Table, action: AttachPartition) -> Schema:
    """Make a table a partition; it gets the indexes and foreign keys that it lacks."""
    child = target(schema, action.partition)
    if child is None:
        raise CannotApply(f"{action.partition} is not a table")
    if not is_partitioned(table) and not table.partial:
        raise CannotApply(f"{table.name} is not partitioned")
    _refuse_attached(schema, table, child)
    bound = kept_bound(table, action.bound)
    refuse_bound(schema, table, bound, child.name)
    schema = join(schema, child, table, as_partition=True)
    child = schema.tables[child.name]
    schema = put(schema, replace(child, partition_bound=bound))
    schema = _with_identity(put(schema, schema.tables.get(table.name, table)), child.name, table)
    return handed_down(schema, child.name, schema.tables[table.name])


def _refuse_attached(schema: Schema, table: Table, child: Table) -> None:
    if is_partition(child):
        raise CannotApply(f"{child.name} is already a partition")
    if child.of_type is not None:
        raise CannotApply(f"cannot attach typed table {child.name} as partition")
    if child.parents:
        raise CannotApply(f"cannot attach inheritance child {child.name} as partition")
    if schema.partitions_of(child.name) and not is_partitioned(child):
        raise CannotApply(f"cannot attach inheritance parent {child.name} as partition")
    _refuse_circle(schema, table, child)
    _refuse_persistence(child, table)
    surplus = [c.name for c in child.columns if table.column(c.name) is None]
    if surplus and certain(schema, table):
        raise CannotApply(f"table {child.name} contains column {surplus[0]!r} not found in parent {table.name}")
    named = schema.server_version >= _IDENTITY_INHERITED
    if named and any(c.identity is not None for c in child.columns):
        raise CannotApply(f"table {child.name} being attached contains an identity column")


def _refuse_persistence(child: Table, parent: Table) -> None:
    if (child.persistence == "t") != (parent.persistence == "t"):
        raise CannotApply(f"{child.name} and {parent.name} are not both temporary")


def _refuse_circle(schema: Schema, parent: Table, child: Table) -> None:
    if any(m.name == parent.name for m in family(schema, child)):
        raise CannotApply(f"{parent.name} is already a child of {child.name}: circular inheritance")


def detach_partition(schema: Schema, table: Table, action: DetachPartition) -> Schema:
    """Make a partition a table of its own again; it keeps its columns, constraints and indexes."""
    child = schema.table(action.partition)
    if not is_partitioned(table) and not table.partial:
        raise CannotApply(f"{table.name} is not partitioned")
    if child is None:
        if schema.complete:
            raise CannotApply(f"relation {action.partition} does not exist")
        return put(schema, table)
    pending = [p.name for p in detaching_from(schema, table)]
    if action.finalize and child.name not in pending and schema.complete:
        raise CannotApply(f"partition {child.name} is not pending detach")
    if table.name not in child.parents and child.name not in pending and not child.partial:
        raise CannotApply(f"{child.name} is not a partition of {table.name}")
    if pending and not action.finalize and (action.concurrently or child.name in pending):
        raise CannotApply(f"partition {pending[0]} is pending detach: FINALIZE has to come first")
    if action.finalize:
        child = replace(child, parents=(table.name,), detaching=None)
        schema = put(schema, child)
    if action.concurrently:
        if any(p.partition_bound == "DEFAULT" for p in schema.partitions_of(table.name)):
            raise CannotApply("cannot detach partitions concurrently when a default partition exists")
        schema = _bound_as_check(schema, table, child)
        child = schema.tables[child.name]
    lost = [c for c in child.constraints if not c.local and not keeps_key(schema, c)]
    schema = leave(put(schema, table), child, table)
    for key in lost:
        schema = without_key(schema, schema.tables[child.name], key)
    child = schema.tables[child.name]
    indexes = tuple(replace(i, parent=None) for i in child.indexes)
    bare = replace(child, partition_bound=None, indexes=indexes)
    schema = put(schema, _own_identity(schema, _own_keys(bare), table))
    return without_clones(schema, child.name)


def keeps_key(schema: Schema, key: Constraint) -> bool:
    """Say whether a detached partition keeps a key of its parent: of old it loses one to a partitioned table."""
    far = schema.tables.get(key.references.table) if key.references is not None else None
    return far is None or not is_partitioned(far) or schema.server_version >= _KEEPS_KEYS


def _own_keys(child: Table) -> Table:
    """Make the indexed constraints and foreign keys of a detached partition its own."""
    return replace(child, constraints=tuple(replace(c, local=True) for c in child.constraints))


def _own_identity(schema: Schema, child: Table, parent: Table) -> Table:
    """Take a shared identity from a detached partition."""
    shared = {c.name for c in parent.columns if c.identity is not None}
    if schema.server_version < _IDENTITY_INHERITED:
        return child
    columns = tuple(replace(c, identity=None) if c.name in shared else c for c in child.columns)
    return replace(child, columns=columns)


def _bound_as_check(schema: Schema, table: Table, child: Table) -> Schema:
    """DETACH CONCURRENTLY leaves the bound behind as a CHECK, with the bounds above it.

    Of bounds over several columns nothing is modelled.
    """
    levels = [(table, child)]
    while levels[0][0].parents and levels[0][0].parents[0] in schema.tables:
        levels.insert(0, (schema.tables[levels[0][0].parents[0]], levels[0][0]))
    found = [bound_expression(above.partition_key or "", below.partition_bound or "") for above, below in levels]
    texts = [t for t in found if t is not None]
    if len(texts) < len(found):
        return schema
    columns = frozenset(c for above, _ in levels for c in partition_columns(above))
    text = " AND ".join(t if len(texts) == 1 else f"({t})" for t in texts)
    check = Constraint(ConstraintKind.CHECK, tuple(sorted(columns)), expression=Expr(text, columns))
    return add_constraint(schema, child, defined(check))


def change_parent(schema: Schema, table: Table, action: ChangeParent) -> Schema:
    """INHERIT and NO INHERIT."""
    parent = target(schema, action.parent)
    if parent is None:
        raise CannotApply(f"{action.parent} is not a table")
    if is_partition(table):
        raise CannotApply(f"cannot change inheritance of partition {table.name}")
    if action.leaves:
        if parent.name not in table.parents and not table.partial:
            raise CannotApply(f"relation {parent.name} is not a parent of relation {table.name}")
        return leave(schema, table, parent)
    if is_partitioned(table) or is_partitioned(parent):
        raise CannotApply(f"cannot inherit from or as a partitioned table: {table.name}, {parent.name}")
    if is_partition(parent):
        raise CannotApply(f"cannot inherit from partition {parent.name}")
    if table.of_type is not None:
        raise CannotApply(f"cannot change inheritance of typed table {table.name}")
    if parent.name in table.parents:
        raise CannotApply(f"relation {parent.name} would be inherited from more than once")
    if parent.persistence == "t" and table.persistence != "t":
        raise CannotApply(f"cannot inherit from temporary relation {parent.name}")
    _refuse_circle(schema, parent, table)
    return join(put(schema, parent), table, parent, as_partition=False)
