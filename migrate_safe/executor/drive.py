"""The driver: hands each intent of a machine to the one who does it, and brings back what came of it."""

from __future__ import annotations

from collections.abc import Callable

from migrate_safe.executor.intents import (
    Check,
    Gauge,
    Inspect,
    Intent,
    LostConnection,
    ReadEvents,
    ReadProgress,
    Result,
    SurveyKeys,
    Sweep,
)
from migrate_safe.executor.machine import Machine
from migrate_safe.executor.state import PlanState

Perform = Callable[[Intent], Result]


READS = (Check, Gauge, Inspect, ReadEvents, ReadProgress, SurveyKeys, Sweep)
"""Intents that change nothing: asked again when the connection broke."""
READ_TRIES = 5


class Stopped(Exception):
    """The driver was told to stop after some intents, as if the process had died there."""


def drive(machine: Machine, perform: Perform, *, stop_after: int | None = None) -> PlanState:
    """Run a machine to its end and give the state it reached.

    Whatever `perform` raises is thrown into the machine, which may go on, or journal it and let it out.
    `stop_after` is for tests: after that many intents the machine is abandoned without a word.
    """
    count = 0
    try:
        intent = next(machine)
        while True:
            if stop_after is not None and count >= stop_after:
                raise Stopped(f"stopped after {count} intents")
            count += 1
            try:
                result = _performed(perform, intent)
            except (Exception, KeyboardInterrupt) as error:
                intent = machine.throw(error)
            else:
                intent = machine.send(result)
    except StopIteration as end:
        state = end.value
        assert isinstance(state, PlanState)
        return state
    finally:
        machine.close()


def _performed(perform: Perform, intent: Intent) -> Result:
    tries = READ_TRIES if isinstance(intent, READS) else 1
    for left in reversed(range(tries)):
        try:
            return perform(intent)
        except LostConnection:
            if not left:
                raise
    raise AssertionError("the last try returns or raises")
