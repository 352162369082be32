"""Take a statement apart: one part for each action on each relation, with the effect of that part alone."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from migrate_safe.catalog.evolve import evolve
from migrate_safe.catalog.evolve.alter import pass_of
from migrate_safe.catalog.evolve.routines import Run, runs_of
from migrate_safe.effects.births import born_after
from migrate_safe.effects.combine import strongest
from migrate_safe.effects.effect import effect_of
from migrate_safe.effects.settings import Settings
from migrate_safe.effects.settings import after as settings_after
from migrate_safe.model.effect import Analysed, Effect
from migrate_safe.model.names import Name
from migrate_safe.model.said import Cluster, Vacuum
from migrate_safe.model.schema import Constraint, ConstraintKind
from migrate_safe.model.statement import (
    Action,
    AddColumn,
    AddConstraint,
    AlterPolicy,
    AlterTable,
    Call,
    CreateIndex,
    CreatePolicy,
    CreateRule,
    CreateTable,
    CreateTrigger,
    Dml,
    DmlKind,
    DoBlock,
    DropConstraint,
    DropIndex,
    DropPart,
    DropRoutines,
    DropSequence,
    DropTable,
    DropType,
    DropView,
    LockTable,
    Other,
    RefreshView,
    Reindex,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SetSchema,
    SetVariable,
    Statement,
    TableAction,
    Truncate,
    ValidateConstraint,
)
from migrate_safe.model.values import replace
from migrate_safe.rulebook.kinds import kind_of, kind_of_table_action
from migrate_safe.rulebook.terms import ActionKind
from migrate_safe.rulebook.things import things_of


class Part(Struct, frozen=True):
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
    shared: bool = False
    """The new column comes with other constraints too."""
    costly: bool = False
    """The new column by itself, without the constraint, wants steps of its own."""
    in_block: bool = False
    """The statement stands inside a DO block or a function."""
    thing: str = ""
    """The object that is no relation: `function f(integer)`, `type mood`."""


def parts_of(analysed: Analysed) -> tuple[Part, ...]:
    """Take a statement apart; every statement has at least one part."""
    return tuple(_parts(analysed))


def _parts(whole: Analysed) -> Iterator[Part]:
    match whole.statement.action:
        case AlterTable() as action:
            yield from _alter(whole, action)
        case DoBlock() | Call():
            runs = runs_of(whole.before, whole.statement.action)
            yield from (part for run in runs for part in _run(whole, run))
            if not runs:
                yield _single(whole, whole.statement.action)
        case Dml(kind=DmlKind.SELECT, functions=functions) as action if functions:
            yield from _select(whole, action)
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
        case DropRoutines() | DropType() | DropSequence() as action:
            things = things_of(action)
            for thing in things:
                yield _part(whole, ActionKind.DROP_OBJECT, multiple=len(things) > 1, thing=thing)
        case action:
            yield _single(whole, action)


def _single(whole: Analysed, action: Action) -> Part:
    kind = kind_of(action)
    match action:
        case CreateTable(table) | RenameTable(table) | RenameColumn(table) | RenameConstraint(table):
            return _part(whole, kind, table)
        case SetSchema(table) | CreateIndex(table) | CreateTrigger(table):
            return _part(whole, kind, table)
        case CreatePolicy(table) | CreateRule(table) | AlterPolicy(table) | DropPart(_, table):
            return _part(whole, kind, table)
        case RefreshView(view):
            return _part(whole, kind, view)
        case Reindex(target_kind, target):
            return _reindex(whole, target_kind, target)
        case Dml(_, target):
            return _part(whole, kind, target)
        case Other(says=Cluster(table)):
            return _part(whole, kind, table)
        case Other(says=Vacuum(tables=tables)) if len(tables) == 1:
            return _part(whole, kind, tables[0].table)
        case _:
            return _part(whole, kind, thing=next(iter(things_of(action)), ""))


def _reindex(whole: Analysed, kind: str, target: Name | None) -> Part:
    if target is None or kind not in ("index", "table"):
        return _part(whole, ActionKind.REINDEX, Name(None, kind))
    found = _table_of(whole, target) if kind == "index" else target
    return _part(whole, ActionKind.REINDEX, found, target if kind == "index" else None)


def _part(
    whole: Analysed,
    kind: ActionKind,
    relation: Name | None = None,
    index: Name | None = None,
    multiple: bool = False,
    thing: str = "",
) -> Part:
    return Part(kind, whole, whole.effect, whole.statement.action, relation, index, multiple=multiple, thing=thing)


def _each(whole: Analysed, kind: ActionKind, relations: tuple[Name, ...]) -> Iterator[Part]:
    for relation in relations:
        yield _part(whole, kind, relation, None, len(relations) > 1)


def _table_of(whole: Analysed, index: Name) -> Name:
    """Give the table of an index; an unknown index stands for its table: somebody uses it."""
    table = whole.before.index_table(whole.before.resolve(index))
    return table.name if table is not None else index


# ---- ALTER TABLE -----------------------------------------------------------------------------


def _alter(whole: Analysed, alter: AlterTable) -> Iterator[Part]:
    """Give a part for each action, and one for each constraint that comes with a new column.

    The server takes columns before constraints, whatever is written first.
    """
    several, found, last = len(alter.actions) > 1, list[tuple[int, Part]](), None
    for place, action in sorted(enumerate(alter.actions), key=lambda each: pass_of(each[1])):
        if last is not None:
            whole = replace(whole, before=evolve(whole.before, last))
        alone = replace(whole.statement, action=replace(alter, actions=(action,))) if several else whole.statement
        part = Part(
            kind=kind_of_table_action(action),
            whole=whole,
            effect=_effect(whole, alone) if several else whole.effect,
            action=action,
            relation=alter.table,
            constraint=_constraint(whole, alter, action),
            multiple=several,
        )
        parts = _with_column(part, alter, action) if isinstance(action, AddColumn) else (part,)
        found += [(place, each) for each in parts]
        last = alone
    yield from (part for _, part in sorted(found, key=lambda each: each[0]))


def _with_column(part: Part, alter: AlterTable, action: AddColumn) -> Iterator[Part]:
    constraints = [c for c in action.definition.constraints if c.kind is not ConstraintKind.NOT_NULL]
    if not constraints:
        yield part
        return
    plain, column = _effect_with(part.whole, alter, action, ()), action.definition.column
    costly = bool(plain.rewrites) or (column.not_null and column.default is None)
    yield replace(part, effect=plain, shared=True)
    for constraint in constraints:
        effect = _without(_effect_with(part.whole, alter, action, (constraint,)), plain)
        shared = len(constraints) > 1
        yield replace(part, effect=effect, constraint=constraint, inline=True, shared=shared, costly=costly)


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


# ---- bodies: DO, CALL, functions ---------------------------------------------------------------


def _select(whole: Analysed, action: Dml) -> Iterator[Part]:
    """Give the part of a query, and those of the functions that it calls."""
    runs = runs_of(whole.before, action)
    if runs:
        alone = replace(action, functions=action.functions - {run.called for run in runs})
        effect = _effect(whole, replace(whole.statement, action=alone))
        yield _single(replace(whole, effect=replace(effect, fails=whole.effect.fails)), action)
        yield from (part for run in runs for part in _run(whole, run))
    else:
        yield _single(whole, action)


def _run(whole: Analysed, run: Run) -> Iterator[Part]:
    """Give the parts of the statements inside, which run in one transaction, and one for what cannot be seen.

    A statement inside may stand behind a condition, so that none is sure to fail. Those of a routine stand elsewhere,
    so that they are told of where it is called.
    """
    block = run.block
    yield _part(replace(whole, effect=Effect(unknown=block.opaque)), ActionKind.DO_BLOCK)
    schema, settings = run.within(whole.before), Settings(whole.session, whole.session)
    for statement in block.inner:
        placed = replace(statement, direction=whole.statement.direction)
        if run.routine is not None:
            placed = replace(placed, span=whole.statement.span)
        inner = replace(whole, statement=placed, before=schema, in_transaction=True)
        effect = replace(_effect(inner, placed), fails=None)
        yield from (replace(part, in_block=True) for part in _parts(replace(inner, effect=effect)))
        if isinstance(placed.action, SetVariable):
            settings = settings_after(settings, placed.action, in_transaction=True)
        whole = replace(whole, held=strongest((*whole.held, *effect.locks)), session=settings.now)
        after = evolve(schema, placed)
        whole = replace(whole, born=born_after(schema, after, whole.born, placed))
        schema = after
