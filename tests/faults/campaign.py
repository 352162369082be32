"""Random operations, random faults at random intents under load: what happens is chosen from a seed alone.

`make faults` runs many of them, see `tests/faults/__main__.py`.
"""

from __future__ import annotations

import random
from enum import StrEnum

from msgspec import Struct

from tests.faults.operations import AFTER, OPERATIONS, PURGE, Operation, Place


class Fault(StrEnum):
    """What goes wrong."""

    KILLED = "executor killed with -9"
    TERMINATED = "executor sent SIGTERM"
    INTERRUPTED = "executor sent SIGINT"
    BACKEND = "backend terminated"
    HEARTBEAT = "backend of the heartbeat terminated"
    CANCELLED = "statement cancelled"
    CUT = "connections cut"
    UNHEARD = "connections cut after the server has done what it was told, before it is heard"
    CRASHED = "server stopped in immediate mode and started"
    RESTARTED = "server restarted"
    HOST_LOST = "executor's host lost, the server not told, the lease run out"
    OVERTAKEN = "executor asleep until its lease ran out, awake after another has done its work"
    RIVAL = "a second executor"
    LOCKED = "a lock held beyond the budget"
    PAUSED = "a pause asked for"
    SLOW = "statements slower than the budget"
    DEPENDENT = "a view on the table, made meanwhile"
    REVOKED = "ownership revoked"
    DISK_FULL = "disk full"
    SEVERED = "connections cut, and none to be had until the executor has given up"
    DOWN = "server stopped in immediate mode, and started when the executor has given up"


SUDDEN = (Fault.KILLED, Fault.CUT, Fault.CRASHED, Fault.RESTARTED, Fault.HOST_LOST)
"""Faults that need not know where the executor is."""
CHOSEN = tuple(f for f in Fault if f not in (Fault.SEVERED, Fault.DOWN))
"""Faults that a seed may stand for; what outlasts the executor is in the table (see `tests/faults/ways_out.py`)."""
EARLY = 0.2
"""The share of them that comes while the executor starts."""

ON_WORK = 0.6
"""The share of strikes that fall on intents that change something."""


class Strike(Struct, frozen=True):
    """A fault before the intent at this share of the way; `delay_ms` after it has been let go on, if not 0.

    With `at` None it comes so long after the start of the process, before or after its first intent. `on_work` leaves
    out intents that only read or wait. With `step` it comes before the work of that step.
    """

    fault: Fault
    at: float | None
    delay_ms: int
    dice: int
    on_work: bool = False
    step: str = ""

    def __str__(self) -> str:
        """Say what comes when."""
        if self.step:
            return f"{self.fault} at {self.step}"
        after = f" + {self.delay_ms} ms" if self.delay_ms else ""
        return f"{self.fault} at {'the start' if self.at is None else f'{self.at:.2f}'}{after}"


class Move(Struct, frozen=True):
    """One command toward a place, struck or not; to the baseline also `abandon` leads, where the plan is still open."""

    toward: Place
    strike: Strike | None = None
    abandons: bool = False

    def __str__(self) -> str:
        """Say where it leads, and what comes between."""
        return f"to {self.toward}{' (abandoned)' * self.abandons}" + (f" ({self.strike})" if self.strike else "")


class Trial(Struct, frozen=True):
    """Where a plan stands at first, and the moves that follow; the last is not struck, and must reach its place."""

    seed: int
    operation: Operation
    ladder: tuple[Place, Place]
    start: Place
    moves: tuple[Move, ...]
    workers: int

    def __str__(self) -> str:
        """Say in one line what happens."""
        return ", ".join((f"seed {self.seed}: {self.operation} at {self.start}", *map(str, self.moves)))


def chosen(seed: int) -> Trial:
    """Choose what a seed stands for."""
    dice = random.Random(seed)
    operation = dice.choice(OPERATIONS)
    ladder = dice.choice(operation.ladders)
    start = ladder[0] if ladder == PURGE else dice.choice(ladder)
    struck = dice.choice((1, 1, 2))
    moves = []
    toward = ladder[1] if start == ladder[0] else ladder[0]
    for _ in range(struck):
        moves.append(Move(toward, _strike(dice), _abandons(dice, operation, toward)))
        toward = ladder[1] if ladder == PURGE else dice.choice(ladder)
    last = Move(toward, None, _abandons(dice, operation, toward))
    return Trial(seed, operation, ladder, start, (*moves, last), dice.choice((1, 1, 2)))


def _abandons(dice: random.Random, operation: Operation, toward: Place) -> bool:
    return toward is Place.BASELINE and AFTER in operation.ladders and dice.random() < 0.3


def _strike(dice: random.Random) -> Strike:
    fault = dice.choice(CHOSEN)
    if fault in SUDDEN and dice.random() < EARLY:
        return Strike(fault, None, dice.randrange(150), dice.randrange(1000))
    delay = dice.choice((0, 0, 1, 3, 8, 20))
    return Strike(fault, dice.random(), delay, dice.randrange(1000), dice.random() < ON_WORK)
