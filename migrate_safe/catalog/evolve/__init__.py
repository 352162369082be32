"""Schema + Statement -> Schema, one file per family."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.catalog.change import CannotApply, without_temporary
from migrate_safe.catalog.evolve import (
    foreign,
    indexes,
    namespaces,
    others,
    renames,
    sequences,
    tables,
    triggers,
    user_types,
    views,
)
from migrate_safe.catalog.evolve.acceptance import accept
from migrate_safe.catalog.evolve.afterwards import settled
from migrate_safe.catalog.evolve.alter import alter_table
from migrate_safe.catalog.evolve.places import refuse_move
from migrate_safe.catalog.evolve.programs import apply_program
from migrate_safe.catalog.evolve.reindexing import reindex
from migrate_safe.catalog.evolve.roles import refuse_absent_roles
from migrate_safe.catalog.evolve.routines import refuse_language, runs_of
from migrate_safe.catalog.evolve.sessions import settings_in, transaction_ended
from migrate_safe.catalog.guesses import without_guesses
from migrate_safe.catalog.settings import search_path_after
from migrate_safe.catalog.stored_views import as_tables, as_views
from migrate_safe.catalog.timeline import ENDS, Timeline
from migrate_safe.model.said import NewSchema
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    Action,
    AlterSequence,
    AlterTable,
    Call,
    CreateIndex,
    CreateSequence,
    CreateTable,
    CreateTrigger,
    CreateView,
    Direction,
    Dml,
    DmlKind,
    DoBlock,
    DropIndex,
    DropSequence,
    DropTable,
    DropTrigger,
    DropView,
    ForeignAction,
    LockTable,
    Other,
    ProgramAction,
    RefreshView,
    Reindex,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    Script,
    SetSchema,
    SetVariable,
    Statement,
    Transaction,
    TransactionVerb,
    Truncate,
    TypeAction,
)
from migrate_safe.model.values import replace

__all__ = ["apply", "evolve", "fold", "session_ended"]


def evolve(schema: Schema, statement: Statement) -> Schema:
    """Give the schema after a statement; one that cannot apply changes nothing."""
    try:
        return apply(schema, statement)
    except CannotApply:
        return schema


def fold(schema: Schema, script: Script) -> Schema:
    """Give the schema after the UP statements of a file; what its transactions roll back is undone.

    The session ends with the file: its search_path and its temporary tables are gone.
    """
    default = schema.search_path
    line, last = Timeline(_Session(schema, default)), -1
    for statement in script.statements:
        if statement.direction is Direction.DOWN:
            continue
        unit, first = script.unit_of(statement), statement.unit != last
        if first and last >= 0:
            line = _controlled(line, _COMMIT)
        line, last = line.entering(unit, first=first), statement.unit
        if isinstance(statement.action, Transaction):
            line = _controlled(line, statement.action)
        else:
            line = line.at(_stepped(line.now, statement, default, inside=line.in_transaction))
    return session_ended(line.now.schema, default)


class _Session(Struct, frozen=True):
    """A schema as a session sees it, and the search_path that stays once the transaction has ended."""

    schema: Schema
    lasting: tuple[str, ...]


def _controlled(line: Timeline[_Session], control: Transaction) -> Timeline[_Session]:
    moved = line.step(control)
    if control.verb not in ENDS:
        return moved
    ended = replace(transaction_ended(moved.now.schema), search_path=moved.now.lasting)
    return moved.ended(_Session(ended, moved.now.lasting), control)


def _stepped(session: _Session, statement: Statement, default: tuple[str, ...], *, inside: bool) -> _Session:
    before, lasting = session.schema, session.lasting
    path = before.search_path
    for change in settings_in(before, statement):
        path = search_path_after(path, change, default) if inside or not change.local else path
        lasting = lasting if change.local else search_path_after(lasting, change, default)
    schema = before if isinstance(statement.action, SetVariable) else evolve(before, statement)
    schema = schema if inside else transaction_ended(schema)
    return _Session(schema if path == schema.search_path else replace(schema, search_path=path), lasting)


_COMMIT = Transaction(TransactionVerb.COMMIT)


def session_ended(schema: Schema, search_path: tuple[str, ...]) -> Schema:
    """Drop temporary tables and restore the search_path of a new session."""
    return replace(without_temporary(schema), search_path=search_path)


def apply(schema: Schema, statement: Statement) -> Schema:
    """Give the schema after a statement; raises CannotApply where the server would certainly refuse it."""
    schema = without_guesses(schema, statement.action)
    refuse_absent_roles(schema, statement.action)
    refuse_move(schema, statement.action)
    return settled(schema, _applied(schema, statement), statement.action)


def _applied(schema: Schema, statement: Statement) -> Schema:
    match statement.action:
        case AlterTable() as action:
            return alter_table(schema, action)
        case CreateTable() as action:
            return tables.create_table(schema, action)
        case DropTable() as action:
            return tables.drop_table(schema, action)
        case RenameTable() as action:
            return renames.rename_table(schema, action)
        case RenameColumn() as action:
            return renames.rename_column(schema, action)
        case RenameConstraint() as action:
            return renames.rename_constraint(schema, action)
        case SetSchema() as action:
            return renames.set_schema(schema, action)
        case CreateIndex() as action:
            return as_views(schema, indexes.create_index(as_tables(schema), action))
        case DropIndex() as action:
            return as_views(schema, indexes.drop_index(as_tables(schema), action))
        case CreateView() | DropView() | RefreshView() as action:
            return views.view_action(schema, action)
        case DoBlock() as action:
            refuse_language(schema, action.language)
            return _ran(schema, action)
        case Call() as action:
            return _ran(schema, action)
        case Dml(kind=DmlKind.SELECT, functions=functions) as action if functions:
            accept(schema, action)
            return _ran(schema, action)
        case Dml() | Truncate() | LockTable() as action:
            accept(schema, action)
            return schema
        case Reindex() as action:
            accept(schema, action)
            return as_views(schema, reindex(as_tables(schema), action))
        case SetVariable() as action:
            return replace(schema, search_path=search_path_after(schema.search_path, action))
        case _:
            return _other_kinds(schema, statement)


def _other_kinds(schema: Schema, statement: Statement) -> Schema:
    if isinstance(statement.action, TypeAction):
        return user_types.type_action(schema, statement.action)
    if isinstance(statement.action, ForeignAction):
        return foreign.foreign_action(schema, statement.action)
    match statement.action:
        case CreateSequence() | AlterSequence() | DropSequence() as action:
            return sequences.sequence_action(schema, action)
        case CreateTrigger() as action:
            return triggers.create_trigger(schema, action)
        case DropTrigger() as action:
            return triggers.drop_trigger(schema, action)
        case action if isinstance(action, ProgramAction):
            return apply_program(schema, action)
        case Other(says=NewSchema() as new) as action:
            return _with_elements(namespaces.create_schema(schema, new), new, action.inner)
        case Other(kind="ExplainStmt" | "PrepareStmt" | "DeclareCursorStmt") as action:
            return _held(schema, action)
        case Other() as action:
            return others.other(schema, action, statement.text)
        case _:
            return schema


def _held(schema: Schema, action: Other) -> Schema:
    """Apply what EXPLAIN ANALYZE runs; what is explained, prepared or declared is checked, and runs another time."""
    after = schema
    for statement in action.inner:
        after = apply(after, statement)
    return after if action.detail == "analyze" else schema


def _with_elements(schema: Schema, new: NewSchema, elements: tuple[Statement, ...]) -> Schema:
    """Apply what CREATE SCHEMA creates inside the schema, which is searched first meanwhile."""
    path = schema.search_path
    inside = replace(schema, search_path=(new.name, *path))
    for element in elements:
        inside = apply(inside, element)
    return replace(inside, search_path=path)


def _ran(schema: Schema, action: Action) -> Schema:
    """Apply what the bodies do that a statement runs."""
    for run in runs_of(schema, action):
        schema = run.over(_inner(run.within(schema), run.block), schema)
    return schema


def _inner(schema: Schema, block: DoBlock) -> Schema:
    """Assume that every static statement of a DO block runs; what is not seen there may have made anything."""
    for statement in block.inner:
        schema = evolve(schema, statement)
    return schema if block.opaque is None else replace(schema, roles=None, altered_unseen=True)
