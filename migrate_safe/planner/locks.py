"""Work out which locks each step takes, in both directions, from the effects of its statements."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from migrate_safe.catalog.evolve import fold
from migrate_safe.effects.analyse import analyse
from migrate_safe.model.locks import Lock
from migrate_safe.model.names import Name
from migrate_safe.model.plan import BuildIndex, DropIndexConcurrently, Sql, Step, Work
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Script, Wrapping
from migrate_safe.model.values import replace
from migrate_safe.planner.draft import CannotPlan
from migrate_safe.sql.parse import parse_script


class WouldFail(CannotPlan):
    """The step number `at` would be refused by the server in its place."""

    def __init__(self, at: int, step: str, reason: str) -> None:
        super().__init__(
            f"in the order of a plan, in which what the old app uses goes last, {step} would be refused: {reason}",
            "put it into a migration of its own, and run that when this plan is at its end",
        )
        self.at = at


class Course(Struct, frozen=True):
    """The states that steps lead through: `ahead` before the first step and after each, `back` before each undo.

    `again` is the state when everything is taken back that can be.
    """

    ahead: tuple[Schema, ...]
    back: tuple[Schema, ...]
    again: Schema


def course_of(steps: Sequence[Step], schema: Schema) -> Course:
    """Work out what steps lead through that start at `schema` and follow each other.

    The undo of a step runs when everything after it was taken back. Steps that another one takes back with it are
    undone alone only right after they ran.
    """
    ahead = [schema]
    for step in steps:
        ahead.append(state_after(step.work, ahead[-1]))
    back = ahead[1:]
    reached = sum(1 for s in steps if s.undo is not None)
    state = ahead[reached]
    while reached > 0:
        step = steps[reached - 1]
        assert step.undo is not None, "only purge, which comes last, has no undo"
        back[reached - 1] = state
        state = state_after(step.undo, state)
        reached -= 1 + len(step.takes_back)
    return Course(tuple(ahead), tuple(back), state)


def with_locks(steps: Sequence[Step], course: Course) -> tuple[Step, ...]:
    """Fill in the locks of steps.

    Raises WouldFail when the server would certainly refuse a step in its place.
    """
    return tuple(
        replace(
            step,
            work=_locked(step.work, course.ahead[at], at, step.id),
            undo=None if step.undo is None else _locked(step.undo, course.back[at], at, f"the undo of {step.id}"),
        )
        for at, step in enumerate(steps)
    )


def state_after(work: Work, schema: Schema) -> Schema:
    """Give the schema after a piece of work; backfills and verifications leave it as it is."""
    return fold(schema, script_of(work))


def script_of(work: Work) -> Script:
    """Give the statements of a piece of work as a script."""
    match work:
        case Sql(statements=statements):
            text = ";\n".join(statements)
        case BuildIndex(statement=statement):
            return parse_script(Source("<plan>", statement), wrapping=Wrapping.STATEMENT)
        case DropIndexConcurrently(index=index):
            return parse_script(Source("<plan>", f"DROP INDEX CONCURRENTLY {index}"), wrapping=Wrapping.STATEMENT)
        case _:
            text = ""
    return parse_script(Source("<plan>", text), wrapping=Wrapping.FILE)


def _locked(work: Work, schema: Schema, at: int, place: str) -> Work:
    analysed = analyse(script_of(work), schema)
    for item in analysed:
        if item.effect.fails is not None:
            raise WouldFail(at, place, item.effect.fails)
    if not isinstance(work, Sql):
        return work
    strongest: dict[Name, Lock] = {}
    for item in analysed:
        for lock in item.effect.locks:
            held = strongest.get(lock.relation)
            if held is None or held.mode < lock.mode:
                strongest[lock.relation] = lock
    order = list(strongest)
    kept = [x for x in strongest.values() if _is_shared(x.relation, schema)]
    return replace(work, locks=tuple(sorted(kept, key=lambda x: (-x.mode, order.index(x.relation)))))


def _is_shared(relation: Name, schema: Schema) -> bool:
    """Say whether clients can hold a lock on a relation before the step: nextval() keeps one on its sequence."""
    return relation in schema.tables or relation in schema.views or relation in schema.sequences
