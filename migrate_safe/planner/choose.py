"""Choose the recipe for each operation, or refuse it with the reason and what a person can do."""

from __future__ import annotations

from migrate_safe.model.statement import (
    AddColumn,
    AddConstraint,
    AlterConstraint,
    AlterTable,
    AlterType,
    ChangeIdentity,
    CreateIndex,
    Dml,
    DropColumn,
    DropConstraint,
    DropExpression,
    DropIdentity,
    DropNotNull,
    LockTable,
    Other,
    OtherTableAction,
    RenameColumn,
    RenameConstraint,
    SetDefault,
    SetExpression,
    SetNotNull,
    SetVariable,
    ValidateConstraint,
)
from migrate_safe.planner.choose_columns import choose_add, choose_drop, choose_rename
from migrate_safe.planner.choose_constraints import (
    choose_constraint,
    choose_index,
    choose_not_null,
    named,
    refuse_partitions,
    spreads,
)
from migrate_safe.planner.choose_details import COLUMN_SETTINGS, choose_expression, choose_identity, choose_setting
from migrate_safe.planner.choose_existing import (
    choose_altered,
    choose_dropped,
    choose_nullable,
    choose_renamed,
    choose_validated,
)
from migrate_safe.planner.choose_objects import by_hand, choose_object
from migrate_safe.planner.choose_types import choose_type
from migrate_safe.planner.draft import CannotPlan, Outcome
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.plain import change_default, comment, new_object
from migrate_safe.planner.surroundings import Surroundings


def choose(operation: Operation, around: Surroundings) -> Outcome:
    """Plan one operation; raises CannotPlan."""
    found = by_hand(operation, around) or choose_object(operation, around)
    if found is not None:
        return found
    match operation.action:
        case SetVariable() | LockTable():
            return Outcome()
        case AlterTable(object="table", actions=(action,)) as alter:
            return _alter(operation, alter, around)
        case RenameColumn(object="table") as action:
            return choose_rename(operation, action, around)
        case RenameConstraint() as action:
            return choose_renamed(operation, action)
        case CreateIndex() as action:
            return choose_index(operation, action, around)
        case Other(kind="CommentStmt"):
            return comment(operation)
        case action if (reason := _NO_ROAD.get(type(action))) is not None:
            raise CannotPlan(*reason)
        case _:
            return new_object(operation, around)


_NO_ROAD: dict[type, tuple[str, str]] = {
    Dml: (
        "a change of data in one statement locks all its rows at once and has no undo",
        "let the app do it in small batches, or, where it is small, give its undo: -- migrate-safe: undo SQL",
    ),
}


# ---- ALTER TABLE ---------------------------------------------------------------------------


def _alter(operation: Operation, alter: AlterTable, around: Surroundings) -> Outcome:
    table, action = operation.before.resolve(alter.table), alter.actions[0]
    match action:
        case AddColumn():
            return choose_add(operation, table, action, around)
        case DropColumn():
            return choose_drop(operation, table, action, around)
        case SetDefault(column=column) if column in around.of(around.retyped, table) | around.of(
            around.numbered, table
        ):
            return Outcome(touches=(table,))
        case SetDefault(column=column, default=default):
            return change_default(operation, table, column, default, around)
        case SetNotNull(column=column):
            refuse_partitions(operation.before, table, spreads=True)
            return choose_not_null(operation, table, column, around)
        case AddConstraint(constraint=constraint):
            refuse_partitions(operation.before, table, spreads=spreads(constraint))
            return choose_constraint(operation, table, named(operation, table, constraint), around)
        case AlterType():
            return choose_type(operation, table, action, around)
        case DropNotNull():
            return choose_nullable(operation, table, action, around)
        case DropConstraint():
            return choose_dropped(operation, table, action, around)
        case ValidateConstraint():
            return choose_validated(operation, table, action, around)
        case AlterConstraint():
            return choose_altered(operation, table, action, around)
        case ChangeIdentity() | DropIdentity():
            return choose_identity(operation, table, action, around)
        case SetExpression() | DropExpression():
            return choose_expression(operation, table, action)
        case OtherTableAction(kind=kind) if kind in COLUMN_SETTINGS:
            return choose_setting(operation, table, action)
        case _:
            raise CannotPlan("this kind of ALTER TABLE is not planned yet", "run it in a migration of its own")
