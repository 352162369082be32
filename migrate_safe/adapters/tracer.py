"""Send the statements of a script to a scratch database one after the other and watch each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
from msgspec import Struct, field
from psycopg.pq import TransactionStatus

from migrate_safe.adapters.beyond import beyond_in
from migrate_safe.adapters.captured import Captured, run_again, shown
from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.observer import Observer
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.runnable import Values
from migrate_safe.adapters.wire import Sent
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.effects.analyse import each_analysed
from migrate_safe.effects.compare import disagreements, refused_for_rows
from migrate_safe.effects.turns import Turns
from migrate_safe.model.effect import Analysed, Effect, Observed
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    Action,
    AddConstraint,
    AlterTable,
    CreateTable,
    CreateView,
    Direction,
    Dml,
    DmlKind,
    DoBlock,
    LockTable,
    Other,
    PsqlCommand,
    RefreshView,
    Script,
    SetVariable,
    Statement,
    Transaction,
    TransactionVerb,
    Unit,
    ValidateConstraint,
    Wrapping,
)
from migrate_safe.model.trace import Traced
from migrate_safe.model.values import replace
from migrate_safe.sql.pieces import takes_data

Connection = psycopg.Connection[Any]
_PLANNED = (DmlKind.SELECT, DmlKind.INSERT, DmlKind.UPDATE, DmlKind.DELETE, DmlKind.MERGE, DmlKind.COPY_TO)
"""Data statements: whether they read a table in full is for the server's planner to decide."""

_SET = "VariableSetStmt"
"""SET TRANSACTION and SET SESSION CHARACTERISTICS."""
_SAVED = '"~migrate_safe_trace"'
_TIMEOUTS = (
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "deadlock_timeout",
)
_PATIENT = "-c lock_timeout=0 -c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c idle_session_timeout=0"
"""What sessions begin with here, whatever the command asked for."""
_END_A_FAILED_ONE = (
    TransactionVerb.COMMIT,
    TransactionVerb.ROLLBACK,
    TransactionVerb.ROLLBACK_TO,
    TransactionVerb.PREPARE,
)


def trace_script(dsn: str, found: Captured, schema: Schema, *, contained: bool = False) -> tuple[Traced, ...]:
    """Run a script and give for each statement of its way forward what was predicted and what was seen.

    `contained` leaves out what reaches beyond the database.

    `schema` is the state before. A file stops behind the first statement that the server refuses. What a command has
    sent goes on behind it, as the command did; of a transaction that failed here nothing more runs, but is predicted.
    """
    with _Sessions(dsn, contained) as sessions:
        return tuple(_traced(sessions, found, schema))


def enter_unit(worker: Connection, script: Script, statement: Statement, last: int) -> int:
    """Do what the runner does before a statement, and give the number of its unit; `last` is that before it."""
    unit, first = script.unit_of(statement), statement.unit != last
    if first and last >= 0 and worker.info.transaction_status is not TransactionStatus.IDLE:
        worker.execute("COMMIT")
    opens = unit.wrapping is Wrapping.FILE and (first or unit.renews)
    if opens and worker.info.transaction_status is TransactionStatus.IDLE:
        worker.execute("BEGIN")
    return statement.unit


def _traced(sessions: _Sessions, found: Captured, schema: Schema) -> Iterator[Traced]:
    senders = dict(zip((s.span.start for s in found.script.statements), found.messages, strict=True))
    last = {sent.session: start for start, sent in senders.items() if sent is not None}
    entered = -1
    rest = deque(s for s in found.script.statements if s.direction is not Direction.DOWN)
    turns = Turns(partial(_sender, senders), schema.search_path)
    ahead, astray = each_analysed(found.script, schema, turns=turns), False
    while rest:
        one = next(ahead)
        rest.popleft()
        sent = senders[one.statement.span.start]
        worker = sessions.of(sent)
        entered = enter_unit(worker, found.script, one.statement, entered)
        traced = _beside_the_command(_one(sessions, one, sent), sent)
        yield traced
        refused = traced.observed is not None and traced.observed.effect.fails
        if refused and sent is None:
            return
        astray |= (bool(refused) and not one.effect.fails) or _went_its_way(one)
        if astray and worker.info.transaction_status in (TransactionStatus.IDLE, TransactionStatus.INTRANS):
            ahead, astray = _foreseen_anew(found, one, rest, worker, turns), False
        if sent is not None and last[sent.session] == one.statement.span.start:
            sessions.close(sent)
    if entered >= 0 and any(unit.wrapping is Wrapping.FILE for unit in _units(found.script)):
        sessions.of(None).execute("COMMIT")


def _units(script: Script) -> tuple[Unit, ...]:
    return script.units or (Unit(script.wrapping),)


def _went_its_way(one: Analysed) -> bool:
    """Say whether only the server knows what came of a statement: it chose among those of a block, or is unknown."""
    action = one.statement.action
    return (isinstance(action, DoBlock) and action.conditional) or one.effect.unknown is not None


def _sender(senders: Mapping[int, Sent | None], statement: Statement) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Give the number of the session that sent a statement, and what it began with; a file is one session."""
    sent = senders[statement.span.start]
    return (sent.session, sent.startup.settings) if sent is not None else (1, ())


def _foreseen_anew(
    found: Captured, one: Analysed, rest: deque[Statement], worker: Connection, turns: Turns
) -> Iterator[Analysed]:
    """Predict what comes after `one` from what the server has, once that is something else than was predicted.

    What a transaction that is open holds already is not known to the new prediction.
    """
    schema, inside = read_schema(worker), worker.info.transaction_status is TransactionStatus.INTRANS
    script = replace(found.script, statements=tuple(rest))
    same = bool(rest) and rest[0].unit == one.statement.unit
    born = frozenset(name for name in one.born if relation_exists(schema, name))
    known = inside if same else None
    return each_analysed(script, schema, session=one.session, unreleased=born, inside=known, turns=turns)


def _beside_the_command(traced: Traced, sent: Sent | None) -> Traced:
    """Say where the statement fared otherwise when the command sent it."""
    refused = traced.observed.sqlstate if traced.observed is not None and traced.observed.effect.fails else None
    if sent is None or traced.note or sent.sqlstate == refused:
        return traced
    said = f"failed for the command: {sent.error} ({sent.sqlstate})" if sent.error else "did not fail for the command"
    return replace(traced, note=f"it {said}")


def _one(sessions: _Sessions, one: Analysed, sent: Sent | None) -> Traced:
    worker = sessions.of(sent)
    number = sessions.transaction(worker)
    parameters = sessions.shown(sent) if sent is not None else ()
    beyond = beyond_in(one.before, one.statement) if sessions.contained else ""
    note = beyond or _left_out(one.statement, sent) or _skipped(worker, one.statement)
    if note:
        return Traced(one, None, number, note=note)
    run = partial(run_again, worker, one.statement, sent)
    if _cuts_off(one.statement.action):
        return Traced(one, None, number)
    if _steers(one.statement.action):
        refusal = _steered(run)
        return Traced(one, refusal, number, _differences(one, refusal) if refusal is not None else ())
    with _saved_from(worker, one.statement, sent):
        seen = sessions.observer(sent).watch(run, wrap=not _needs_a_block(one.statement.action))
    return Traced(one, seen, number, _differences(one, seen), parameters=parameters)


def _cuts_off(action: Action) -> bool:
    """Say whether a statement would end what watches here, which takes longer than the migration itself."""
    return isinstance(action, SetVariable) and action.variable.lower() in _TIMEOUTS


def _steers(action: Action) -> bool:
    """Say whether a statement only steers the session; what is asked of the server around it could get in its way."""
    return isinstance(action, Transaction | SetVariable) or (isinstance(action, Other) and action.kind == _SET)


@contextmanager
def _saved_from(worker: Connection, statement: Statement, sent: Sent | None) -> Iterator[None]:
    """Keep a transaction going when data that the command could write cannot be written here.

    Values that the server made for the command, and that it read and sent again, are others here.
    """
    inside = worker.info.transaction_status is TransactionStatus.INTRANS
    if sent is None or sent.error is not None or not inside or not isinstance(statement.action, Dml):
        yield
        return
    worker.execute(f"SAVEPOINT {_SAVED}")
    yield
    if worker.info.transaction_status is TransactionStatus.INERROR:
        worker.execute(f"ROLLBACK TO {_SAVED}")
    if worker.info.transaction_status is TransactionStatus.INTRANS:
        worker.execute(f"RELEASE {_SAVED}")


def _needs_a_block(action: Action) -> bool:
    """Say whether a statement is refused outside of a transaction, so that one made to watch it would change that."""
    return isinstance(action, LockTable) or (isinstance(action, Other) and action.kind == "DeclareCursorStmt")


def _differences(one: Analysed, seen: Observed) -> tuple[str, ...]:
    """Compare with the prediction, which says nothing of the values that data statements and COMMIT meet."""
    if isinstance(one.statement.action, Dml | Transaction) and refused_for_rows(seen):
        return ()
    unforeseen = "scans" if _is_planned(one, one.statement.action, seen) else ""
    return disagreements(one.effect, seen, unforeseen=unforeseen)


def _is_planned(one: Analysed, action: Action, seen: Observed) -> bool:
    """Say whether how it reads tables is up to the planner: a query, or the check of a foreign key of no rows."""
    match action:
        case Dml(kind=kind):
            return kind in _PLANNED
        case CreateTable(as_query=True) | CreateView() | RefreshView() | Other(kind="FetchStmt" | "ExecuteStmt"):
            return True
        case DoBlock(inner=inner) | Other(inner=inner):
            return any(_is_planned(one, statement.action, seen) for statement in inner)
        case AlterTable(table=table, actions=actions) if one.before.resolve(table) in seen.empty:
            added = [a.constraint for a in actions if isinstance(a, AddConstraint)]
            return any(c.references for c in added) or any(isinstance(a, ValidateConstraint) for a in actions)
        case _:
            return False


def _left_out(statement: Statement, sent: Sent | None) -> str:
    match statement.action:
        case PsqlCommand(command=command):
            return f"not run: the psql command \\{command}"
        case Dml(kind=DmlKind.COPY_FROM) if takes_data(statement.text) and (sent is None or not sent.copied):
            return "not run: the data of COPY"
        case _:
            return ""


def _skipped(worker: Connection, statement: Statement) -> str:
    """Say why nothing but the end of a transaction runs once a statement of it has failed."""
    ends = isinstance(statement.action, Transaction) and statement.action.verb in _END_A_FAILED_ONE
    failed = worker.info.transaction_status is TransactionStatus.INERROR
    return "not run: its transaction had failed" if failed and not ends else ""


def _steered(run: partial[None]) -> Observed | None:
    """Run what only steers the session; a refusal counts, also one of a deferred constraint at COMMIT."""
    try:
        run()
    except psycopg.Error as error:
        return Observed(Effect(fails=error.diag.message_primary or str(error)), sqlstate=error.sqlstate)
    return None


class _Sessions(Struct):
    """One connection for each session that the command had, each with its observer; and the count of transactions.

    `contained` says that what reaches beyond the database is left out.
    """

    dsn: str
    contained: bool
    _stack: ExitStack = field(default_factory=ExitStack)
    _open: dict[int, Observer] = field(default_factory=dict)
    _last: int = 0
    _values: Values | None = None

    def __enter__(self) -> _Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, sent: Sent | None) -> Connection:
        """Give the connection of the session that a message came from; a file is one session."""
        return self.observer(sent).worker

    def observer(self, sent: Sent | None) -> Observer:
        """Give the observer of the session that a message came from."""
        number = sent.session if sent is not None else 1
        if number not in self._open:
            options = {"options": f"{sent.startup.options} {_PATIENT}"} if sent is not None else {}
            connection = connect(self.dsn, prepare_threshold=None, encoding=None, **options)
            self._stack.callback(connection.close)
            self._open[number] = Observer(connection, self.dsn)
        return self._open[number]

    def shown(self, sent: Sent) -> tuple[str, ...]:
        """Write the parameters of a message for people."""
        if any(parameter.binary for parameter in sent.parameters) and self._values is None:
            self._values = Values(self._stack.enter_context(connect(self.dsn)))
        read = self._values.readable if self._values is not None else lambda parameter: parameter
        return tuple(shown(read(parameter)) for parameter in sent.parameters)

    def close(self, sent: Sent) -> None:
        """End a session that sent nothing any more: what it left open would stand in the way of the others for ever."""
        worker = self._open.pop(sent.session).worker
        with suppress(psycopg.OperationalError):  # it may have ended itself
            worker.rollback()
            worker.execute("DISCARD ALL")  # the server ends a session some time after its client is gone
        worker.close()

    def transaction(self, worker: Connection) -> int:
        """Give the number of the transaction that the next statement belongs to: a new one unless one is open."""
        self._last += worker.info.transaction_status is TransactionStatus.IDLE
        return self._last
