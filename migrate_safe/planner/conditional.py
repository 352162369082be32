"""IF EXISTS and IF NOT EXISTS: what finds nothing to do gets no step, so that nothing is taken back that it never did.

The plan rests on what was found: the table counts in its fingerprint, also one that is absent. So a database where
the statement would find something is told apart before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.change import certain
from migrate_safe.model.names import Name
from migrate_safe.model.object_statement import CreateSequence, CreateView, DropSequence, DropType, DropView
from migrate_safe.model.programs import DropPart, DropRoutines
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    AddColumn,
    AlterTable,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropNotNull,
    DropTable,
    DropTrigger,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SetSchema,
)
from migrate_safe.planner.draft import Outcome
from migrate_safe.planner.operations import Operation


def nothing_to_do(operation: Operation, start: Schema) -> Outcome | None:
    """Give an outcome without steps for a statement that certainly finds nothing to do; None for all others.

    `start` is the schema before the whole migration.
    """
    absent = tuple(_absent(operation, start))
    if absent:
        return Outcome(touches=absent)
    if operation.before != operation.after:
        return None
    match operation.action:
        case AlterTable(table=name, object="table", actions=(action,)):
            match action:
                case AddColumn(if_not_exists=True) | DropColumn(if_exists=True) | DropConstraint(if_exists=True):
                    return _as_known(operation.before, name)
                case DropNotNull():
                    return _as_known(operation.before, name)
                case _:
                    return None
        case CreateTable(table=name, if_not_exists=True) | CreateIndex(table=name, if_not_exists=True):
            return Outcome(touches=(operation.before.resolve(name),))
        case DropTrigger(table=name, if_exists=True) | DropPart(table=name, if_exists=True):
            return _as_known(operation.before, name)
        case CreateSequence(if_not_exists=True) | CreateView(if_not_exists=True):
            return Outcome()
        case DropIndex(if_exists=True) | DropView(if_exists=True) | DropSequence(if_exists=True):
            return Outcome() if operation.before.complete else None
        case DropType(if_exists=True) | DropRoutines(if_exists=True):
            return Outcome() if operation.before.complete else None
        case _:
            return None


def _as_known(schema: Schema, name: Name) -> Outcome | None:
    table = schema.table(name)
    return Outcome(touches=(table.name,)) if table is not None and certain(schema, table) else None


def _absent(operation: Operation, start: Schema) -> Iterator[Name]:
    """Give the tables of a statement with IF EXISTS when none of them is there; of no other statement any."""
    match operation.action:
        case AlterTable(table=name, if_exists=True, object="table"):
            named: tuple[Name, ...] = (name,)
        case RenameTable(table=name, if_exists=True, object="table"):
            named = (name,)
        case RenameColumn(table=name, if_exists=True, object="table"):
            named = (name,)
        case SetSchema(table=name, if_exists=True, object="table") | RenameConstraint(table=name, if_exists=True):
            named = (name,)
        case DropTable(tables=tables, if_exists=True):
            named = tables
        case _:
            return
    full = tuple(operation.before.resolve(n) for n in named)
    if not any(_is_there(operation.before, start, n) for n in full):
        yield from full


def _is_there(schema: Schema, start: Schema, name: Name) -> bool:
    """Say whether a relation is there; what only an earlier ALTER TABLE IF EXISTS of this migration told of is not."""
    known = schema.tables.get(name)
    told_of = known is not None and known.partial and name not in start.tables
    return name in schema.views or (known is not None and not told_of)
