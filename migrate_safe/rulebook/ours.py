"""Changes to what is no relation that no app can notice: the file made it, or makes it anew."""

from __future__ import annotations

import re
from collections.abc import Iterable

from migrate_safe.model.said import Dropped, Extension, Grants, Moved, Renamed, Target
from migrate_safe.model.schema import Constraint, ConstraintKind, Function, Parameter, Table
from migrate_safe.model.statement import (
    AddColumn,
    AddConstraint,
    AlterEnum,
    AlterRoutine,
    AlterSequence,
    CreateFunction,
    CreateIndex,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropNotNull,
    DropRoutines,
    DropSequence,
    DropType,
    Other,
    OtherTableAction,
    RenameConstraint,
    RenameTable,
    RenameType,
    Routine,
    SetTypeSchema,
    Statement,
)
from migrate_safe.rulebook.doings import Deed, Doings
from migrate_safe.rulebook.parts import Part

_IS_NOT_NULL = re.compile(r'"?(.+?)"? IS NOT NULL', re.IGNORECASE)


def is_ours(part: Part, doings: Doings) -> bool:
    """Say whether a change to what is no relation, or to what hangs on one, is the migration's own affair."""
    statement = part.whole.statement
    match part.action:
        case DropRoutines(kind, routines):
            meant = [r for r in routines if f"{kind} {r}" == part.thing]
            return _only_fires(part, meant) or all(_has_routine(doings, part, r) for r in meant)
        case AlterRoutine(routine=routine):
            return _only_fires(part, (routine,)) or _has_routine(doings, part, routine)
        case DropType(names):
            return all(_is_made(doings, statement, f"type {n.name}") for n in names if part.thing.endswith(f" {n}"))
        case RenameType(name) | SetTypeSchema(name):
            return _is_made(doings, statement, f"type {name.name}")
        case AlterEnum(name):
            return any(doings.before(Deed.MAKES, f"type {name.name}", statement))
        case DropSequence(names):
            wanted = [n for n in names if part.thing == f"sequence {n}"]
            return all(_is_made(doings, statement, f"sequence {n.name}") for n in wanted)
        case DropConstraint():
            return _is_replaced(part, doings) or _is_spent(part) or _goes_later(part, doings)
        case AddConstraint(constraint):
            return _is_dropped(part, doings, f"constraint {constraint.name}") or _is_of_new_columns(part, doings)
        case RenameConstraint(table, old, to):
            new, gone = f"constraint {to} on {table.name}", f"constraint {old} on {table.name}"
            moved = any(doings.before(Deed.MAKES, f"table {table.name}", statement))
            return (
                moved
                or any(doings.before(Deed.DROPS, new, statement))
                or any(doings.after(Deed.MAKES, gone, statement))
            )
        case CreateIndex():
            return _is_of_new_columns(part, doings)
        case DropNotNull(column):
            return _may_be_null(part, column) or _goes_later(part, doings)
        case DropIndex():
            return _goes_later(part, doings)
        case AlterSequence(name):
            return any(doings.before(Deed.MAKES, f"sequence {name.name}", statement))
        case OtherTableAction(kind=kind) if kind.startswith("DisableTrig"):
            return part.whole.in_transaction and any(doings.after(Deed.ENABLES, _table(part), statement))
        case OtherTableAction(kind="EnableRowSecurity"):
            known = part.whole.before.table(part.relation) if part.relation is not None else None
            return known is not None and known.row_security
        case RenameTable(object="sequence"):
            return _is_owned(part)
        case Other() as action:
            return _is_other_ours(action, statement, doings)
        case _:
            return False


def _is_other_ours(action: Other, statement: Statement, doings: Doings) -> bool:
    match action.says:
        case Grants(targets=targets) as grants:
            return all(_is_made(doings, statement, _thing(t)) for t in targets) or _is_granted_again(
                grants, statement, doings
            )
        case Dropped(targets):
            return all(_is_made(doings, statement, _thing(t)) for t in targets)
        case Renamed(target) | Moved(target):
            return _is_made(doings, statement, _thing(target))
        case Extension(name=name):
            return _is_made(doings, statement, f"extension {name}")
        case _:
            return False


def _thing(target: Target) -> str:
    kind = "function" if target.kind in ("procedure", "routine") else target.kind
    return f"{kind} {target.name.name}"


def _is_made(doings: Doings, statement: Statement, thing: str) -> bool:
    """Say whether the file makes the thing, before or after the statement."""
    return any(doings.before(Deed.MAKES, thing, statement)) or any(doings.after(Deed.MAKES, thing, statement))


def _is_granted_again(revoked: Grants, statement: Statement, doings: Doings) -> bool:
    """Say whether a later GRANT gives each of the roles some right on each of the objects."""
    return all(
        any(
            isinstance(d.by, Grants) and set(revoked.roles) <= set(d.by.roles)
            for d in doings.after(Deed.GRANTS, _thing(target), statement)
        )
        for target in revoked.targets
    )


def _table(part: Part) -> str:
    return f"table {part.relation.name if part.relation is not None else ''}"


def _is_owned(part: Part) -> bool:
    """Say whether the sequence belongs to a column: queries name the column, its default finds the sequence."""
    schema = part.whole.before
    known = schema.sequences.get(schema.resolve(part.relation)) if part.relation is not None else None
    return known is not None and known.owner is not None


# ---- routines --------------------------------------------------------------------------------


def _only_fires(part: Part, routines: Iterable[Routine]) -> bool:
    """Say whether the routines are trigger functions, which no query calls."""
    schema = part.whole.before
    known = [schema.functions.get(schema.resolve(r.name)) for r in routines]
    return all(found and all(f.returns is not None and "trigger" in f.returns.name for f in found) for found in known)


def _has_routine(doings: Doings, part: Part, routine: Routine) -> bool:
    """Say whether the file makes the routine, or makes one anew that takes the same calls."""
    thing, statement = f"function {routine.name.name}", part.whole.statement
    made = [*doings.before(Deed.MAKES, thing, statement), *doings.after(Deed.MAKES, thing, statement)]
    new = [d.by.function for d in made if isinstance(d.by, CreateFunction)]
    return any(_takes_calls(function, wanted) for function in new for wanted in _arguments(part, routine))


def _arguments(part: Part, routine: Routine) -> list[tuple[str, ...] | None]:
    """Give the types of the arguments by which the routine was called; None where they are not known."""
    if routine.arguments is not None:
        return [tuple(t.name for t in routine.arguments)]
    known = part.whole.before.functions.get(part.whole.before.resolve(routine.name), ())
    return [tuple(p.type.name for p in _inputs(f)) for f in known] or [None]


def _takes_calls(function: Function, arguments: tuple[str, ...] | None) -> bool:
    if arguments is None:
        return True
    first, rest = _inputs(function)[: len(arguments)], _inputs(function)[len(arguments) :]
    return tuple(p.type.name for p in first) == arguments and all(p.default is not None for p in rest)


def _inputs(function: Function) -> list[Parameter]:
    return [p for p in function.parameters if p.mode in ("in", "inout", "variadic")]


# ---- constraints -----------------------------------------------------------------------------


def _is_dropped(part: Part, doings: Doings, thing: str) -> bool:
    assert part.relation is not None
    statement = part.whole.statement
    key = f"{thing} on {part.relation.name}"
    return any(doings.before(Deed.DROPS, key, statement)) or _in_same_statement(part, thing)


def _in_same_statement(part: Part, thing: str) -> bool:
    """Say whether another action of the same ALTER TABLE drops the constraint of that name."""
    actions = getattr(part.whole.statement.action, "actions", ())
    return any(isinstance(a, DropConstraint) and f"constraint {a.name}" == thing for a in actions)


def _is_replaced(part: Part, doings: Doings) -> bool:
    """Say whether the file gives the table a constraint of the same name, or one that says the like of its columns."""
    assert isinstance(part.action, DropConstraint)
    assert part.relation is not None
    thing, statement = f"constraint on {part.relation.name}", part.whole.statement
    made: list[object] = [d.by for d in doings.before(Deed.MAKES, thing, statement)]
    made += [d.by for d in doings.after(Deed.MAKES, thing, statement)]
    made += [a.constraint for a in getattr(statement.action, "actions", ()) if isinstance(a, AddConstraint)]
    return any(
        isinstance(new, Constraint) and (new.name == part.action.name or _is_alike(part.constraint, new))
        for new in made
    )


def _is_alike(old: Constraint | None, new: Constraint) -> bool:
    """Say whether one takes the place of another: a key to the same table, a CHECK of the same column."""
    if old is None or old.kind is not new.kind:
        return False
    if old.kind is ConstraintKind.CHECK:
        return bool(_said_columns(old) & _said_columns(new))
    if old.references is not None and new.references is not None:
        same = old.references.table.name == new.references.table.name
        return same and set(old.columns) <= set(new.columns)
    return set(old.columns) == set(new.columns)


def _said_columns(constraint: Constraint) -> frozenset[str]:
    said = constraint.expression.columns if constraint.expression is not None else frozenset()
    return said.union(constraint.columns)


def _is_of_new_columns(part: Part, doings: Doings) -> bool:
    """Say whether the file adds all columns of a constraint or index: no running app version writes them."""
    columns = _columns(part)
    table = part.relation.name if part.relation is not None else ""
    statement = part.whole.statement
    beside = {a.definition.column.name for a in getattr(statement.action, "actions", ()) if isinstance(a, AddColumn)}
    return bool(columns) and all(
        c in beside or any(doings.before(Deed.MAKES, f"column {c} on {table}", statement)) for c in columns
    )


def _columns(part: Part) -> frozenset[str]:
    if isinstance(part.action, CreateIndex):
        return part.action.index.columns
    constraint = part.constraint
    if constraint is None:
        return frozenset()
    return _said_columns(constraint)


def _goes_later(part: Part, doings: Doings) -> bool:
    """Say whether a column that is meant, its table or the one that it points to goes as well: apps feel that."""
    schema, statement = part.whole.before, part.whole.statement
    table = schema.table(part.relation) if part.relation is not None else None
    if table is None:
        return False
    columns, far = _meant(part, table)
    things = [f"table {table.name.name}", *(f"table {n}" for n in far)]
    things += [f"column {c} on {table.name.name}" for c in columns]
    beside = {a.column for a in getattr(statement.action, "actions", ()) if isinstance(a, DropColumn)}
    return bool(beside & set(columns)) or any(any(doings.after(Deed.DROPS, thing, statement)) for thing in things)


def _meant(part: Part, table: Table) -> tuple[Iterable[str], Iterable[str]]:
    """Give the columns that the statement is about, and the tables that its foreign key points to."""
    if isinstance(part.action, DropNotNull):
        return (part.action.column,), ()
    if part.index is not None:
        index = table.index(part.index.name)
        return (index.columns if index is not None else ()), ()
    constraint = part.constraint
    if constraint is None:
        return (), ()
    return constraint.columns, ([constraint.references.table.name] if constraint.references is not None else ())


def _may_be_null(part: Part, column: str) -> bool:
    table = part.whole.before.table(part.relation) if part.relation is not None else None
    known = table.column(column) if table is not None else None
    return known is not None and not known.not_null


def _is_spent(part: Part) -> bool:
    """Say whether it is a CHECK that a column is not NULL, which the column itself demands by now."""
    found = part.constraint.expression if part.constraint is not None else None
    table = part.whole.before.table(part.relation) if part.relation is not None else None
    if found is None or table is None:
        return False
    said = _IS_NOT_NULL.fullmatch(found.sql.strip("() "))
    column = table.column(said[1]) if said is not None else None
    return column is not None and column.not_null
