"""Changes that no app can notice: what goes was made by this migration, or something takes its name."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.model.names import Name
from migrate_safe.model.statement import (
    AddColumn,
    AlterTable,
    ChangeIdentity,
    CreateTable,
    CreateView,
    Dml,
    DmlKind,
    DropColumn,
    DropIndex,
    DropNotNull,
    DropTable,
    DropView,
    RenameColumn,
    RenameTable,
    Script,
    SetDefault,
    SetSchema,
    Statement,
    TableAction,
)
from migrate_safe.rulebook.parts import Part


def is_only_here(part: Part, script: Script) -> bool:
    """Say whether a drop or rename is the migration's own affair."""
    match part.action:
        case DropColumn(column):
            return _was_added(part, script, column)
        case RenameColumn(_, column, to):
            return _was_added(part, script, column) or _is_mirrored(part, script, column, to)
        case DropIndex():
            return _is_dropped_later(part, script)
        case SetDefault(column, None):
            return _needs_no_default(part, script, column)
        case RenameTable() | SetSchema() | DropView():
            return _is_named_again(part, script)
        case _:
            return False


def is_filled(part: Part, script: Script) -> bool:
    """Say whether the migration itself puts rows into the relation before this statement."""
    for statement in _before(part, script):
        match statement.action:
            case CreateTable(table, as_query=True) if _same(part, table):
                return True
            case Dml(DmlKind.INSERT | DmlKind.COPY_FROM | DmlKind.MERGE, target) if target and _same(part, target):
                return True
            case _:
                continue
    return False


def _was_added(part: Part, script: Script, column: str) -> bool:
    """Say whether an earlier statement of the migration added the column."""
    return any(
        action.definition.column.name == column and _same(part, alter.table)
        for statement in _before(part, script)
        for alter, action in _added(statement)
    )


def _needs_no_default(part: Part, script: Script, column: str) -> bool:
    """Say whether the statement or its transaction gives the column another default, an identity or NULL, or drops it.

    A default goes and comes around a change of an enum.
    """
    statement = part.whole.statement
    own = (
        [s for s in _same_way(part, script) if s.span.start > statement.span.start] if part.whole.in_transaction else []
    )
    alters = (s.action for s in (statement, *own))
    later = (a for alter in alters if isinstance(alter, AlterTable) and _same(part, alter.table) for a in alter.actions)
    return any(_spares_default(action, column) for action in later)


def _spares_default(action: TableAction, column: str) -> bool:
    match action:
        case SetDefault(of, default):
            return of == column and default is not None
        case ChangeIdentity(of, add):
            return of == column and add
        case DropNotNull(of) | DropColumn(of):
            return of == column
        case _:
            return False


def _is_dropped_later(part: Part, script: Script) -> bool:
    """Say whether the table goes as a whole further on."""
    drops = (s.action for s in _behind(part, script))
    return any(_same(part, table) for drop in drops if isinstance(drop, DropTable) for table in drop.tables)


def _is_mirrored(part: Part, script: Script, column: str, to: str) -> bool:
    """Say whether a later statement gives the table a generated column of the old name, made of the new one.

    Any other column of the old name has other values: the old app would read and write those.
    """
    return any(
        action.definition.column.name == column
        and action.definition.column.generated is not None
        and action.definition.column.default is not None
        and to in action.definition.column.default.columns
        and _same(part, alter.table)
        for statement in _behind(part, script)
        for alter, action in _added(statement)
    )


def _is_named_again(part: Part, script: Script) -> bool:
    """Say whether a later statement gives the old name to a view or another table."""
    for statement in _behind(part, script):
        match statement.action:
            case CreateView(view) if _same(part, view.name):
                return True
            case CreateTable(created) if _same(part, created):
                return True
            case RenameTable(other, to) if _same(part, Name(other.schema, to)):
                return True
            case _:
                continue
    return False


def _same(part: Part, name: Name) -> bool:
    assert part.relation is not None
    schema = part.whole.before
    default = schema.first_place
    return name.within(default) == part.relation.within(default)


def _added(statement: Statement) -> Iterator[tuple[AlterTable, AddColumn]]:
    if isinstance(statement.action, AlterTable):
        for action in statement.action.actions:
            if isinstance(action, AddColumn):
                yield statement.action, action


def _before(part: Part, script: Script) -> Iterator[Statement]:
    return (s for s in _same_way(part, script) if s.span.start < part.whole.statement.span.start)


def _behind(part: Part, script: Script) -> Iterator[Statement]:
    return (s for s in _same_way(part, script) if s.span.start > part.whole.statement.span.start)


def _same_way(part: Part, script: Script) -> Iterator[Statement]:
    return (s for s in script.statements if s.direction is part.whole.statement.direction)
