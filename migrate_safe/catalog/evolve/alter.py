"""ALTER TABLE: several actions, taken in the passes in which the server takes them."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply, is_partitioned, put, target
from migrate_safe.catalog.evolve import (
    columns,
    constraint_changes,
    constraints,
    generated,
    identity,
    indexes,
    partitions,
    policies,
    sequences,
    storage,
    triggers,
    typed,
    views,
)
from migrate_safe.catalog.evolve.not_null import drop_not_null, named_here, set_not_null
from migrate_safe.catalog.guesses import NO_TABLES
from migrate_safe.catalog.stored_views import as_tables, as_views
from migrate_safe.model.names import parse_name
from migrate_safe.model.schema import Constraint, ConstraintKind, Schema, Table
from migrate_safe.model.statement import (
    AddColumn,
    AddConstraint,
    AlterConstraint,
    AlterTable,
    AlterType,
    AttachPartition,
    ChangeIdentity,
    ChangeParent,
    ChangeType,
    DetachPartition,
    DropColumn,
    DropConstraint,
    DropExpression,
    DropIdentity,
    DropNotNull,
    OtherTableAction,
    SetDefault,
    SetExpression,
    SetNotNull,
    TableAction,
    ValidateConstraint,
)
from migrate_safe.model.values import replace


def alter_table(schema: Schema, statement: AlterTable) -> Schema:
    """Apply every action, or none: one that cannot apply raises CannotApply for the whole statement."""
    full = schema.resolve(statement.table)
    if full in schema.views:
        return storage.of_other_relation(views.alter_view(schema, statement), statement)
    if full in schema.sequences:
        for item in statement.actions:
            schema = sequences.alter_as_table(schema, full, item)
        return storage.of_other_relation(schema, statement)
    table = target(schema, statement.table, if_exists=statement.if_exists)
    if table is None:
        return as_views(schema, _alter_index(as_tables(schema), statement))
    if statement.object in NO_TABLES:
        if full not in schema.tables:
            return schema  # it is none, and may well be there
        raise CannotApply(f"{full} is not a {statement.object}")
    if table.detaching is not None:
        raise CannotApply(f"cannot alter partition {table.name} with an incomplete detach")
    schema = put(schema, table)
    for action in steps_of(table, statement, named_here(schema)):
        schema = apply_action(schema, schema.tables[table.name], action, only=statement.only)
    return schema


def steps_of(table: Table, statement: AlterTable, named: bool) -> tuple[TableAction, ...]:
    """Give the actions in the order in which the server takes them, with the constraints of new columns apart.

    Those come with the other constraints, so that a CHECK may name a column that is added after its own. NOT NULL is
    one of them where it is `named`, as from PostgreSQL 18 on, and reaches children that have the column already.
    """
    later: list[TableAction] = []
    for action in statement.actions:
        if isinstance(action, AddColumn) and not (action.if_not_exists and table.column(action.definition.column.name)):
            inline = columns.without_twins(columns.inline_constraints(action.definition))
            later.extend(AddConstraint(c) for c in inline if named or c.kind is not ConstraintKind.NOT_NULL)
    retyped = [a.column for a in statement.actions if isinstance(a, AlterType)]
    if len(set(retyped)) < len(retyped):
        raise CannotApply(f"cannot alter type of a column of {table.name} twice")
    return tuple(sorted([*later, *statement.actions], key=pass_of))


def pass_of(action: TableAction) -> int:
    """Give the place of an action in the server's order: drops, types, new columns, constraints, the rest."""
    match action:
        case DropColumn() | DropConstraint() | DropNotNull() | SetDefault(default=None):
            return 0
        case DropExpression() | DropIdentity():
            return 0
        case AlterType():
            return 1
        case AddColumn():
            return 2
        case SetExpression():
            return 3
        case AddConstraint(constraint=c):
            return _pass_of_constraint(c)
        case SetNotNull():
            return 5
        case SetDefault():
            return 8
        case _:
            return 9


def _pass_of_constraint(constraint: Constraint) -> int:
    match constraint.kind:
        case ConstraintKind.CHECK | ConstraintKind.NOT_NULL:
            return 4
        case ConstraintKind.FOREIGN:
            return 8
        case _:
            return 6 if constraint.using_index is not None else 7


def apply_action(schema: Schema, table: Table, action: TableAction, *, only: bool = False) -> Schema:
    """Apply one action to a table."""
    match action:
        case AddColumn():
            return columns.add_column(schema, table, action, only=only)
        case DropColumn():
            return columns.drop_column(schema, table, action, only=only)
        case AlterType():
            return columns.alter_type(schema, table, action, only=only)
        case SetDefault():
            return columns.set_default(schema, table, action, only=only)
        case SetNotNull(column=column):
            return _set_not_null(schema, table, column, only=only)
        case DropNotNull(column=column):
            return drop_not_null(schema, table, column, only=only)
        case AddConstraint(constraint=constraint):
            return constraints.add_constraint(schema, table, constraint, only=only)
        case ValidateConstraint(name=name):
            return constraint_changes.validate_constraint(schema, table, name, only=only)
        case DropConstraint(name=name, if_exists=if_exists, cascade=cascade):
            how = {"if_exists": if_exists, "cascade": cascade, "only": only}
            return constraint_changes.drop_constraint(schema, table, name, **how)
        case AttachPartition():
            return partitions.attach_partition(schema, table, action)
        case DetachPartition():
            return partitions.detach_partition(schema, table, action)
        case _:
            return _rarer_action(schema, table, action, only=only)


def _rarer_action(schema: Schema, table: Table, action: TableAction, *, only: bool) -> Schema:
    match action:
        case SetExpression():
            return generated.set_expression(schema, table, action, only=only)
        case DropExpression():
            return generated.drop_expression(schema, table, action, only=only)
        case ChangeIdentity():
            return identity.change_identity(schema, table, action, only=only)
        case DropIdentity():
            return identity.drop_identity(schema, table, action, only=only)
        case AlterConstraint():
            return constraint_changes.alter_constraint(schema, table, action, only=only)
        case ChangeParent():
            return partitions.change_parent(schema, table, action)
        case ChangeType(type=wanted):
            return typed.change_type(schema, table, wanted)
        case OtherTableAction():
            stored = storage.table_action(schema, table, action, only=only)
            return stored if stored is not None else _other_action(schema, table, action, only=only)
        case _:
            return schema


def _set_not_null(schema: Schema, table: Table, column: str, *, only: bool) -> Schema:
    """SET NOT NULL; ONLY on a partitioned table asked before PostgreSQL 18 that the partitions have it already."""
    if only and is_partitioned(table):
        lacking = [c for c in schema.partitions_of(table.name) if named_here(schema) or not _is_not_null(c, column)]
        if lacking and not _is_not_null(table, column):
            raise CannotApply(f"column {column!r} must be NOT NULL in partition {lacking[0].name} too")
    return set_not_null(schema, table, column, only=only)


def _is_not_null(table: Table, column: str) -> bool:
    known = table.column(column)
    return known is None or known.not_null


def _alter_index(schema: Schema, statement: AlterTable) -> Schema:
    """ALTER INDEX, or ALTER TABLE said of an index."""
    name = schema.resolve(statement.table)
    for action in statement.actions if schema.index_table(name) is not None or statement.object == "index" else ():
        if not isinstance(action, OtherTableAction):
            raise CannotApply(f"index {name} cannot be altered like that")
        match action.kind:
            case "AttachPartition":
                schema = indexes.attach_index(schema, name, parse_name(action.argument))
            case "SetRelOptions" | "ResetRelOptions":
                reset = action.kind == "ResetRelOptions"
                schema = indexes.set_options(schema, name, action.argument, reset=reset)
            case "SetStatistics" if " " in action.argument:
                place, _, wanted = action.argument.partition(" ")
                schema = indexes.set_statistics(schema, name, int(place), int(wanted))
            case _:
                pass
    return storage.of_other_relation(schema, statement)


def _other_action(schema: Schema, table: Table, action: OtherTableAction, *, only: bool = False) -> Schema:
    match action.kind:
        case kind if kind in triggers.STATES:
            return triggers.switch_trigger(schema, table, action, only=only)
        case kind if kind in policies.RULE_STATES:
            return policies.switch_rule(schema, table, action)
        case "ForceRowSecurity" | "NoForceRowSecurity":
            return put(schema, replace(table, forced_row_security=action.kind == "ForceRowSecurity"))
        case "EnableRowSecurity" | "DisableRowSecurity":
            return put(schema, replace(table, row_security=action.kind == "EnableRowSecurity"))
        case _:
            return schema
