"""How identity columns come, change and go."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply, family, is_partition, is_partitioned, need_column, put, put_column
from migrate_safe.catalog.evolve.sequences import column_sequence, put_sequence, with_options
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Sequence, Table
from migrate_safe.model.statement import ChangeIdentity, DropIdentity
from migrate_safe.model.values import replace

_PARTITIONS_FOLLOW = 17
"""From this major version on partitions have the identity columns of their parent."""


def change_identity(schema: Schema, table: Table, action: ChangeIdentity, *, only: bool = False) -> Schema:
    """ADD GENERATED AS IDENTITY, SET GENERATED, and options of the sequence behind."""
    column = need_column(schema, table, action.column)
    if column is None:
        return put(schema, table)
    members = _members(schema, table, only=only)
    if action.add:
        if not column.not_null or column.default is not None or column.identity is not None:
            raise CannotApply(f"column {column.name!r} of {table.name} must be NOT NULL, without default or identity")
        schema = put_sequence(schema, column_sequence(schema, table.name, column, action.sequence))
    elif column.identity is None:
        raise CannotApply(f"column {column.name!r} of {table.name} is not an identity column")
    else:
        behind = identity_sequence(schema, table.name, column.name)
        schema = put_sequence(schema, with_options(behind, action.sequence)) if behind is not None else schema
    kind = action.identity if action.identity is not None else column.identity
    for member in members:
        known = schema.tables[member.name].column(column.name) if member.name in schema.tables else column
        if known is not None:
            schema = put(schema, put_column(schema.tables.get(member.name, table), replace(known, identity=kind)))
    return schema


def drop_identity(schema: Schema, table: Table, action: DropIdentity, *, only: bool = False) -> Schema:
    """DROP IDENTITY, with the sequence behind it."""
    column = need_column(schema, table, action.column)
    if column is None:
        return put(schema, table)
    if column.identity is None:
        if action.if_exists:
            _refuse_partition(schema, table)
            return put(schema, table)
        raise CannotApply(f"column {column.name!r} of {table.name} is not an identity column")
    for member in _members(schema, table, only=only):
        here = schema.tables.get(member.name, member)
        known = here.column(column.name)
        if known is not None:
            schema = put(schema, put_column(here, replace(known, identity=None)))
    behind = identity_sequence(schema, table.name, column.name)
    return replace(schema, sequences={n: s for n, s in schema.sequences.items() if s is not behind})


def identity_sequence(schema: Schema, table: Name, column: str) -> Sequence | None:
    """Give the sequence behind an identity column: the last that it owns, for that of a former serial stays its own."""
    owned = schema.owned_by(table, column)
    return owned[-1] if owned else None


def _members(schema: Schema, table: Table, *, only: bool) -> tuple[Table, ...]:
    """Give the tables that change together: from PostgreSQL 17 on a partitioned one with its partitions."""
    if schema.server_version < _PARTITIONS_FOLLOW:
        return (table,)
    _refuse_partition(schema, table)
    if not is_partitioned(table):
        return (table,)
    if only and schema.partitions_of(table.name):
        raise CannotApply(f"identity must be changed in the partitions of {table.name} too")
    return family(schema, table)


def _refuse_partition(schema: Schema, table: Table) -> None:
    if is_partition(table) and schema.server_version >= _PARTITIONS_FOLLOW:
        raise CannotApply(f"identity of a column of partition {table.name} is that of its parent")
