"""The schema states that an app can meet: between the steps of a plan, or the statements of a plain migration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from msgspec import Struct

from migrate_safe.compat.samples import MOST_HINTS, literals_in
from migrate_safe.model.plan import Phase, Plan, Sql, Verify, Work
from migrate_safe.model.statement import (
    Direction,
    Dml,
    DmlKind,
    PsqlCommand,
    Script,
    Statement,
    Transaction,
    TransactionVerb,
    Unit,
    Wrapping,
)

BASELINE = "baseline"

_BODY = re.compile(r"\$(\w*)\$.*?\$\1\$", re.DOTALL)


class Placed(Struct, frozen=True):
    """A statement of a file and where it stands (`file:line`)."""

    sql: str
    place: str

    @property
    def file_and_line(self) -> tuple[str, int]:
        """The place in its parts."""
        file, _, line = self.place.rpartition(":")
        return file, int(line)


class State(Struct, frozen=True):
    """A state that clients can see, and what leads to it from the state before.

    `work` is set for a plan's step, `statements` for a plain migration; those of one `transaction` commit together.
    `changes` is false where the state is the one before under another name (a step that only verifies).
    """

    id: str
    phase: Phase | None = None
    after_step: str | None = None
    does: str = ""
    work: Work | None = None
    statements: tuple[Placed, ...] = ()
    transaction: bool = False
    changes: bool = True


class Timeline(Struct, frozen=True):
    """All states in order, first the baseline.

    Old versions may be running in the states up to `old_until` (an index, included), new ones from `new_from` on.
    `skipped` are statements of the file that are not run, with the reason.
    """

    states: tuple[State, ...]
    old_until: int
    new_from: int
    skipped: tuple[tuple[Placed, str], ...] = ()

    @property
    def literals(self) -> tuple[str, ...]:
        """The first literals of its statements, bodies of functions aside: new rules turn at such values."""
        texts = (_BODY.sub("", sql) for state in self.states for sql in _texts(state))
        return tuple(dict.fromkeys(literal for text in texts for literal in literals_in(text)))[:MOST_HINTS]


def plan_timeline(plan: Plan) -> Timeline:
    """Give the states of a plan: the old version runs until contract begins, the new one starts when migrate is done.

    That is the order of a release without a read flag: before backfill and verification are done, the new version
    would read NULL for every old row.
    """
    states = [State(BASELINE)]
    for step in plan.steps:
        changes = not isinstance(step.work, Verify) and step.work != Sql()
        states.append(State(step.id, step.phase, step.id, step.does, step.work, changes=changes))
    ready = plan.end_of(Phase.MIGRATE)
    return Timeline(tuple(states), old_until=ready, new_from=ready)


def script_timeline(script: Script) -> Timeline:
    """Give the states of a migration that is run as it stands, while the old version serves and before the new starts.

    Clients see what has been committed: a transaction is one state.
    """
    skipped: list[tuple[Placed, str]] = []
    states = [State(BASELINE)]
    for group in _groups(script):
        kept = []
        for statement in group.statements:
            reason = _why_not_run(statement)
            if reason is None:
                kept.append(_placed(statement))
            elif reason:
                skipped.append((_placed(statement), reason))
        if kept:
            states.append(_state(tuple(kept), group.transaction))
    last = len(states) - 1
    return Timeline(tuple(states), old_until=last, new_from=last, skipped=tuple(skipped))


class _Group(Struct, frozen=True):
    statements: tuple[Statement, ...]
    transaction: bool


def _groups(script: Script) -> Iterator[_Group]:
    """Cut the way forward into what commits together."""
    forward = (s for s in script.statements if s.direction is Direction.UP)
    for _, statements in groupby(forward, key=lambda s: s.unit):
        first, *rest = statements
        yield from _groups_in(script.unit_of(first), (first, *rest))


def _groups_in(unit: Unit, statements: Sequence[Statement]) -> Iterator[_Group]:
    block: list[Statement] | None = [] if unit.wrapping is Wrapping.FILE else None
    for statement in statements:
        control = statement.action if isinstance(statement.action, Transaction) else None
        renewed: list[Statement] | None = [] if unit.renews or (control is not None and control.chain) else None
        match control.verb if control is not None else None:
            case TransactionVerb.BEGIN:
                block = [] if block is None else block
            case TransactionVerb.COMMIT:
                if block:
                    yield _Group(tuple(block), transaction=True)
                block = renewed
            case TransactionVerb.ROLLBACK:
                block = renewed
            case _ if block is not None:
                block.append(statement)
            case None:
                yield _Group((statement,), transaction=False)
            case _:
                pass
    if block:
        yield _Group(tuple(block), transaction=True)


def _why_not_run(statement: Statement) -> str | None:
    """Say why a statement is not run here; None where it is, "" where it makes no difference."""
    match statement.action:
        case PsqlCommand(command=command):
            return f"the psql command \\{command} is not followed"
        case Dml(kind=DmlKind.COPY_FROM | DmlKind.COPY_TO):
            return "COPY is not run"
        case _:
            return None


def _texts(state: State) -> tuple[str, ...]:
    return state.work.statements if isinstance(state.work, Sql) else tuple(s.sql for s in state.statements)


def _state(statements: tuple[Placed, ...], transaction: bool) -> State:
    first, last = statements[0].place, statements[-1].place
    place = first if first == last else f"{first}-{last.rpartition(':')[2]}"
    words = " ".join(statements[0].sql.split())
    more = f" (and {len(statements) - 1} more in one transaction)" if len(statements) > 1 else ""
    return State(place, None, place, words + more, statements=statements, transaction=transaction)


def _placed(statement: Statement) -> Placed:
    return Placed(statement.text, f"{statement.span.file}:{statement.span.line}")
