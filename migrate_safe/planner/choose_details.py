"""Choose the recipe for what is set for a column, its identity and its expression."""

from __future__ import annotations

from migrate_safe.catalog.evolve.column_types import usual_storage
from migrate_safe.catalog.evolve.identity import identity_sequence
from migrate_safe.effects.analyse import analyse
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Column, Schema, Sequence
from migrate_safe.model.source import Source
from migrate_safe.model.statement import (
    ChangeIdentity,
    DropExpression,
    DropIdentity,
    OtherTableAction,
    SetExpression,
)
from migrate_safe.planner.choose_constraints import refuse_partitions
from migrate_safe.planner.dependents import no_extras
from migrate_safe.planner.draft import CannotPlan, Outcome
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.recipes import change_expression, change_identity, column_setting
from migrate_safe.planner.renames import certain
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.sql.parse import parse_script

COLUMN_SETTINGS = ("SetStatistics", "SetStorage", "SetCompression", "SetOptions", "ResetOptions")


def choose_setting(operation: Operation, table: Name, action: OtherTableAction) -> Outcome:
    """Plan SET STATISTICS, STORAGE, COMPRESSION and options of a column."""
    refuse_partitions(operation.before, table)
    before = _column(operation.before, table, action.argument.partition(" ")[0])
    after = _column(operation.after, table, before.name)
    if before == after:
        return Outcome(touches=(table,))
    unset = None if operation.before.complete else no_extras(table, (before.name,))
    usual = usual_storage(before)
    return column_setting.ColumnSetting(table, operation.text, before, after, usual, unset).steps()


def choose_identity(
    operation: Operation, table: Name, action: ChangeIdentity | DropIdentity, around: Surroundings
) -> Outcome:
    """Plan ADD GENERATED AS IDENTITY, SET GENERATED and DROP IDENTITY."""
    refuse_partitions(operation.before, table)
    before, after = (_column(s, table, action.column) for s in (operation.before, operation.after))
    held, made = (identity_sequence(s, table, action.column) for s in (operation.before, operation.after))
    if before.identity is not None and after.identity is not None and held != made:
        raise CannotPlan("what is set for its sequence is not planned with it", "change the sequence by hand")
    if before.identity == after.identity:
        return Outcome(touches=(table,))
    if before.identity is not None and held is None:
        raise CannotPlan("the sequence behind it is not known", "give the database or a dump with --schema")
    added = before.identity is None and made is not None
    default = _replaced(around.start, table, action.column, made) if added and made is not None else None
    taken = _taken(table, action.column, made) if added and made is not None and default is None else None
    return change_identity.ChangeIdentity(
        table,
        action.column,
        operation.text,
        before.identity,
        after.identity,
        held,
        taken,
        default,
    ).steps()


def _replaced(start: Schema, table: Name, column: str, made: Sequence) -> change_identity.Default | None:
    """Give the default that a serial column has until it becomes an identity column."""
    known = start.table(table)
    present = known.column(column) if known is not None else None
    owned = next((s.name for s in start.sequences.values() if s.owner == (table, column)), None)
    if present is None or present.default is None:
        return None
    if owned is None:
        raise CannotPlan(
            f"{quote_ident(column)} of {table} has a default, which would be gone for good on the way back",
            "drop the default in a migration of its own",
        )
    return change_identity.Default(certain(start, present.default) or "", owned, made)


def _taken(table: Name, column: str, sequence: Sequence) -> Requirement:
    """Find the values that a new sequence would give again."""
    name, start = quote_ident(column), sequence.start
    beyond = f"{name} >= {start}" if sequence.increment > 0 else f"{name} <= {start}"
    query = f"SELECT {name} FROM {table} WHERE {beyond}"
    return Requirement(query, f"{table} has values in {name} that its new sequence would give again: say START WITH")


def choose_expression(operation: Operation, table: Name, action: SetExpression | DropExpression) -> Outcome:
    """Plan SET EXPRESSION and DROP EXPRESSION."""
    refuse_partitions(operation.before, table)
    before = _column(operation.before, table, action.column)
    if before.default is None or before.generated is None:
        return Outcome(touches=(table,))
    now = certain(operation.before, before.default) or ""
    if isinstance(action, DropExpression):
        return change_expression.ChangeExpression(table, action.column, now).steps()
    effect = analyse(parse_script(Source("<plan>", operation.text)), operation.before)[0].effect
    if effect.rewrites or effect.scans:
        raise CannotPlan(
            f"computing {quote_ident(action.column)} anew writes or reads the whole table under an exclusive lock",
            "add another column with the new expression as VIRTUAL (PostgreSQL 18), or fill a plain one",
        )
    then = certain(operation.before, action.expression)
    return change_expression.ChangeExpression(table, action.column, now, then).steps()


def _column(schema: Schema, table: Name, name: str) -> Column:
    known = schema.table(table)
    column = known.column(name) if known is not None else None
    if column is None:
        raise CannotPlan(
            f"{quote_ident(name)} of {table} is not known",
            "give the database, a dump or the earlier migrations with --schema",
        )
    return column
