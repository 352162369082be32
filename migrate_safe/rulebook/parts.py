"""Take a statement apart: one part for each action on each relation, with the effect of that part alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from migrate_safe.catalog.evolve import evolve
from migrate_safe.effects.combine import strongest
from migrate_safe.effects.effect import effect_of
from migrate_safe.model.effect import Analysed, Effect
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, ConstraintKind
from migrate_safe.model.statement import (
    Action,
    AddColumn,
    AddConstraint,
    AlterTable,
    AlterType,
    AttachPartition,
    CreateIndex,
    CreateTable,
    DetachPartition,
    Dml,
    DmlKind,
    DoBlock,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropNotNull,
    DropTable,
    DropView,
    LockTable,
    PsqlCommand,
    Reindex,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SetDefault,
    SetNotNull,
    SetSchema,
    SetVariable,
    Statement,
    TableAction,
    Transaction,
    Truncate,
    Unparsed,
    ValidateConstraint,
)
from migrate_safe.rulebook.facts import ActionKind

_TABLE_ACTIONS: dict[type[TableAction], ActionKind] = {
    AddColumn: ActionKind.ADD_COLUMN,
    DropColumn: ActionKind.DROP_COLUMN,
    AlterType: ActionKind.ALTER_TYPE,
    SetDefault: ActionKind.SET_DEFAULT,
    SetNotNull: ActionKind.SET_NOT_NULL,
    DropNotNull: ActionKind.DROP_NOT_NULL,
    AddConstraint: ActionKind.ADD_CONSTRAINT,
    ValidateConstraint: ActionKind.VALIDATE_CONSTRAINT,
    DropConstraint: ActionKind.DROP_CONSTRAINT,
    AttachPartition: ActionKind.ATTACH_PARTITION,
    DetachPartition: ActionKind.DETACH_PARTITION,
}
_DML = {
    DmlKind.SELECT: ActionKind.SELECT,
    DmlKind.INSERT: ActionKind.INSERT,
    DmlKind.UPDATE: ActionKind.UPDATE,
    DmlKind.DELETE: ActionKind.DELETE,
    DmlKind.MERGE: ActionKind.MERGE,
    DmlKind.COPY_FROM: ActionKind.COPY,
    DmlKind.COPY_TO: ActionKind.COPY,
}


@dataclass(frozen=True, slots=True)
class Part:
    """One action on one relation, named as written. `whole` is the statement in its place, `effect` that of the part.

    `whole.before` is the schema before the part, also where earlier actions of the same statement changed it.
    """

    kind: ActionKind
    whole: Analysed
    effect: Effect
    action: Action | TableAction
    relation: Name | None = None
    index: Name | None = None
    constraint: Constraint | None = None
    inline: bool = False
    multiple: bool = False


def parts_of(analysed: Analysed) -> tuple[Part, ...]:
    """Take a statement apart; every statement has at least one part."""
    return tuple(_parts(analysed))


def _parts(whole: Analysed) -> Iterator[Part]:
    match whole.statement.action:
        case AlterTable() as action:
            yield from _alter(whole, action)
        case DoBlock() as action:
            yield from _do(whole, action)
        case DropTable(tables) as action:
            yield from _each(whole, ActionKind.DROP_TABLE, tables)
        case DropView(views) as action:
            yield from _each(whole, ActionKind.DROP_VIEW, views)
        case Truncate(tables) as action:
            yield from _each(whole, ActionKind.TRUNCATE, tables)
        case LockTable(tables) as action:
            yield from _each(whole, ActionKind.LOCK_TABLE, tables)
        case DropIndex(indexes) as action:
            for index in indexes:
                yield _part(whole, ActionKind.DROP_INDEX, _table_of(whole, index), index, len(indexes) > 1)
        case action:
            yield _single(whole, action)


def _single(whole: Analysed, action: Action) -> Part:
    match action:
        case CreateTable(table):
            return _part(whole, ActionKind.CREATE_TABLE, table)
        case RenameTable(table):
            return _part(whole, ActionKind.RENAME_TABLE, table)
        case RenameColumn(table):
            return _part(whole, ActionKind.RENAME_COLUMN, table)
        case RenameConstraint(table):
            return _part(whole, ActionKind.RENAME_CONSTRAINT, table)
        case SetSchema(table):
            return _part(whole, ActionKind.SET_SCHEMA, table)
        case CreateIndex(table):
            return _part(whole, ActionKind.CREATE_INDEX, table)
        case Reindex(kind, target):
            if target is None or kind not in ("index", "table"):
                return _part(whole, ActionKind.REINDEX, Name(None, kind))
            found = _table_of(whole, target) if kind == "index" else target
            return _part(whole, ActionKind.REINDEX, found, target if kind == "index" else None)
        case Dml(kind, target):
            return _part(whole, _DML[kind], target)
        case Transaction():
            return _part(whole, ActionKind.TRANSACTION)
        case SetVariable():
            return _part(whole, ActionKind.SET_VARIABLE)
        case PsqlCommand():
            return _part(whole, ActionKind.PSQL_COMMAND)
        case Unparsed():
            return _part(whole, ActionKind.UNPARSED)
        case _:
            return _part(whole, ActionKind.OTHER)


def _part(
    whole: Analysed,
    kind: ActionKind,
    relation: Name | None = None,
    index: Name | None = None,
    multiple: bool = False,
) -> Part:
    return Part(kind, whole, whole.effect, whole.statement.action, relation, index, multiple=multiple)


def _each(whole: Analysed, kind: ActionKind, relations: tuple[Name, ...]) -> Iterator[Part]:
    for relation in relations:
        yield _part(whole, kind, relation, None, len(relations) > 1)


def _table_of(whole: Analysed, index: Name) -> Name:
    """Give the table of an index; an unknown index stands for its table: somebody uses it."""
    table = whole.before.index_table(whole.before.resolve(index))
    return table.name if table is not None else index


# ---- ALTER TABLE -----------------------------------------------------------------------------


def _alter(whole: Analysed, alter: AlterTable) -> Iterator[Part]:
    """Give a part for each action, and one for each constraint that comes with a new column."""
    several = len(alter.actions) > 1
    for action in alter.actions:
        alone = replace(whole.statement, action=replace(alter, actions=(action,)))
        part = Part(
            kind=_TABLE_ACTIONS.get(type(action), ActionKind.OTHER_TABLE_ACTION),
            whole=whole,
            effect=_effect(whole, alone) if several else whole.effect,
            action=action,
            relation=alter.table,
            constraint=_constraint(whole, alter, action),
            multiple=several,
        )
        yield from _with_column(part, alter, action) if isinstance(action, AddColumn) else (part,)
        whole = replace(whole, before=evolve(whole.before, alone))


def _with_column(part: Part, alter: AlterTable, action: AddColumn) -> Iterator[Part]:
    constraints = [c for c in action.definition.constraints if c.kind is not ConstraintKind.NOT_NULL]
    if not constraints:
        yield part
        return
    plain = _effect_with(part.whole, alter, action, ())
    yield replace(part, effect=plain, multiple=True)
    for constraint in constraints:
        effect = _without(_effect_with(part.whole, alter, action, (constraint,)), plain)
        yield replace(part, effect=effect, constraint=constraint, inline=True, multiple=True)


def _effect_with(whole: Analysed, alter: AlterTable, action: AddColumn, constraints: tuple[Constraint, ...]) -> Effect:
    changed = replace(action, definition=replace(action.definition, constraints=constraints))
    return _effect(whole, replace(whole.statement, action=replace(alter, actions=(changed,))))


def _without(effect: Effect, plain: Effect) -> Effect:
    """Leave out what the column alone does: a table that is rewritten is not read once more for the constraint."""
    rewritten = set(plain.rewrites)
    return replace(
        effect,
        rewrites=tuple(n for n in effect.rewrites if n not in rewritten),
        scans=tuple(n for n in effect.scans if n not in plain.scans),
        breaks=tuple(b for b in effect.breaks if b not in plain.breaks),
        depends=tuple(d for d in effect.depends if d not in plain.depends),
        fails=effect.fails if effect.fails != plain.fails else None,
        unknown=effect.unknown if effect.unknown != plain.unknown else None,
    )


def _constraint(whole: Analysed, alter: AlterTable, action: TableAction) -> Constraint | None:
    match action:
        case AddConstraint(constraint):
            return constraint
        case ValidateConstraint(name) | DropConstraint(name):
            table = whole.before.table(alter.table)
            return table.constraint(name) if table is not None else None
        case _:
            return None


def _effect(whole: Analysed, statement: Statement) -> Effect:
    return effect_of(statement, whole.before, session=whole.session, in_transaction=whole.in_transaction)


# ---- DO --------------------------------------------------------------------------------------


def _do(whole: Analysed, block: DoBlock) -> Iterator[Part]:
    """Give the parts of the statements inside, which run in one transaction, and one for what cannot be seen.

    A statement inside may stand behind a condition, so that none is sure to fail.
    """
    yield _part(replace(whole, effect=Effect(unknown=block.opaque)), ActionKind.DO_BLOCK)
    schema = whole.before
    for statement in block.inner:
        placed = replace(statement, direction=whole.statement.direction)
        inner = replace(whole, statement=placed, before=schema, in_transaction=True)
        effect = replace(_effect(inner, placed), fails=None)
        yield from _parts(replace(inner, effect=effect))
        whole = replace(whole, held=strongest((*whole.held, *effect.locks)))
        if isinstance(placed.action, CreateTable) and schema.table(placed.action.table) is None:
            whole = replace(whole, born=whole.born | {schema.resolve(placed.action.table)})
        schema = evolve(schema, placed)
