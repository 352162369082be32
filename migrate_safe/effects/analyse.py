"""The fold over a file: every statement in its place, with its transaction, its session and what is new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from migrate_safe.catalog.change import type_name
from migrate_safe.catalog.evolve import session_ended
from migrate_safe.catalog.evolve.routines import runs_of
from migrate_safe.catalog.evolve.sessions import settings_in, transaction_ended
from migrate_safe.catalog.timeline import ENDS, Timeline
from migrate_safe.effects.births import born_after, moves
from migrate_safe.effects.combine import Scene, strongest
from migrate_safe.effects.doubts import Rows
from migrate_safe.effects.effect import outcome_in
from migrate_safe.effects.pending_events import Pending, pending_after
from migrate_safe.effects.session_names import names_after, names_kept
from migrate_safe.effects.settings import Settings, after
from migrate_safe.effects.turns import Seat, Turns
from migrate_safe.model.effect import Analysed, Effect, Session, SessionNames, TransactionRule
from migrate_safe.model.locks import Lock
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    AlterEnum,
    CreateEnum,
    Direction,
    LockTable,
    Script,
    SetVariable,
    Statement,
    Transaction,
    TransactionVerb,
    Unit,
)
from migrate_safe.model.values import replace

_NEW_ENUMS_ARE_FREE = 17
_NO_NAMES = SessionNames()
_COMMIT = Transaction(TransactionVerb.COMMIT)
_ROLLBACK = Transaction(TransactionVerb.ROLLBACK)
_OF_SAVEPOINTS = (TransactionVerb.SAVEPOINT, TransactionVerb.RELEASE, TransactionVerb.ROLLBACK_TO)


class _Owner(Struct, frozen=True):
    """Whose a transaction is: `file` where a BEGIN of the file opened it; `ended` where the file ended one before."""

    file: bool = False
    ended: bool = False

    def after(self, control: Transaction, unit: Unit, *, inside: bool) -> _Owner:
        """Take a transaction control statement; `inside` says that a transaction was open when it ran."""
        if control.verb in ENDS:
            return _Owner(file=control.chain, ended=True)
        if control.verb is TransactionVerb.BEGIN:
            return replace(self, file=self.file or not inside or unit.implicit or self.ended)
        return self


class _State(Struct, frozen=True):
    """What a transaction can take back."""

    schema: Schema
    settings: Settings
    held: tuple[Lock, ...] = ()
    born: frozenset[Name] = field(default_factory=frozenset)
    fresh: frozenset[tuple[Name, str]] = field(default_factory=frozenset)
    names: SessionNames = _NO_NAMES
    pending: Pending = frozenset()
    deferred: frozenset[str] | None = frozenset()
    stored: frozenset[tuple[Name, int]] = frozenset()
    """The relations that got their storage in this transaction, and under how many savepoints."""

    @property
    def session(self) -> Session:
        """The session with all that it has."""
        return replace(self.settings.now, names=self.names) if self.names != _NO_NAMES else self.settings.now


def analyse(
    script: Script,
    schema: Schema,
    *,
    session: Session | None = None,
    unreleased: frozenset[Name] = frozenset(),
    inside: bool | None = None,
) -> tuple[Analysed, ...]:
    """Analyse the UP statements of a file, in order.

    `schema` is the state before the file; `session` what the runner sets before it. `unreleased` are relations
    that files before this one create but no database has yet: they count as born here. `inside` says that the session
    is in a transaction already, or in none, where that is not what the first statement's unit says.
    """
    return tuple(each_analysed(script, schema, session=session, unreleased=unreleased, inside=inside))


def each_analysed(
    script: Script,
    schema: Schema,
    *,
    session: Session | None = None,
    unreleased: frozenset[Name] = frozenset(),
    inside: bool | None = None,
    turns: Turns | None = None,
) -> Iterator[Analysed]:
    """Analyse as `analyse` does, one by one: whoever keeps none of them needs no memory for their schemas.

    `turns` tells statements of several sessions apart.
    """
    given, default_path = session or Session(), schema.search_path
    if turns is not None:
        default_path = turns.default_of(default_path)
    if given.search_path is not None:
        schema = replace(schema, search_path=given.search_path)
    names = given.names if inside is None else replace(given.names, whole=False)
    line = Timeline(_State(schema, Settings(given, given, default_path), born=unreleased, names=names))
    line = line.begun() if inside else line
    owner, last = _Owner(), -1
    for statement in script.statements:
        if statement.direction is Direction.DOWN:
            continue
        unit, first = script.unit_of(statement), statement.unit != last
        if first and last >= 0:
            line = _controlled(line, _COMMIT) if line.in_transaction else line
            line = line.at(replace(line.now, names=replace(line.now.names, whole=False)))  # maybe of another session
            owner = _Owner()
        line, last = line.entering(unit, first=first and (last >= 0 or inside is None)), statement.unit
        if turns is not None and turns.comes(statement):
            line, owner = _turned(line, turns, statement), _Owner()
        analysed, line = _step(line, statement)
        wrapped = analysed.in_transaction and not owner.file
        yield replace(analysed, wrapped=wrapped, implicit=wrapped and (unit.implicit or owner.ended))
        if isinstance(statement.action, Transaction):
            owner = owner.after(statement.action, unit, inside=analysed.in_transaction)


def _turned(line: Timeline[_State], turns: Turns, statement: Statement) -> Timeline[_State]:
    """Let another session go on: the one before is between two transactions, or left one open and is gone."""
    line = _controlled(line, _ROLLBACK) if line.in_transaction else line
    state = line.now
    seat = turns.seated(statement, Seat(state.schema, state.settings, state.names))
    return line.at(replace(state, schema=seat.schema, settings=seat.settings, names=seat.names))


def schema_after(analysed: Iterable[Analysed], before: Schema) -> Schema:
    """Give the schema that a file leaves behind, once its session has ended."""
    last = before
    for item in analysed:
        last = item.after
    return session_ended(last, before.search_path)


def _step(line: Timeline[_State], statement: Statement) -> tuple[Analysed, Timeline[_State]]:
    state = line.now
    control = statement.action if isinstance(statement.action, Transaction) else None
    stored = frozenset(n for n, level in state.stored if level == len(line.savepoints))
    scene = Scene(state.schema, state.session, line.in_transaction, state.fresh, state.pending, state.deferred, stored)
    if control is not None:
        effect, moved = _effect_of_control(line, control), _controlled(line, control)
    else:
        effect, schema = outcome_in(scene, statement)
        if isinstance(statement.action, LockTable) and not line.in_transaction:
            effect = replace(effect, fails=effect.fails or "LOCK TABLE needs a transaction, and none is open")
        later = _after(line, statement, effect, schema)
        if line.in_transaction and effect.fails is None:
            pending, deferred = pending_after(scene, statement)
            stored_now = _stored(line, later.schema, statement, effect)
            later = replace(later, pending=pending, deferred=deferred, stored=stored_now)
        moved = line.at(later)
    analysed = Analysed(
        statement=statement,
        before=state.schema,
        after=moved.now.schema,
        effect=effect,
        in_transaction=line.in_transaction,
        held=state.held,
        born=state.born,
        session=scene.session,
    )
    return analysed, moved


def _controlled(line: Timeline[_State], control: Transaction) -> Timeline[_State]:
    """Take a transaction control statement: at the end of a transaction its locks and local settings are gone."""
    moved = line.step(control)
    names = names_kept(line.now.names, moved.now.names, control.verb)
    if control.verb not in ENDS:
        level = len(moved.savepoints)
        stored = frozenset((n, min(held, level)) for n, held in moved.now.stored)
        if names is moved.now.names and stored == moved.now.stored:
            return moved
        return moved.at(replace(moved.now, names=names, stored=stored))
    settings = moved.now.settings.committed()
    schema = _along(transaction_ended(moved.now.schema), settings)
    state = _State(schema, settings, born=moved.now.born, names=names)
    return moved.ended(state, control)


def _along(schema: Schema, settings: Settings) -> Schema:
    """Give the schema as the session searches it."""
    path = settings.now.search_path if settings.now.search_path is not None else settings.default_path
    return schema if path == schema.search_path else replace(schema, search_path=path)


def _effect_of_control(line: Timeline[_State], control: Transaction) -> Effect:
    """Give the effect of a statement about transactions: a server has to be set up for PREPARE TRANSACTION."""
    prepares = control.verb is TransactionVerb.PREPARE and line.in_transaction
    doubt = (
        Rows.LACKED.effect("room for", "prepared transactions (max_prepared_transactions)") if prepares else Effect()
    )
    return replace(doubt, fails=_no_transaction(line, control))


def _no_transaction(line: Timeline[_State], control: Transaction) -> str | None:
    """Say why the server refuses a statement about savepoints, or AND CHAIN, or None."""
    if control.chain and not line.in_transaction:
        return f"{control.verb} AND CHAIN needs a transaction, and none is open"
    if control.verb not in _OF_SAVEPOINTS:
        return None
    if not line.in_transaction:
        return f"{control.verb} needs a transaction, and none is open"
    known = control.verb is TransactionVerb.SAVEPOINT or line.has_savepoint(control.name) or not line.now.names.whole
    return None if known else f"savepoint {control.name!r} does not exist"


def _after(line: Timeline[_State], statement: Statement, effect: Effect, schema: Schema) -> _State:
    """Give the state after any other statement; one that the server refuses changes nothing."""
    state = line.now
    if effect.fails is not None:
        return state
    settings = state.settings
    for change in settings_in(state.schema, statement):
        settings = after(settings, change, in_transaction=line.in_transaction)
    if isinstance(statement.action, SetVariable):
        schema = state.schema
    if effect.unknown is not None:
        schema = replace(schema, complete=False)  # it may have made anything
    schema = _along(schema if line.in_transaction else transaction_ended(schema), settings)
    held = _held(line, statement, effect)
    return replace(
        state,
        schema=schema,
        settings=settings,
        held=held,
        born=born_after(state.schema, schema, state.born, statement),
        fresh=state.fresh | _fresh(state, statement) if line.in_transaction else state.fresh,
        names=_names(line, statement, effect),
    )


def _names(line: Timeline[_State], statement: Statement, effect: Effect) -> SessionNames:
    """Give what the session has by name after a statement; a function may open a cursor."""
    before = line.now.names
    if effect.unknown is not None or runs_of(line.now.schema, statement.action):
        return replace(before, whole=False) if before.whole else before
    return names_after(before, statement, line.now.schema, in_transaction=line.in_transaction)


def _held(line: Timeline[_State], statement: Statement, effect: Effect) -> tuple[Lock, ...]:
    """Give the locks held after a statement, under the names that relations then have."""
    if not line.in_transaction or effect.transaction is TransactionRule.FORBIDDEN:
        return line.now.held
    held = strongest((*line.now.held, *effect.locks))
    moved = moves(line.now.schema, statement)
    return tuple(replace(lock, relation=moved.get(lock.relation, lock.relation)) for lock in held) if moved else held


def _stored(line: Timeline[_State], after: Schema, statement: Statement, effect: Effect) -> frozenset[tuple[Name, int]]:
    """Give the tables that have storage of this transaction: made by it, or written anew."""
    before, level = line.now, len(line.savepoints)
    moved = moves(before.schema, statement)
    old = {moved.get(n, n) for n in before.schema.tables}
    sure = effect.unknown is None and not effect.depends
    new = [moved.get(n, n) for n in effect.rewrites] if sure else []
    new += [n for n in after.tables if n not in old] if before.schema.tables is not after.tables else []
    kept = {(moved.get(n, n), held) for n, held in before.stored}
    return frozenset(pair for pair in (*kept, *((n, level) for n in new)) if pair[0] in after.tables)


def _fresh(state: _State, statement: Statement) -> frozenset[tuple[Name, str]]:
    """Give the enum values that may not be used before COMMIT; those of a new enum may, since PostgreSQL 17."""
    match statement.action:
        case AlterEnum(name=name, value=value, old=None):
            full = type_name(state.schema, name)
            made_here = (full, "") in state.fresh and state.schema.server_version >= _NEW_ENUMS_ARE_FREE
            known = value in state.schema.enums.get(full, ())
            return frozenset() if made_here or known else frozenset({(full, value)})
        case CreateEnum(name=name):
            return frozenset({(type_name(state.schema, name), "")})
        case _:
            return frozenset()
