"""Random operations, random faults at random intents under load: what happens is chosen from a seed alone.

`make faults` runs many of them, see `tests/faults/__main__.py`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.operations import OPERATIONS, PURGE, Operation, Place


class Fault(StrEnum):
    """What goes wrong."""

    KILLED = "executor killed with -9"
    TERMINATED = "executor sent SIGTERM"
    INTERRUPTED = "executor sent SIGINT"
    BACKEND = "backend terminated"
    HEARTBEAT = "backend of the heartbeat terminated"
    CANCELLED = "statement cancelled"
    CUT = "connections cut"
    CRASHED = "server stopped in immediate mode and started"
    RESTARTED = "server restarted"
    HOST_LOST = "executor's host lost, the server not told, the lease run out"
    OVERTAKEN = "executor asleep until its lease ran out, awake after another has done its work"
    RIVAL = "a second executor"
    LOCKED = "a lock held beyond the budget"
    SLOW = "statements slower than the budget"
    DEPENDENT = "a view on the table, made meanwhile"
    REVOKED = "ownership revoked"
    DISK_FULL = "disk full"


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault before the intent at this share of the way; `delay_ms` after it has been let go on, if not 0."""

    fault: Fault
    at: float
    delay_ms: int
    dice: int


@dataclass(frozen=True, slots=True)
class Move:
    """One command toward a place, struck or not."""

    toward: Place
    strike: Strike | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """Where a plan stands at first, and the moves that follow; the last is not struck, and must reach its place."""

    seed: int
    operation: Operation
    ladder: tuple[Place, Place]
    start: Place
    moves: tuple[Move, ...]
    workers: int

    def __str__(self) -> str:
        """Say in one line what happens."""
        told = [f"seed {self.seed}: {self.operation} at {self.start}"]
        for move in self.moves:
            hit = move.strike
            told.append(f"to {move.toward}" + (f" ({hit.fault} at {hit.at:.2f}+{hit.delay_ms} ms)" if hit else ""))
        return ", ".join(told)


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
        delay = dice.choice((0, 0, 1, 3, 8, 20))
        moves.append(Move(toward, Strike(dice.choice(tuple(Fault)), dice.random(), delay, dice.randrange(1000))))
        toward = ladder[1] if ladder == PURGE else dice.choice(ladder)
    return Trial(seed, operation, ladder, start, (*moves, Move(toward)), dice.choice((1, 1, 2)))
