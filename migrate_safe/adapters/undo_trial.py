"""Try the way back of every step of a plan on a scratch database."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch_run import JOURNAL_SCHEMA, Connection, RowsInTheWay, run_work
from migrate_safe.adapters.seed import empty_tables
from migrate_safe.catalog.diff import differences
from migrate_safe.compat.checked import PlanFault
from migrate_safe.model.errors import UsageError
from migrate_safe.model.plan import Phase, Plan, Sql, Step, Work
from migrate_safe.model.schema import Schema
from migrate_safe.model.values import replace

_NOTHING: Work = Sql()

MOST_SHOWN = 5
"""Differences that are named for one step."""


def try_undos(dsn: str, plan: Plan, file: str) -> tuple[PlanFault, ...]:
    """Do each step of a plan, go back, hold the schema to the one that was there, and go forward again.

    The database is the one before the migration and is used up. Rows that are in the way are taken out: what they may
    hinder is asked by what the step requires. `file` is the plan's, for errors.

    Raises UsageError with the step and the server's message for a step that cannot be done.
    """
    with connect(dsn, prepare_threshold=None) as connection:
        connection.execute(JOURNAL_SCHEMA)
        return tuple(_Trial(connection, plan, [read_schema(connection)]).faults(file))


class _Trial(Struct, frozen=True):
    """A database on its way through a plan; `schemas` are those of the positions reached, `said` what was told."""

    connection: Connection
    plan: Plan
    schemas: list[Schema]
    said: set[str] = field(default_factory=set)

    def faults(self, file: str) -> Iterator[PlanFault]:
        """Try every step; ends where one cannot be done a second time."""
        for position, step in enumerate(self.plan.steps, 1):
            self._run(step.work, f'{file}: step "{step.id}"')
            self.schemas.append(read_schema(self.connection))
            if step.undo is None or (step.undo == _NOTHING and not differences(*self.schemas[-2:])):
                continue
            below, fault = self._back(position)
            stuck = self._forward(below, position)
            if stuck:
                fault = fault or PlanFault(step.id, stuck, _CORRECT)
                yield replace(fault, reason=f"{fault.reason}; so no undo of a later step was tried")
                return
            if fault is not None:
                yield fault

    def _back(self, position: int) -> tuple[int, PlanFault | None]:
        """Go back by one undo that does something, in contract to its beginning; give where that led.

        An undo that is empty leaves what the step did until the one before is undone, as a constraint stays validated.
        A step before that works on the way back alone, as one that proves a constraint then, belongs to that undo.
        What contract retired comes back over several undos; it is all there where a rollback ends, before contract.
        """
        coexist = self.plan.end_of(Phase.MIGRATE)
        in_contract = position > coexist
        below, undo = position, _NOTHING
        while below > (coexist if in_contract else 0) and (in_contract or undo == _NOTHING or self._waits(below)):
            step = self.plan.steps[below - 1]
            if step.undo is None:
                return below, None
            undo = step.undo
            try:
                self._run(undo)
            except UsageError as error:
                return below, self._new(step, "its undo fails", (error.message,))
            below -= 1 + len(step.takes_back)
        lines = differences(self.schemas[below], read_schema(self.connection))
        where = f'after step "{self.plan.steps[below - 1].id}"' if below else "before the plan"
        return below, self._new(self.plan.steps[position - 1], f"going back, the schema is not that {where}", lines)

    def _waits(self, position: int) -> bool:
        """Say whether the step there has work on the way back alone."""
        step = self.plan.steps[position - 1]
        return step.work == _NOTHING and step.undo is not None and step.undo != _NOTHING

    def _forward(self, below: int, position: int) -> str:
        """Do steps again, as after a rollback, and say what is in the way, or ""."""
        for step in self.plan.steps[below:position]:
            try:
                self._run(step.work)
            except UsageError as error:
                return f'after its undo, step "{step.id}" cannot be done again: {error.message}'
        lines = differences(self.schemas[position], read_schema(self.connection))
        return f"undone and done again, it leaves another schema than at first: {_listed(lines)}" if lines else ""

    def _run(self, work: Work, place: str = "") -> None:
        try:
            run_work(self.connection, work, place)
        except RowsInTheWay as refusal:
            empty_tables(self.connection, refusal.tables)
            run_work(self.connection, work, place)

    def _new(self, step: Step, what: str, lines: tuple[str, ...]) -> PlanFault | None:
        """Give a fault unless all of it was told of an earlier step."""
        fault = None if self.said.issuperset(lines) else PlanFault(step.id, f"{what}: {_listed(lines)}", _CORRECT)
        self.said.update(lines)
        return fault


_CORRECT = "correct `undo:` of the step, so that it takes back all that the step does"


def _listed(lines: tuple[str, ...]) -> str:
    more = f" and {len(lines) - MOST_SHOWN} more" if len(lines) > MOST_SHOWN else ""
    return "; ".join(lines[:MOST_SHOWN]) + more
