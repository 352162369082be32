"""What the statements of a file make, drop and so on, by name, so that each can ask for the others at once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from msgspec import Struct, field

from migrate_safe.catalog.timeline import ENDS
from migrate_safe.model.names import Name
from migrate_safe.model.said import Dropped, Extension, Grants, NewSchema, Renamed, Vacuum
from migrate_safe.model.statement import (
    AddColumn,
    AddConstraint,
    AlterEnum,
    AlterSequence,
    AlterTable,
    CreateComposite,
    CreateDomain,
    CreateEnum,
    CreateFunction,
    CreateIndex,
    CreatePolicy,
    CreateRange,
    CreateRule,
    CreateSequence,
    CreateTable,
    CreateTrigger,
    CreateView,
    Direction,
    DoBlock,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropPart,
    DropRoutines,
    DropSequence,
    DropTable,
    DropTrigger,
    Other,
    OtherTableAction,
    RenameConstraint,
    RenameTable,
    RenameType,
    Script,
    Statement,
    TableAction,
    Transaction,
)


class Deed(StrEnum):
    """What is done to something."""

    MAKES = "makes"
    DROPS = "drops"
    ANALYZES = "analyzes"
    INDEXES = "indexes"
    """The table gets an index."""
    GRANTS = "grants"
    ATTACHES = "attaches"
    ENABLES = "enables"
    """The triggers of the table are switched on."""
    WIDENS = "widens"
    """The sequence gets another type."""
    ENDS = "ends"
    """The transaction ends."""


class Done(Struct, frozen=True):
    """One deed: where it stands, and on which way; `by` is what does it."""

    start: int
    direction: Direction
    by: object


class Doings(Struct, frozen=True):
    """All deeds of a file, in order. Things are told by kind and plain name: `table users`, `trigger t on users`."""

    found: Mapping[tuple[Deed, str], tuple[Done, ...]] = field(default_factory=dict)

    def before(self, deed: Deed, thing: str, statement: Statement) -> Iterator[Done]:
        """Give what was done to the thing before a statement, on the same way."""
        done = self.found.get((deed, thing), ())
        end = bisect_left(done, statement.span.start, key=_start)
        return (done[i] for i in range(end) if done[i].direction is statement.direction)

    def after(self, deed: Deed, thing: str, statement: Statement) -> Iterator[Done]:
        """Give what is done to the thing after a statement, on the same way."""
        done = self.found.get((deed, thing), ())
        first = bisect_right(done, statement.span.start, key=_start)
        return (done[i] for i in range(first, len(done)) if done[i].direction is statement.direction)


def _start(done: Done) -> int:
    return done.start


def doings_of(script: Script) -> Doings:
    """Go through a file once."""
    found: dict[tuple[Deed, str], list[Done]] = defaultdict(list)
    for outer in script.statements:
        for statement in _inside(outer):
            for deed, thing, by in _deeds(statement):
                found[deed, thing].append(Done(statement.span.start, outer.direction, by))
    return Doings({key: tuple(done) for key, done in found.items()})


def _inside(statement: Statement) -> Iterator[Statement]:
    """Give a statement, and before it those inside a DO block."""
    for inner in statement.action.inner if isinstance(statement.action, DoBlock) else ():
        yield from _inside(inner)
    yield statement


Deeds = Iterable[tuple[Deed, str, object]]


def _deeds(statement: Statement) -> Deeds:
    match statement.action:
        case AlterTable(table, actions):
            return [deed for action in actions for deed in _table_deeds(table, action)]
        case Other() as action:
            return _other_deeds(action)
        case CreateIndex() as action:
            name = action.index.name
            made = [(Deed.MAKES, f"index {name}", action)] if name is not None else []
            return [*made, (Deed.INDEXES, f"table {action.table.name}", action)]
        case DropIndex(indexes) as action:
            return [(Deed.DROPS, f"index {n.name}", action) for n in indexes]
        case Transaction(verb) as action if verb in ENDS:
            return [(Deed.ENDS, "", action)]
        case _:
            return _object_deeds(statement)


def _object_deeds(statement: Statement) -> Deeds:
    match statement.action:
        case CreateTable(table) as action:
            return [(Deed.MAKES, f"table {table.name}", action)]
        case DropTable(tables) as action:
            return [(Deed.DROPS, f"table {t.name}", action) for t in tables]
        case CreateView(view) as action:
            return [(Deed.MAKES, f"table {view.name.name}", action)]
        case RenameConstraint(table, old, to) as action:
            where = f"on {table.name}"
            return [(Deed.DROPS, f"constraint {old} {where}", action), (Deed.MAKES, f"constraint {to} {where}", action)]
        case RenameTable(_, to) as action:
            return [(Deed.MAKES, f"table {to}", action)]
        case CreateFunction(function) as action:
            return [(Deed.MAKES, f"function {function.name.name}", action)]
        case DropRoutines(_, routines) as action:
            return [(Deed.DROPS, f"function {r.name.name}", action) for r in routines]
        case CreateTrigger(table, trigger) as action:
            return [(Deed.MAKES, f"trigger {trigger.name} on {table.name}", action)]
        case DropTrigger(table, name) as action:
            return [(Deed.DROPS, f"trigger {name} on {table.name}", action)]
        case CreatePolicy(table) as action:
            return [(Deed.MAKES, f"policy on {table.name}", action)]
        case DropPart("policy", table) as action:
            return [(Deed.DROPS, f"policy on {table.name}", action)]
        case CreateRule(table, rule) as action:
            return [(Deed.MAKES, f"rule {rule.name} on {table.name}", action)]
        case DropPart("rule", table, name) as action:
            return [(Deed.DROPS, f"rule {name} on {table.name}", action)]
        case CreateEnum(name) | CreateComposite(name) | CreateRange(name) | CreateDomain(name):
            return [(Deed.MAKES, f"type {name.name}", statement.action)]
        case RenameType(_, to) as action:
            return [(Deed.MAKES, f"type {to}", action)]
        case AlterEnum(name, old=None) as action:
            return [(Deed.WIDENS, f"type {name.name}", action)]
        case CreateSequence(name) as action:
            return [(Deed.MAKES, f"sequence {name.name}", action)]
        case DropSequence(sequences) as action:
            return [(Deed.DROPS, f"sequence {n.name}", action) for n in sequences]
        case AlterSequence(name, options) as action if options.type is not None:
            return [(Deed.WIDENS, f"sequence {name.name}", action)]
        case _:
            return []


def _table_deeds(table: Name, action: TableAction) -> Deeds:
    match action:
        case AddColumn(definition):
            return [(Deed.MAKES, f"column {definition.column.name} on {table.name}", action)]
        case AddConstraint(constraint):
            return [(Deed.MAKES, f"constraint on {table.name}", constraint)]
        case DropColumn(column):
            return [(Deed.DROPS, f"column {column} on {table.name}", action)]
        case DropConstraint(name):
            return [(Deed.DROPS, f"constraint {name} on {table.name}", action)]
        case OtherTableAction(kind="AttachPartition"):
            return [(Deed.ATTACHES, f"index {table.name}", action)]
        case OtherTableAction(kind=kind) if kind.startswith(("EnableTrig", "EnableAlwaysTrig")):
            return [(Deed.ENABLES, f"table {table.name}", action)]
        case _:
            return []


def _other_deeds(action: Other) -> Deeds:
    match action.says:
        case Vacuum(tables, analyze=True) if tables:
            return [(Deed.ANALYZES, f"table {t.table.name}", action) for t in tables]
        case Vacuum(analyze=True):
            return [(Deed.ANALYZES, "", action)]
        case Grants(grant=True, targets=targets) as grants:
            return [(Deed.GRANTS, f"{t.kind} {t.name.name}", grants) for t in targets]
        case Extension("create", name):
            return [(Deed.MAKES, f"extension {name}", action)]
        case NewSchema(name):
            return [(Deed.MAKES, f"schema {name}", action)]
        case Renamed(target, to):
            return [(Deed.MAKES, f"{target.kind} {to}", action)]
        case Dropped(targets):
            return [(Deed.DROPS, f"{t.kind} {t.name.name}", action) for t in targets]
        case _:
            return []
