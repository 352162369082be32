"""NOT NULL: a mark on the column, and from PostgreSQL 18 on a constraint with a name."""

from __future__ import annotations

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
from migrate_safe.model.values import replace

NAMED_NOT_NULL = 18
"""The first major version in which NOT NULL is a constraint with a name."""


def named_here(schema: Schema) -> bool:
    """Say whether the server keeps NOT NULL as a constraint with a name."""
    return schema.server_version >= NAMED_NOT_NULL


def set_not_null(
    schema: Schema, table: Table, column: str, wish: Constraint | None = None, *, only: bool = False
) -> Schema:
    """Mark a column NOT NULL here and in every child.

    From PostgreSQL 18 this makes a constraint, named by `wish` or by the server, that the children get under the same
    name. Without a `wish`, as in SET NOT NULL, one that is there will do, even if it is NOT VALID in a child.
    """
    if named_here(schema):
        made = replace(wish or Constraint(ConstraintKind.NOT_NULL, (column,)), columns=(column,))
        return _constrained(schema, table, made, only=only, lenient=wish is None)
    if wish is not None and not wish.validated:
        raise CannotApply("NOT NULL constraints with NOT VALID exist from PostgreSQL 18 on")
    for member in family(schema, table, only=only or (wish is not None and wish.no_inherit)):
        schema = _marked(schema, schema.tables.get(member.name, member), column)
    return schema


def _marked(schema: Schema, table: Table, column: str) -> Schema:
    known = need_column(schema, table, column)
    return put(schema, put_column(table, replace(known, not_null=True)) if known is not None else table)


def _constrained(schema: Schema, table: Table, wish: Constraint, *, only: bool, lenient: bool) -> Schema:
    """Add a NOT NULL constraint to a table, and to its children; where it merges with another, they have that one."""
    column = wish.columns[0]
    known, present = need_column(schema, table, column), not_null_of(table, column)
    if present is not None:
        return _merged(schema, table, present, wish, only=only, lenient=lenient)
    if known is not None or not table.partial:
        name = wish.name or constraint_name(schema, table.name, ConstraintKind.NOT_NULL, (column,))
        if table.constraint(name) is not None:
            raise CannotApply(f"constraint {name!r} of {table.name} already exists")
        wish = replace(wish, name=name)
        marked = put_column(table, replace(known, not_null=True)) if known is not None else table
        table = put_constraint(marked, defined(wish))
    schema = put(schema, table)
    handed = replace(wish, local=False)
    for child in () if only or wish.no_inherit else schema.partitions_of(table.name):
        schema = _constrained(schema, schema.tables[child.name], handed, only=False, lenient=lenient)
    return schema


def _merged(
    schema: Schema, table: Table, present: Constraint, wish: Constraint, *, only: bool, lenient: bool
) -> Schema:
    """Let the constraint that is there be the one asked for; SET NOT NULL validates one that is the table's own."""
    if present.no_inherit != wish.no_inherit and not (lenient and only):
        raise CannotApply(f"cannot change NO INHERIT status of NOT NULL constraint {present.name!r} of {table.name}")
    if lenient and wish.local and present.local and not present.validated:
        return _valid(schema, table, wish.columns[0], only=only)
    if wish.validated and not present.validated and not lenient:
        raise CannotApply(f"NOT NULL constraint {present.name!r} of {table.name} is NOT VALID")
    if wish.local and wish.name not in (None, present.name):
        raise CannotApply(f"column {wish.columns[0]!r} of {table.name} already has constraint {present.name!r}")
    return put(schema, put_constraint(table, replace(present, local=present.local or wish.local)))


def _valid(schema: Schema, table: Table, column: str, *, only: bool) -> Schema:
    """Validate the constraint here and where it was handed down."""
    for member in family(schema, table, only=only):
        present = not_null_of(member, column)
        if present is not None:
            schema = put(schema, put_constraint(member, defined(replace(present, validated=True))))
    return schema


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
            own = present is not None and (present.local or not _demanded(schema, child, column))
            schema = put(schema, put_constraint(child, replace(present, local=own))) if present else schema
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
