"""A migration as single operations, each in the state that the plain migration would meet."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.diff import differences
from migrate_safe.catalog.evolve import apply
from migrate_safe.catalog.timeline import ENDS
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Phase
from migrate_safe.model.said import SetConstraints
from migrate_safe.model.schema import Constraint, Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import (
    Action,
    AddConstraint,
    AlterTable,
    AlterType,
    CreateIndex,
    Direction,
    DoBlock,
    DropConstraint,
    DropIndex,
    Other,
    PsqlCommand,
    Script,
    SetVariable,
    Statement,
    Transaction,
    TransactionVerb,
    Unparsed,
    ValidateConstraint,
)
from migrate_safe.model.values import replace
from migrate_safe.planner.cascades import spelled_out
from migrate_safe.planner.draft import CannotPlan
from migrate_safe.planner.order import in_order
from migrate_safe.planner.spoken import spoken_of, understood, ways_back
from migrate_safe.sql.parse import parse_script
from migrate_safe.sql.recompose import Resolve, Thing, one_action, qualified


class Operation(Struct, frozen=True):
    """One statement, ALTER TABLE reduced to one action. `text` has its names qualified.

    `before` and `after` are the states around it in the plain migration. `kept` is the reason that the migration
    gives why the old app cannot break it; `undo` how it is taken back by its own words, and `phase` when it runs.
    """

    statement: Statement
    action: Action
    text: str
    before: Schema
    after: Schema
    kept: str | None = None
    undo: tuple[str, ...] | None = None
    phase: Phase | None = None
    back: str | None = None
    """The expression for the old value of a column, as a directive gives it."""


class Refusal(Struct, frozen=True):
    """A statement that cannot be planned, why, and what a person can do."""

    statement: Statement
    reason: str
    advice: str


def operations(script: Script, schema: Schema) -> tuple[tuple[Operation, ...], tuple[Refusal, ...]]:
    """Take a migration apart; what its runner says of transactions and settings is left out."""
    told, path = spoken_of(script), schema.search_path
    inverses = ways_back(script)
    found: list[Operation] = []
    refused: list[Refusal] = []
    for index, statement in in_order(script.statements):
        if statement.direction is Direction.DOWN:
            continue
        try:
            said = understood(told.get(index, ()))
            for operation in _split(statement, schema, whole=said.by_hand):
                _refuse_elsewhere(operation, path)
                schema = operation.after
                back = _way_back(operation, inverses.get(index, {}))
                found.append(replace(operation, kept=said.kept, undo=said.undo, phase=said.phase, back=back))
        except CannotPlan as why:
            refused.append(Refusal(statement, why.reason, why.advice))
        except UsageError as why:
            refused.append(Refusal(statement, why.message, why.next_move))
    return _simplified(tuple(found)), (*refused, *_left_open(script))


def _way_back(operation: Operation, inverses: dict[str, str]) -> str | None:
    match operation.action:
        case AlterTable(actions=(AlterType(column=column),)):
            return inverses.get(column)
        case _:
            return None


def _left_open(script: Script) -> Iterator[Refusal]:
    """Refuse a transaction that the file opens and does not end: run as it stands, it changes nothing."""
    opened: Statement | None = None
    for statement in script.statements:
        match statement.action:
            case Transaction(verb=TransactionVerb.BEGIN) if opened is None:
                opened = statement
            case Transaction(verb=verb, chain=chain) if verb in ENDS:
                opened = statement if chain else None
    if opened is not None:
        yield Refusal(opened, "the transaction that it opens is never committed", "end it with COMMIT")


def _split(statement: Statement, schema: Schema, *, whole: bool) -> Iterator[Operation]:
    """Take a statement apart; one that is to stay `whole` has its undo given with it."""
    match statement.action:
        case Transaction() as control:
            _check_control(control)
        case PsqlCommand(command=command) if command.lstrip("\\") in _QUIET_COMMANDS:
            return
        case PsqlCommand(command=command):
            raise CannotPlan(f"psql command {command} is not SQL", "write out what it does")
        case Other(says=SetConstraints(deferred=False)) if not whole:
            return
        case Unparsed(reason=reason):
            raise CannotPlan(f"it cannot be read: {reason}", "correct it")
        case SetVariable() as setting:
            _check_setting(setting)
            yield Operation(statement, setting, "", schema, _applied(statement, schema))
        case AlterTable(actions=actions) as alter if len(actions) > 1 and not whole:
            for at, action in enumerate(actions):
                text = one_action(statement.text, at)
                single = replace(statement, text=text, action=replace(alter, actions=(action,)))
                after = _applied(single, schema)
                yield _operation(statement, single, schema, after)
                schema = after
        case _:
            singles = (statement,) if whole else spelled_out(statement, schema, _applied(statement, schema))
            for single in singles:
                after = _applied(single, schema)
                yield _operation(statement, single, schema, after)
                schema = after


def _refuse_elsewhere(operation: Operation, path: tuple[str, ...]) -> None:
    """Raise CannotPlan for what SET search_path makes mean otherwise than under the path that steps run with."""
    before = replace(operation.before, search_path=path)
    if operation.before.search_path == path or not operation.text:
        return
    try:
        here = apply(before, parse_script(Source("<plan>", operation.text)).statements[0])
    except CannotApply:
        here = before
    if isinstance(operation.action, DoBlock) or differences(operation.after, here):
        raise CannotPlan(
            "SET search_path does not hold in a plan, where it would speak of other objects",
            "write the schema before each name in it",
        )


def _operation(origin: Statement, single: Statement, before: Schema, after: Schema) -> Operation:
    return Operation(origin, single.action, qualified(single.text, resolver(before)), before, after)


def _applied(statement: Statement, schema: Schema) -> Schema:
    try:
        return apply(schema, statement)
    except CannotApply as refusal:
        raise CannotPlan(f"the server would refuse it: {refusal.reason}", "correct the migration") from refusal


_QUIET_COMMANDS = frozenset({"set", "echo", "timing", "pset", "qecho", "encoding"})
_HARMLESS_SETTINGS = frozenset(
    """
    search_path client_encoding client_min_messages standard_conforming_strings application_name check_function_bodies
    lock_timeout statement_timeout idle_in_transaction_session_timeout transaction_timeout deadlock_timeout
    maintenance_work_mem work_mem log_statement log_min_duration_statement
    """.split()
)


def _check_control(control: Transaction) -> None:
    if control.verb in (TransactionVerb.ROLLBACK, TransactionVerb.ROLLBACK_TO, TransactionVerb.PREPARE):
        raise CannotPlan("it takes back or keeps open a transaction", "leave only statements that are meant to last")


def _check_setting(setting: SetVariable) -> None:
    if setting.variable.lower() not in _HARMLESS_SETTINGS:
        raise CannotPlan(
            f'setting "{setting.variable}" may change what statements do', "set it for the role or database instead"
        )


def resolver(schema: Schema) -> Resolve:
    """Give the function that finds the schema of an unqualified name along the search path."""

    def resolve(thing: Thing, name: str) -> str | None:
        match thing:
            case Thing.RELATION:
                return schema.resolve(Name(None, name)).schema
            case Thing.TYPE:
                held: set[Name] = {*schema.enums, *schema.domains, *schema.tables}
            case Thing.FUNCTION:
                held = set(schema.functions)
        return next((s for s in schema.search_path if Name(s, name) in held), None)

    return resolve


# ---- what belongs together -------------------------------------------------------------------


def _simplified(found: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Merge VALIDATE into the constraint that it proves, and leave out what is added and dropped again.

    So a migration that was written in safe steps by hand gives the plan of its plain form.
    """
    kept: list[Operation] = []
    for operation in found:
        added = _partner(kept, operation)
        if added is None:
            kept.append(operation)
            continue
        at = kept.index(added)
        if _validates(operation):
            kept[at] = replace(added, action=_validated(added.action))
        elif _uses_index(operation):
            kept[at] = replace(operation, action=_unattached(operation), before=added.before)
        else:
            del kept[at]
    return tuple(kept)


def _partner(earlier: list[Operation], operation: Operation) -> Operation | None:
    return next((e for e in reversed(earlier) if _belongs(e, operation)), None)


def _belongs(earlier: Operation, later: Operation) -> bool:
    if earlier.undo is not None or later.undo is not None:
        return False
    match earlier.action, later.action:
        case (
            AlterTable(table=near, actions=(AddConstraint(constraint=added),)),
            AlterTable(table=table, actions=(ValidateConstraint(name=name) | DropConstraint(name=name),)),
        ):
            same = earlier.after.resolve(near) == later.before.resolve(table)
            return same and added.name == name
        case CreateIndex(index=index, table=table), DropIndex(indexes=(dropped,)):
            made = Name(earlier.before.resolve(table).schema, index.name or "")
            return later.before.resolve(dropped) == made and earlier.before != earlier.after
        case CreateIndex(index=index), AlterTable(actions=(AddConstraint(constraint=constraint),)):
            return constraint.using_index is not None and constraint.using_index == index.name
        case _:
            return False


def _validates(operation: Operation) -> bool:
    action = operation.action
    return isinstance(action, AlterTable) and isinstance(action.actions[0], ValidateConstraint)


def _uses_index(operation: Operation) -> bool:
    constraint = added_constraint(operation.action)
    return constraint is not None and constraint.using_index is not None


def _validated(action: Action) -> Action:
    constraint = added_constraint(action)
    assert isinstance(action, AlterTable)
    assert constraint is not None, "only the partner of a VALIDATE comes here"
    return replace(action, actions=(AddConstraint(replace(constraint, validated=True)),))


def _unattached(operation: Operation) -> Action:
    """Let a constraint make the index itself that the migration has made for it, over the columns of that index."""
    action = operation.action
    constraint = added_constraint(action)
    assert isinstance(action, AlterTable)
    assert constraint is not None, "only the partner of a CREATE INDEX comes here"
    made = operation.after.tables[operation.before.resolve(action.table)].constraint(constraint.name or "")
    assert made is not None, "the server would have refused it"
    return replace(action, actions=(AddConstraint(replace(constraint, using_index=None, columns=made.columns)),))


def added_constraint(action: Action) -> Constraint | None:
    """Give the constraint that an ALTER TABLE of one action adds, None for any other action."""
    match action:
        case AlterTable(actions=(AddConstraint(constraint=constraint),)):
            return constraint
        case _:
            return None
