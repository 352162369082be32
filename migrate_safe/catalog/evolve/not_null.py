"""NOT NULL: a mark on the column, and from PostgreSQL 18 on a constraint with a name."""

from __future__ import annotations

from dataclasses import replace

from migrate_safe.catalog.change import (
    CannotApply,
    family,
    is_partition,
    is_partitioned,
    need_column,
    put,
    put_column,
    put_constraint,
    without_constraints,
)
from migrate_safe.catalog.definition import constraint_definition
from migrate_safe.catalog.naming import constraint_name
from migrate_safe.model.schema import Column, Constraint, ConstraintKind, Schema, Table

NAMED_NOT_NULL = 18
"""The first major version in which NOT NULL is a constraint with a name."""


def named_here(schema: Schema) -> bool:
    """Say whether the server keeps NOT NULL as a constraint with a name."""
    return schema.server_version >= NAMED_NOT_NULL


def set_not_null(
    schema: Schema, table: Table, column: str, wish: Constraint | None = None, *, only: bool = False
) -> Schema:
    """Mark a column NOT NULL here and in every child.

    From PostgreSQL 18 this makes a constraint, named by `wish` or by the server, inherited under one name.
    """
    if wish is not None and not named_here(schema) and not wish.validated:
        raise CannotApply("NOT NULL constraints with NOT VALID exist from PostgreSQL 18 on")
    inherited = wish
    alone = only or (wish is not None and wish.no_inherit)
    for member in family(schema, table, only=alone):
        schema, inherited = _not_null_here(schema, schema.tables.get(member.name, member), column, inherited)
        inherited = replace(inherited, local=False) if inherited is not None else None
    return schema


def _not_null_here(
    schema: Schema, table: Table, column: str, wish: Constraint | None
) -> tuple[Schema, Constraint | None]:
    known = need_column(schema, table, column)
    present = not_null_of(table, column)
    if present is not None:
        _refuse_other(table, present, wish)
        proven = replace(
            present,
            validated=present.validated or wish is None or wish.validated,
            local=present.local or wish is None or wish.local,
        )
        return put(schema, put_constraint(table, defined(proven))), present
    if known is not None:
        table = put_column(table, replace(known, not_null=True))
    if not named_here(schema) or (known is None and table.partial):
        return put(schema, table), wish
    made = wish or Constraint(ConstraintKind.NOT_NULL, (column,))
    name = made.name or constraint_name(schema, table.name, ConstraintKind.NOT_NULL, (column,))
    if table.constraint(name) is not None:
        raise CannotApply(f"constraint {name!r} of {table.name} already exists")
    made = defined(replace(made, columns=(column,), name=name))
    return put(schema, put_constraint(table, made)), made


def _refuse_other(table: Table, present: Constraint, wish: Constraint | None) -> None:
    """Refuse a NOT NULL constraint that is not the one which the column has already."""
    column = present.columns[0]
    if present.no_inherit != (wish is not None and wish.no_inherit) and (wish is None or wish.local):
        raise CannotApply(f"cannot change NO INHERIT status of NOT NULL constraint {present.name!r} of {table.name}")
    if wish is None or not wish.local:
        return
    if wish.name not in (None, present.name):
        raise CannotApply(f"column {column!r} of {table.name} already has NOT NULL constraint {present.name!r}")
    if wish.validated and not present.validated:
        raise CannotApply(f"NOT NULL constraint {present.name!r} of {table.name} is NOT VALID")


def not_null_of(table: Table, column: str) -> Constraint | None:
    """Give the NOT NULL constraint of a column (PostgreSQL 18), or None."""
    kind = ConstraintKind.NOT_NULL
    return next((c for c in table.constraints if c.kind is kind and c.columns == (column,)), None)


def drop_not_null(schema: Schema, table: Table, column: str, *, only: bool = False) -> Schema:
    """Let a column be NULL again, here and in every child that has it from here alone."""
    known = need_column(schema, table, column)
    children = schema.partitions_of(table.name)
    if only and children and is_partitioned(table) and not named_here(schema):
        raise CannotApply(f"cannot remove NOT NULL from only the partitioned table {table.name}")
    if known is not None and not known.not_null:
        return put(schema, table)
    _refuse_needed(schema, table, column)
    schema = _without_not_null(schema, table, column)
    for child in schema.partitions_of(table.name):
        present = not_null_of(child, column)
        named = named_here(schema)
        if only:
            schema = put(schema, put_constraint(child, replace(present, local=True))) if present else schema
        elif not named or (present is not None and not present.local and not _demanded(schema, child, column)):
            schema = drop_not_null(schema, child, column) if child.column(column) else schema
    return schema


def _without_not_null(schema: Schema, table: Table, column: str) -> Schema:
    known, gone = table.column(column), not_null_of(table, column)
    changed = put_column(table, replace(known, not_null=False)) if known is not None else table
    return put(schema, without_constraints(changed, [gone.name]) if gone is not None else changed)


def _refuse_needed(schema: Schema, table: Table, column: str) -> None:
    known = table.column(column)
    if table.primary_key and column in table.primary_key:
        raise CannotApply(f"column {column!r} of {table.name} is in a primary key")
    if known is not None and known.identity is not None:
        raise CannotApply(f"column {column!r} of {table.name} is an identity column")
    if _in_replica_identity(table, known):
        raise CannotApply(f"column {column!r} of {table.name} is in index used as replica identity")
    held = is_partition(table) or named_here(schema)
    if held and _demanded(schema, table, column):
        raise CannotApply(f"column {column!r} is marked NOT NULL in a parent of {table.name}")


def _in_replica_identity(table: Table, column: Column | None) -> bool:
    word, _, index = table.replica_identity.partition(" ")
    found = table.index(index) if word == "index" else None
    return found is not None and column is not None and any(k.column == column.name for k in found.keys)


def _demanded(schema: Schema, table: Table, column: str) -> bool:
    """Say whether a parent demands that the column is NOT NULL here too."""
    for parent in (schema.tables[p] for p in table.parents if p in schema.tables):
        above, handed = parent.column(column), not_null_of(parent, column)
        if above is not None and above.not_null and not (handed is not None and handed.no_inherit):
            return True
    return False


def defined(constraint: Constraint) -> Constraint:
    """Give the constraint with its definition written anew from its parts."""
    return replace(constraint, definition=constraint_definition(constraint))
