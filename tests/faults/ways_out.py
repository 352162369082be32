"""A table of ways out: each step of contract is struck by each fault, on its way there and on its way back.

After each strike `status` must say where the plan stopped, why, and what to do; and both `apply` and `rollback` must
lead out, with what both app versions wrote there. The plan has steps of all kinds that contract knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from msgspec import Struct

from migrate_safe.model.plan import Phase, Plan, Sql
from migrate_safe.model.status import PlanStatus
from migrate_safe.model.values import replace
from migrate_safe.report.status import status_text
from tests.faults.campaign import Fault, Move, Strike, Trial
from tests.faults.grounds import Grounds
from tests.faults.operations import AFTER, ORGS, TEXT, USERS, Column, Operation, Place, users
from tests.faults.trial import Run, Skipped

NICK = Column("w", "nick", "'n' || {}", "substr({}, 2)::int")
OLD = replace(USERS, columns=(TEXT, NICK, Column("o", "junk")))
NEW = replace(USERS, columns=(replace(TEXT, name="email_address"), NICK))
EVERY_KIND = Operation(
    "every-kind",
    users("email text NOT NULL, nick text, junk int", "", OLD) + ORGS,
    """
    ALTER TABLE users RENAME email TO email_address; ALTER TABLE users DROP COLUMN junk;
    ALTER TABLE users ADD UNIQUE (nick); ALTER TABLE users ALTER nick SET NOT NULL;
    ALTER TABLE orders ADD CONSTRAINT orders_org_fk FOREIGN KEY (org) REFERENCES orgs;
    """,
    OLD,
    NEW,
    (AFTER,),
)
FAULTS = (
    Fault.LOCKED,
    Fault.SLOW,
    Fault.DEPENDENT,
    Fault.REVOKED,
    Fault.CUT,
    Fault.SEVERED,
    Fault.BACKEND,
    Fault.CANCELLED,
    Fault.DOWN,
    Fault.CRASHED,
    Fault.KILLED,
    Fault.DISK_FULL,
)
TOLD = (Fault.LOCKED, Fault.SLOW, Fault.DEPENDENT, Fault.REVOKED)
"""Faults after which the executor can still write down why it gave up."""


class Cell(Struct, frozen=True):
    """A fault, the step that it strikes, the way on which it does, and the way that leads out."""

    fault: Fault
    step: str
    toward: Place
    out: Place

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.fault} at {self.step} on the way to {self.toward}, then to {self.out}"


def cells(plan: Plan, fault: Fault) -> Iterator[Cell]:
    """Give the cells of a fault: each step of contract that does something, on both ways, with both ways out."""
    steps = plan.steps[plan.end_of(Phase.MIGRATE) : plan.end_of(Phase.CONTRACT)]
    beside = {other for step in steps for other in step.takes_back}
    for step in steps:
        for toward, work in ((Place.CONTRACT, step.work), (Place.MIGRATE, step.undo)):
            if work != Sql() and not (toward is Place.MIGRATE and step.id in beside):
                yield Cell(fault, step.id, toward, Place.CONTRACT)
                yield Cell(fault, step.id, toward, Place.MIGRATE)


def walk(grounds: Grounds, wanted: Iterable[Cell]) -> None:
    """Live through cells, one after the other, on one database. Raises AssertionError, or Skipped."""
    chosen = tuple(wanted)
    small = any(c.fault is Fault.DISK_FULL for c in chosen)
    if small and grounds.disk is None:
        raise Skipped("no small disk can be mounted here")
    template = grounds.stage(grounds.reference(EVERY_KIND), Place.MIGRATE).template
    grounds.intents(grounds.reference(EVERY_KIND), Place.CONTRACT, Place.MIGRATE)  # so that the way back is known
    with grounds.copy_of(template, small=small) as dsn:
        Walk(grounds, Trial(0, EVERY_KIND, AFTER, Place.MIGRATE, (), 1), dsn).through(chosen)


class Walk(Run):
    """One database on which cell after cell is lived through, under load."""

    def through(self, chosen: Iterable[Cell]) -> None:
        """Live through cells; at the end all is as if nothing had ever happened."""
        with ExitStack() as stack:
            self._enter(stack)
            self.load.use("old", "new")
            for cell in chosen:
                try:
                    self._live(cell)
                except AssertionError as wrong:
                    raise AssertionError(f"{cell}: {wrong}") from wrong
            self._go(Place.MIGRATE)
            self.last, self.live_now = Place.MIGRATE, ("old", "new")
        self._hold_to_reference()

    def _live(self, cell: Cell) -> None:
        self._go(self._other(cell.toward))
        self.load.use("new")
        self._struck(Move(cell.toward), Strike(cell.fault, None, 0, 0, step=cell.step))
        assert not self.met[-1].endswith("none"), "was not struck"
        self._stop_is_told(cell, self.exit)
        self._arrive(Move(cell.out))
        self._is_well()

    def _go(self, place: Place) -> None:
        if self.place is not place:
            self.load.use("new")
            self._arrive(Move(place))
            self._is_well()

    def _is_well(self) -> None:
        """Hold schema and data to what they must be at a place, and let those versions work that may live there."""
        self.load.use()
        (plan,) = self._status().plans
        assert plan.position == self.reference.position(self.place) and plan.failure is None
        self._schema_is(plan, plan.name)
        live = ("old", "new") if self.place is Place.MIGRATE else ("new",)
        assert not (wrong := self.load.differences(*live)), wrong
        self.load.use(*live)
        self.load.work_on(2)
        self._no_errors()

    def _stop_is_told(self, cell: Cell, code: int) -> None:
        """Hold what `status` says of a stop to where it was: at the step, or where the fault let it come to."""
        (plan,) = self._status().plans
        ids = [s.id for s in plan.steps]
        if code == 0:
            assert plan.position == self.reference.position(cell.toward), status_text(self._status())
            return
        forward = cell.toward is Place.CONTRACT
        stopped = plan.steps[plan.position - (not forward)]
        far = ids.index(stopped.id) - ids.index(cell.step)
        assert far >= 0 if forward else far <= 0, status_text(self._status())
        self._why_is_told(plan, stopped.id, cell)

    def _why_is_told(self, plan: PlanStatus, stopped: str, cell: Cell) -> None:
        words = f"{plan.failure}; next: {plan.next_move}"
        if cell.fault in TOLD:
            assert plan.failure is not None and plan.failure.startswith(stopped), words
        assert f"apply {self.name} --through contract" in plan.next_move, words
        if plan.position > self.reference.position(Place.MIGRATE) or plan.failure is not None:
            assert f"rollback {self.name}" in plan.next_move, words
