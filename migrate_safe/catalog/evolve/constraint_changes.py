"""How constraints are validated, altered and dropped."""

from __future__ import annotations

from migrate_safe.catalog.change import (
    CannotApply,
    certain,
    is_partitioned,
    put,
    put_column,
    put_constraint,
    without_constraints,
)
from migrate_safe.catalog.evolve.foreign_keys import INDEXED, drop_foreign_keys_on, without_key
from migrate_safe.catalog.evolve.grouped_views import views_grouped_by
from migrate_safe.catalog.evolve.indexes import without_index
from migrate_safe.catalog.evolve.inheritance import handed_constraint
from migrate_safe.catalog.evolve.not_null import defined, drop_not_null, not_null_of
from migrate_safe.catalog.evolve.views import drop_views
from migrate_safe.model.schema import Constraint, ConstraintKind, Schema, Table
from migrate_safe.model.statement import AlterConstraint
from migrate_safe.model.values import replace

_ONLY_FROM_PARTITIONED = 18
"""From this major version on a CHECK can be taken from a partitioned table alone."""


def validate_constraint(schema: Schema, table: Table, name: str, *, only: bool = False) -> Schema:
    """Mark a constraint as valid, here and where it was inherited."""
    known = table.constraint(name)
    if known is None:
        if certain(schema, table):
            raise CannotApply(f"constraint {name!r} of {table.name} does not exist")
        return put(schema, table)
    if known.kind in INDEXED:
        raise CannotApply(f"constraint {name!r} of {table.name} is not a foreign key or check constraint")
    if not known.enforced:
        raise CannotApply(f"constraint {name!r} of {table.name} is not enforced")
    if known.validated:
        return put(schema, table)
    if only and not known.no_inherit and schema.partitions_of(table.name) and known.kind is not ConstraintKind.FOREIGN:
        raise CannotApply(f"constraint {name!r} must be validated on the children of {table.name} too")
    return _validated(schema, table, known)


def _validated(schema: Schema, table: Table, known: Constraint) -> Schema:
    schema = put(schema, put_constraint(table, defined(replace(known, validated=True))))
    for child in () if known.no_inherit else schema.partitions_of(table.name):
        for held in _counterparts(table, child, known):
            schema = _validated(schema, schema.tables[child.name], held)
    return schema


def _counterparts(table: Table, child: Table, known: Constraint) -> tuple[Constraint, ...]:
    """Give what a child has of a constraint of its parent."""
    match known.kind:
        case ConstraintKind.CHECK:
            return tuple(c for c in child.constraints if c.name == known.name)
        case ConstraintKind.NOT_NULL:
            found = not_null_of(child, known.columns[0])
            return (found,) if found is not None else ()
        case ConstraintKind.FOREIGN if is_partitioned(table):
            parts = (known.kind, known.columns, known.references)
            return tuple(c for c in child.constraints if not c.local and (c.kind, c.columns, c.references) == parts)
        case _:
            return ()


def alter_constraint(schema: Schema, table: Table, action: AlterConstraint, *, only: bool = False) -> Schema:
    """ALTER CONSTRAINT: when a foreign key is checked, and (PostgreSQL 18) whether at all; NO INHERIT of NOT NULL."""
    known = table.constraint(action.name)
    if known is None:
        if certain(schema, table):
            raise CannotApply(f"constraint {action.name!r} of {table.name} does not exist")
        return schema
    if only and is_partitioned(table):
        raise CannotApply(f"constraint must be altered in the partitions of {table.name} too")
    if action.no_inherit is not None:
        return _alter_inheritance(schema, table, known, no_inherit=action.no_inherit)
    if known.kind is not ConstraintKind.FOREIGN:
        raise CannotApply(f"constraint {action.name!r} of {table.name} is not a foreign key constraint")
    if not known.local and handed_constraint(schema, table, known):
        raise CannotApply(f"constraint {action.name!r} of {table.name} is derived from that of a parent")
    return _altered(schema, table, known, action)


def _altered(schema: Schema, table: Table, known: Constraint, action: AlterConstraint) -> Schema:
    enforced = known.enforced if action.enforced is None else action.enforced
    changed = replace(
        known,
        deferrable=known.deferrable if action.deferrable is None else action.deferrable,
        deferred=known.deferred if action.deferred is None else action.deferred,
        enforced=enforced,
        validated=known.validated if enforced == known.enforced else enforced,
    )
    schema = put(schema, put_constraint(table, defined(changed)))
    for child in schema.partitions_of(table.name):
        for held in _counterparts(table, child, known):
            schema = _altered(schema, schema.tables[child.name], held, action)
    return schema


def _alter_inheritance(schema: Schema, table: Table, known: Constraint, *, no_inherit: bool) -> Schema:
    """Let the children have a NOT NULL constraint, or no longer."""
    column = known.columns[0] if known.columns else ""
    if known.kind is not ConstraintKind.NOT_NULL:
        raise CannotApply(f"constraint {known.name!r} of {table.name} is not a not-null constraint")
    if known.no_inherit == no_inherit:
        return schema
    if not known.local or (is_partitioned(table) and no_inherit):
        raise CannotApply(f"constraint {known.name!r} of {table.name} is inherited, or the partitions'")
    schema = put(schema, put_constraint(table, defined(replace(known, no_inherit=no_inherit))))
    for child in schema.partitions_of(table.name):
        schema = _released(schema, child, column) if no_inherit else _handed(schema, child, known)
    return schema


def _released(schema: Schema, child: Table, column: str) -> Schema:
    held = not_null_of(child, column)
    if held is None or handed_constraint(schema, child, held):
        return schema
    return put(schema, put_constraint(child, replace(held, local=True)))


def _handed(schema: Schema, child: Table, known: Constraint) -> Schema:
    """Give a NOT NULL constraint to a child and its children, under its own name."""
    column = child.column(known.columns[0])
    if not_null_of(child, known.columns[0]) is None and column is not None:
        child = put_column(child, replace(column, not_null=True))
        schema = put(schema, put_constraint(child, defined(replace(known, no_inherit=False, local=False))))
        for below in schema.partitions_of(child.name):
            schema = _handed(schema, below, known)
    return schema


def drop_constraint(
    schema: Schema, table: Table, name: str, *, if_exists: bool = False, cascade: bool, only: bool = False
) -> Schema:
    """Drop a constraint with its index, from the children too; foreign keys that rest on it need CASCADE."""
    known = table.constraint(name)
    if known is None:
        if certain(schema, table) and not if_exists:
            raise CannotApply(f"constraint {name!r} of {table.name} does not exist")
        return put(schema, table)
    index = next((i for i in table.indexes if i.constraint == name), None)
    handed = handed_constraint(schema, table, known) and not _is_own_key(table, known)
    if handed or (index is not None and index.parent is not None):
        raise CannotApply(f"constraint {known.name!r} of {table.name} is inherited")
    match known.kind:
        case ConstraintKind.NOT_NULL:
            return drop_not_null(schema, table, known.columns[0], only=only)
        case ConstraintKind.FOREIGN:
            return without_key(schema, table, known)
        case ConstraintKind.CHECK:
            return _drop_check(schema, table, known, only=only)
        case _:
            schema = _without_views(put(schema, table), table, known, cascade=cascade)
            schema = drop_foreign_keys_on(schema, table, known.columns, cascade=cascade, constraint=known)
            return _drop_indexed(schema, schema.tables[table.name], known)


def _without_views(schema: Schema, table: Table, key: Constraint, *, cascade: bool) -> Schema:
    """Drop the views whose GROUP BY needs the key; refuse without CASCADE."""
    views = views_grouped_by(schema, table, key)
    if views and not cascade:
        raise CannotApply(f"view {views[0]} depends on constraint {key.name} of {table.name}")
    return drop_views(schema, views, cascade=True) if views else schema


def _is_own_key(table: Table, constraint: Constraint) -> bool:
    """Say whether a key or foreign key of a partition merely looks like its parent's."""
    if constraint.kind in (ConstraintKind.CHECK, ConstraintKind.NOT_NULL):
        return False
    index = table.index(constraint.name or "")
    return constraint.local and (index is None or index.parent is None)


def _drop_check(schema: Schema, table: Table, known: Constraint, *, only: bool) -> Schema:
    children = () if known.no_inherit else schema.partitions_of(table.name)
    if only and children and is_partitioned(table) and schema.server_version < _ONLY_FROM_PARTITIONED:
        raise CannotApply(f"cannot remove constraint from only the partitioned table {table.name}")
    schema = put(schema, without_constraints(table, [known.name]))
    for child in children:
        held = child.constraint(known.name or "")
        if held is None or held.kind is not ConstraintKind.CHECK:
            continue
        if only:
            schema = put(schema, put_constraint(child, _own_again(schema, child, held)))
        elif not held.local and not handed_constraint(schema, child, held):
            schema = _drop_check(schema, child, held, only=False)
    return schema


def _own_again(schema: Schema, child: Table, held: Constraint) -> Constraint:
    """Make a constraint that a parent lost the child's own; from PostgreSQL 18 on only if no other parent has it."""
    others = schema.server_version >= _ONLY_FROM_PARTITIONED and handed_constraint(schema, child, held)
    return replace(held, local=held.local or not others)


def _drop_indexed(schema: Schema, table: Table, known: Constraint) -> Schema:
    index = next((i for i in table.indexes if i.constraint == known.name), None)
    if index is None:
        return put(schema, without_constraints(table, [known.name]))
    return without_index(schema, table, index)
