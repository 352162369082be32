"""How constraints come: names, the indexes behind them, what they say about columns."""

from __future__ import annotations

from migrate_safe.catalog.change import (
    CannotApply,
    certain,
    is_partition,
    is_partitioned,
    need_column,
    put,
    put_constraint,
)
from migrate_safe.catalog.evolve.expressions import refuse_subquery
from migrate_safe.catalog.evolve.foreign_keys import add_foreign_key
from migrate_safe.catalog.evolve.index_methods import refuse_method
from migrate_safe.catalog.evolve.indexes import add_index, plain_index, refuse_keys
from migrate_safe.catalog.evolve.inheritance import handed_constraint, same_condition
from migrate_safe.catalog.evolve.not_null import defined, named_here, not_null_of, set_not_null
from migrate_safe.catalog.evolve.whole_rows import check_over_table
from migrate_safe.catalog.naming import constraint_name, index_name, relation_exists
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, ConstraintKind, Index, IndexKey, Schema, Table
from migrate_safe.model.values import replace

_KEYS_ARE_DISTINCT = 16
"""From this major version on an index with NULLS NOT DISTINCT cannot become a primary key."""


def add_constraint(schema: Schema, table: Table, constraint: Constraint, *, only: bool = False) -> Schema:
    """Add a constraint to a table and, where it is inherited, to its children."""
    constraint = check_over_table(table, constraint)
    for column in () if constraint.using_index else constraint.columns:
        need_column(schema, table, column)
    if constraint.kind is ConstraintKind.CHECK:
        return _add_check(schema, table, constraint, only=only)
    known = table.constraint(constraint.name) if constraint.name is not None else None
    if known is not None and not (known.kind is constraint.kind is ConstraintKind.NOT_NULL):
        raise CannotApply(f"constraint {constraint.name!r} of {table.name} already exists")
    match constraint.kind:
        case ConstraintKind.NOT_NULL:
            return _add_not_null(schema, table, constraint, only=only)
        case ConstraintKind.FOREIGN:
            return add_foreign_key(schema, table, constraint, only=only)
        case ConstraintKind.PRIMARY | ConstraintKind.UNIQUE | ConstraintKind.EXCLUDE:
            return _add_indexed(schema, table, constraint, only=only)


def _add_not_null(schema: Schema, table: Table, constraint: Constraint, *, only: bool) -> Schema:
    if constraint.no_inherit and is_partitioned(table):
        raise CannotApply(f"NOT NULL constraints on partitioned table {table.name} cannot be NO INHERIT")
    if only and is_partitioned(table) and schema.partitions_of(table.name):
        raise CannotApply(f"constraint must be added to the partitions of {table.name} too")
    return set_not_null(schema, table, constraint.columns[0], constraint, only=only)


def _add_check(schema: Schema, table: Table, constraint: Constraint, *, only: bool) -> Schema:
    columns = sorted(constraint.expression.columns) if constraint.expression is not None else []
    for column in columns:
        need_column(schema, table, column)
    refuse_subquery(constraint.expression, "check constraint")
    if constraint.no_inherit and is_partitioned(table):
        raise CannotApply(f"cannot add NO INHERIT constraint to partitioned table {table.name}")
    if only and not constraint.no_inherit and schema.partitions_of(table.name):
        raise CannotApply(f"constraint must be added to the children of {table.name} too")
    name = constraint.name or constraint_name(schema, table.name, ConstraintKind.CHECK, columns)
    made = defined(replace(constraint, name=name, columns=constraint.columns or tuple(columns)))
    return _check_here(schema, table, made)


def _check_here(schema: Schema, table: Table, check: Constraint) -> Schema:
    """Add a CHECK to a table and its children, merged with one of that name that says the same."""
    known = table.constraint(check.name or "")
    if known is not None:
        _refuse_merge(schema, table, known, check)
        check = replace(known, local=check.local or (known.local and not is_partition(table)))
    schema = put(schema, put_constraint(table, check))
    for child in () if check.no_inherit else schema.partitions_of(table.name):
        schema = _check_here(schema, schema.tables[child.name], replace(check, local=False))
    return schema


def _refuse_merge(schema: Schema, table: Table, known: Constraint, check: Constraint) -> None:
    """Refuse a CHECK under a name that is taken, unless it repeats what the table has from its parents."""
    handed = handed_constraint(schema, table, known)
    repeats = check.local and not known.local and handed and not is_partition(table)
    if not same_condition(known, check) or (check.local and not repeats):
        raise CannotApply(f"constraint {check.name!r} of {table.name} already exists")
    if known.no_inherit or (check.no_inherit and handed):
        raise CannotApply(f"constraint {check.name!r} conflicts with another on {table.name} in NO INHERIT")
    if check.validated and known.enforced and not known.validated:
        raise CannotApply(f"constraint {check.name!r} conflicts with NOT VALID constraint on {table.name}")
    if check.enforced and not known.enforced:
        raise CannotApply(f"constraint {check.name!r} conflicts with NOT ENFORCED constraint on {table.name}")


def _add_indexed(schema: Schema, table: Table, constraint: Constraint, *, only: bool) -> Schema:
    if len(set(constraint.columns)) < len(constraint.columns) and constraint.kind is not ConstraintKind.EXCLUDE:
        raise CannotApply(f"a column appears twice in a {constraint.kind} constraint of {table.name}")
    if constraint.kind is ConstraintKind.PRIMARY and table.primary_key:
        raise CannotApply(f"table {table.name} already has a primary key")
    if constraint.using_index is not None:
        return _adopt_index(schema, table, constraint, only=only)
    if constraint.kind is ConstraintKind.PRIMARY:
        for column in constraint.columns:
            schema = _key_column(schema, schema.tables.get(table.name, table), column, only=only)
    table = schema.tables.get(table.name, table)
    index = index_for(constraint)
    if constraint.kind is ConstraintKind.EXCLUDE:
        refuse_method(schema, index)
    refuse_keys(schema, table, index)
    if constraint.name is not None and relation_exists(schema, Name(table.name.schema, constraint.name)):
        raise CannotApply(f"relation {constraint.name!r} already exists")
    name = constraint.name or index_name(schema, table.name, index, constraint.kind)
    made = defined(replace(constraint, name=name, backing=None))
    return add_index(schema, table, replace(index, name=name, constraint=name), made, only=only)


def _key_column(schema: Schema, table: Table, column: str, *, only: bool) -> Schema:
    """Mark a column of a primary key NOT NULL; one that is so already stays as it is."""
    known, held = table.column(column), not_null_of(table, column)
    if held is not None and (held.no_inherit or not held.validated):
        raise CannotApply(f"cannot create primary key on column {column!r}: {held.name!r} is NO INHERIT or NOT VALID")
    if known is not None and known.not_null and not (only and named_here(schema)):
        return schema
    lacking = [c for c in schema.partitions_of(table.name) if not_null_of(c, column) is None]
    if only and named_here(schema) and lacking:
        raise CannotApply(f"column {column!r} of {lacking[0].name} is not marked NOT NULL")
    return set_not_null(schema, table, column, Constraint(ConstraintKind.NOT_NULL, (column,)), only=only)


def index_for(constraint: Constraint) -> Index:
    """Give the index that a constraint asks for, as the catalog shows it."""
    if constraint.backing is not None:
        return plain_index(constraint.backing)
    exclusion = constraint.kind is ConstraintKind.EXCLUDE
    return Index(
        name=None,
        keys=tuple(IndexKey(c) for c in constraint.columns),
        unique=not exclusion,
        method="gist" if exclusion or constraint.period else "btree",
        include=constraint.include,
        nulls_not_distinct=constraint.nulls_not_distinct,
    )


def _adopt_index(schema: Schema, table: Table, constraint: Constraint, *, only: bool) -> Schema:
    """Make a constraint of an existing unique index, which takes the constraint's name."""
    assert constraint.using_index is not None
    if is_partitioned(table):
        raise CannotApply(f"ADD CONSTRAINT ... USING INDEX is not supported on partitioned table {table.name}")
    index = table.index(constraint.using_index)
    if index is None:
        if schema.index_table(Name(table.name.schema, constraint.using_index)) is not None:
            raise CannotApply(f"index {constraint.using_index!r} does not belong to table {table.name}")
        if certain(schema, table):
            raise CannotApply(f"index {constraint.using_index!r} of {table.name} does not exist")
        return put(schema, table)
    strict = constraint.kind is ConstraintKind.PRIMARY and schema.server_version >= _KEYS_ARE_DISTINCT
    why = _unfit(index, distinct=strict)
    if why:
        raise CannotApply(f"index {index.name!r} cannot become a constraint: it is {why}")
    name = constraint.name or index.name
    if name != index.name and name is not None and relation_exists(schema, Name(table.name.schema, name)):
        raise CannotApply(f"relation {name!r} already exists")
    columns = tuple(k.column for k in index.keys if k.column is not None)
    made = replace(
        constraint,
        name=name,
        columns=columns,
        include=index.include,
        nulls_not_distinct=index.nulls_not_distinct,
        using_index=None,
        backing=None,
    )
    if constraint.kind is ConstraintKind.PRIMARY:
        for column in columns:
            schema = _key_column(schema, schema.tables.get(table.name, table), column, only=only)
        table = _with_own_not_null(schema.tables[table.name], columns)
    return put(schema, put_constraint(_with_adopted(table, index, str(name)), defined(made)))


def _with_own_not_null(table: Table, columns: tuple[str, ...]) -> Table:
    """Let the NOT NULL that columns inherit be the table's own too: USING INDEX asks for it as SET NOT NULL does."""
    for held in filter(None, (not_null_of(table, c) for c in columns)):
        table = put_constraint(table, replace(held, local=True))
    return table


def _with_adopted(table: Table, index: Index, name: str) -> Table:
    """Give an index to the constraint of that name; what marked it under its old name marks it still."""
    return replace(
        table,
        indexes=tuple(replace(i, name=name, constraint=name) if i.name == index.name else i for i in table.indexes),
        clustered_on=name if table.clustered_on == index.name else table.clustered_on,
        replica_identity=f"index {name}" if table.replica_identity == f"index {index.name}" else table.replica_identity,
    )


def _unfit(index: Index, *, distinct: bool) -> str:
    """Say what keeps an index from becoming a constraint, or nothing."""
    reasons = {
        "not unique": not index.unique,
        "not valid": not index.valid,
        "partial": index.predicate is not None,
        "on expressions": any(k.column is None for k in index.keys),
        "owned by another constraint": index.constraint is not None,
        "not in default order": any(k.descending or k.nulls_first is not None for k in index.keys),
        "of another collation or operator class": any(k.collation or k.opclass for k in index.keys),
        "NULLS NOT DISTINCT": distinct and index.nulls_not_distinct,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
