"""Talk to an executor at work from another process, and hand plans over to workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from migrate_safe.adapters import control
from migrate_safe.adapters.database import Database
from migrate_safe.adapters.journal_table import await_standbys, is_installed, open_plan
from migrate_safe.app.apply import Wish, apply, ruling, to_be_opened
from migrate_safe.app.executing import Outcome, Target, find_plan, journaled_plan, leased, opened, refuse_others
from migrate_safe.executor.intents import ReadOnly
from migrate_safe.executor.news import Tell, Waiting, silent
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.executor.throttle import TUNABLE
from migrate_safe.model.errors import Exit, MigrateSafeError, TryLater, UsageError
from migrate_safe.model.journal import Control
from migrate_safe.model.plan import Phase, Plan
from migrate_safe.planner.codec import to_yaml

Ended = Callable[[str, Outcome | MigrateSafeError], None]
LONGEST_SLEEP = 60.0
"""Seconds between two looks of a worker for a server that is out of reach, unless it looks more seldom anyway."""


def pause(source: str, target: Target, settings: Settings = DEFAULTS) -> Control:
    """Ask whoever works on a plan, now or later, to hold before the next batch or step; says who has asked."""
    with opened(target, settings) as db:
        plan = journaled_plan(db, source)
        if not control.read_control(db, plan.name).paused_by:
            control.pause(db, plan.name, control.whoami())
        return control.read_control(db, plan.name)


def resume(source: str, target: Target, settings: Settings = DEFAULTS) -> Control:
    """Take a pause back; gives what had been asked before."""
    with opened(target, settings) as db:
        plan = journaled_plan(db, source)
        before = control.read_control(db, plan.name)
        control.resume(db, plan.name)
        return before


def tune(
    source: str, target: Target, wanted: Mapping[str, int], settings: Settings = DEFAULTS, *, reset: bool = False
) -> Control:
    """Change settings of whoever works on a plan, from the next look on; `reset` takes back what was tuned before."""
    unknown = sorted(set(wanted) - set(TUNABLE))
    if unknown:
        raise UsageError(f'"{unknown[0]}" cannot be tuned', next_move=f"tune {', '.join(TUNABLE)}")
    with opened(target, settings) as db:
        plan = journaled_plan(db, source)
        before = {} if reset else control.read_control(db, plan.name).tuned
        control.tune(db, plan.name, {**before, **wanted})
        return control.read_control(db, plan.name)


def submit(source: Path | str | Plan, target: Target, wish: Wish, settings: Settings = DEFAULTS) -> tuple[str, Control]:
    """Register a plan in the journal for a worker to run through a phase; runs nothing itself.

    Gives the plan's name, and what is asked for it now. Refuses what apply would refuse before its first step.
    """
    given = find_plan(source)
    with opened(target, settings) as db:
        ruling(db, given, wish)
        with leased(db, target, settings) as performer:
            plan, state = ruling(db, given, wish)
            refuse_others(db, plan)
            if to_be_opened(db, plan, state):
                open_plan(db, performer.lease.token, plan, to_yaml(plan))
            control.submit(db, plan.name, wish.through.value, control.whoami(), wish.accept_drift)
            await_standbys(db)
            return plan.name, control.read_control(db, plan.name)


def work(
    target: Target,
    settings: Settings = DEFAULTS,
    *,
    once: bool = False,
    every: float = 5.0,
    tell: Tell = silent,
    ended: Ended = lambda _, __: None,
) -> Exit:
    """Run what was submitted, first come first, for ever; `once` stops after one round.

    A plan that has to wait (exit 75) is tried again at the next round; one that fails or is refused is taken off the
    list and waits for a person. `ended` is told what came of each. Gives the exit code of the round: that of the last
    failure, else TRY_LATER where something waits. While the server is out of reach, or takes no writes, it is asked
    again, at ever longer intervals; with `once` that is an error.
    """
    missed = 0
    while True:
        try:
            code = _round(target, settings, tell, ended)
            if once:
                return code
            missed = 0
        except (TryLater, ReadOnly) as away:
            if once:
                raise
            missed += 1
            tell(Waiting(away.message))
        time.sleep(min(every * 2 ** min(missed, 16), max(every, LONGEST_SLEEP)))


def _round(target: Target, settings: Settings, tell: Tell, ended: Ended) -> Exit:
    """Run what is on the list now; raises TryLater when the list itself cannot be read or written."""
    with opened(target, settings) as db:
        plans = _wanted(db)
    code = Exit.OK
    for name, asked in plans:
        try:
            if asked.paused_by:
                raise TryLater(f"paused by {asked.paused_by}", next_move=f"migrate-safe resume {name}")
            wish = Wish(Phase(asked.wanted), asked.accepted, submitted=asked.wanted_at)
            came = apply(name, target, wish, settings, tell=tell)
        except (TryLater, ReadOnly) as later:
            ended(name, later)
            code = code or Exit.TRY_LATER
        except MigrateSafeError as error:
            ended(name, error)
            code = error.code
            with opened(target, settings) as db:
                control.withdraw(db, name, asked.wanted_at)
        else:
            ended(name, came)
    return code


def _wanted(db: Database) -> list[tuple[str, Control]]:
    if not is_installed(db):
        return []
    return [(name, control.read_control(db, name)) for name in control.read_wanted(db)]
