"""What the steps of a plan ask rights for: tables of which one must be the owner, schemas to create in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeGuard

from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.plan import BuildIndex, DropIndexConcurrently, Plan, Sql, Step
from migrate_safe.model.schema import Constraint, ConstraintKind
from migrate_safe.model.source import Source
from migrate_safe.model.statement import (
    Action,
    AlterSequence,
    AlterTable,
    CreateFunction,
    CreateIndex,
    CreateTable,
    CreateTrigger,
    DropRoutines,
    DropTable,
    DropTrigger,
    Other,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SetSchema,
)
from migrate_safe.model.table_action import AddConstraint
from migrate_safe.sql.parse import parse_script

_INDEXED = (ConstraintKind.PRIMARY, ConstraintKind.UNIQUE, ConstraintKind.EXCLUDE)
_OWNERS_MODES = (LockMode.ACCESS_EXCLUSIVE, LockMode.SHARE_UPDATE_EXCLUSIVE)


def altered_tables(plan: Plan) -> frozenset[Name]:
    """Give the tables that only their owner can change as the plan does.

    The far table of a foreign key is locked as well, under ACCESS EXCLUSIVE when the key is dropped, and need not be
    owned: adding the key asks for REFERENCES on it, dropping it for nothing at all.
    """
    works = [work for step in plan.steps for work in (step.work, step.undo)]
    owned = {name for work in works if isinstance(work, Sql) for name in _altered(work)}
    indexed = {work.table for work in works if isinstance(work, BuildIndex | DropIndexConcurrently)}
    return frozenset((owned | indexed) & set(plan.touches))


def created_tables(plan: Plan) -> frozenset[Name]:
    """Give the tables that the plan itself creates."""
    return frozenset(action.table for action in _actions(plan.steps) if isinstance(action, CreateTable))


def schemas_to_create_in(steps: Iterable[Step]) -> frozenset[str]:
    """Give the schemas in which these steps make or rename a table or an index: owning the table is not enough."""
    steps = tuple(steps)
    made = [action.table for action in _actions(steps) if _makes_relation(action)]
    built = [step.work.table for step in steps if isinstance(step.work, BuildIndex)]
    return frozenset(table.schema for table in (*made, *built) if table.schema is not None)


def makes_schemas(steps: Iterable[Step]) -> bool:
    """Say whether one of these steps makes a schema, as those do that take objects out of sight."""
    return any(isinstance(action, Other) and action.kind == "CreateSchemaStmt" for action in _actions(steps))


def referenced_tables(steps: Iterable[Step]) -> frozenset[Name]:
    """Give the tables that foreign keys of these steps refer to: locked on the way forward, and not spoken of."""
    works = [step.work for step in steps if isinstance(step.work, Sql)]
    return frozenset(
        lock.relation
        for work in works
        if None not in (named := _named(work))
        for lock in work.locks
        if lock.mode is LockMode.SHARE_ROW_EXCLUSIVE and not _is_among(lock.relation, named)
    )


def moved_tables(plan: Plan) -> frozenset[Name]:
    """Give the tables that the plan itself renames or drops, so that one may be missing by its doing."""
    moved: list[Name] = []
    for action in _actions(plan.steps):
        match action:
            case RenameTable(table=table) | SetSchema(table=table):
                moved.append(table)
            case DropTable(tables=tables):
                moved += tables
    return frozenset(moved)


def subjects_of(statement: str) -> tuple[Name, ...] | None:
    """Give the tables that a statement is about; None where it does not tell."""
    named = _named(Sql((statement,)))
    return None if None in named else tuple(name for name in named if name is not None)


def _actions(steps: Iterable[Step]) -> Iterator[Action]:
    for step in steps:
        if isinstance(step.work, Sql):
            for text in step.work.statements:
                yield from (s.action for s in parse_script(Source("plan", text)).statements)


def _makes_relation(action: Action) -> TypeGuard[CreateTable | CreateIndex | RenameTable | AlterTable]:
    match action:
        case AlterTable(actions=actions):
            return any(isinstance(a, AddConstraint) and _makes_index(a.constraint) for a in actions)
        case _:
            return isinstance(action, CreateTable | CreateIndex | RenameTable)


def _makes_index(constraint: Constraint) -> bool:
    return constraint.kind in _INDEXED and constraint.using_index is None


def _altered(sql: Sql) -> Iterator[Name]:
    """Give the tables under an owner's lock that the statements name; all of them where that cannot be told."""
    named = _named(sql)
    for lock in sql.locks:
        if lock.mode in _OWNERS_MODES and (None in named or _is_among(lock.relation, named)):
            yield lock.relation


def _named(sql: Sql) -> tuple[Name | None, ...]:
    """Give the tables that the statements are about, and None when one of them does not tell."""
    scripts = (parse_script(Source("plan", text)) for text in sql.statements)
    found = [_subjects(statement.action) for script in scripts for statement in script.statements]
    return tuple(name for names in found for name in (names if names is not None else (None,)))


def _is_among(table: Name, named: Iterable[Name | None]) -> bool:
    return any(n is not None and n.name == table.name and n.schema in (None, table.schema) for n in named)


def _subjects(action: Action) -> tuple[Name, ...] | None:
    """Give the tables that a statement is about; None where that is not known."""
    match action:
        case AlterTable(table=table) | CreateTable(table=table) | CreateIndex(table=table):
            return (table,)
        case SetSchema(table=table):
            return (table,)
        case RenameTable(table=table) | RenameColumn(table=table) | RenameConstraint(table=table):
            return (table,)
        case CreateTrigger(table=table) | DropTrigger(table=table):
            return (table,)
        case DropTable(tables=tables):
            return tables
        case CreateFunction() | DropRoutines() | AlterSequence():
            return ()
        case _:
            return None
