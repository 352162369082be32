"""Runs one trial of a campaign on a real server under load, and holds all that must be true afterwards to it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import jsonschema
import psycopg
from psycopg.conninfo import make_conninfo

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.app.executing import Target
from migrate_safe.app.status import status
from migrate_safe.catalog.diff import diff
from migrate_safe.model.plan import Sql
from migrate_safe.model.status import PlanStatus, StatusReport
from migrate_safe.report.status import status_json, status_schema_path, status_text
from tests.faults.campaign import Fault, Move, Strike, Trial
from tests.faults.grounds import BATCH, BUDGET, HELPERS, Grounds, as_deployer
from tests.faults.load import Load
from tests.faults.operations import AFTER, BEFORE, Place
from tests.faults.paced import Process
from tests.faults.strikes import EXITS, Scene, strike
from tests.faults.wire import Wire
from tests.support.processes import eventually

LEFT = """
SELECT 'invalid index ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid
UNION ALL SELECT 'lease of ' || holder FROM migrate_safe.lease WHERE holder IS NOT NULL
UNION ALL SELECT 'session of ' || application_name || ': ' || query FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'deployer'
"""
PACE = ("--batch-rows", str(BATCH), "--stall-budget", str(BUDGET))
WORK = ("Transact", "Build", "Drop", "Fill", "Record")
OUTLASTING = (Fault.LOCKED, Fault.SEVERED, Fault.DOWN)
IMPATIENT = ("--give-up-after", "0.4")


class Skipped(Exception):
    """What a trial needs is not to be had on this machine."""


def run(grounds: Grounds, trial: Trial) -> list[str]:
    """Run a trial; gives what each fault met, for the count. Raises AssertionError, or Skipped."""
    needs_disk = any(m.strike and m.strike.fault is Fault.DISK_FULL for m in trial.moves)
    if needs_disk and grounds.disk is None:
        raise Skipped("no small disk can be mounted here")
    template = grounds.stage(grounds.reference(trial.operation), trial.start).template
    with grounds.copy_of(template, small=needs_disk) as dsn:
        return Run(grounds, trial, dsn).live()


class Run:
    """One trial on its way."""

    def __init__(self, grounds: Grounds, trial: Trial, dsn: str) -> None:
        self.grounds, self.trial, self.dsn = grounds, trial, dsn
        self.reference = grounds.reference(trial.operation)
        self.name = self.reference.plan.name
        self.load = Load(trial.operation, make_conninfo(dsn, user="app"), trial.seed)
        self.place = trial.start
        self.met: list[str] = []
        self.exit = 0

    def live(self) -> list[str]:
        """Go all the way."""
        with ExitStack() as stack:
            self._enter(stack)
            self._begin()
            for move in self.trial.moves:
                if move.strike is None:
                    self._arrive(move)
                else:
                    self._struck(move, move.strike)
                self._no_errors()
            self._wake(checked=True)
            self._settle()
        self._hold_to_reference()
        return self.met

    def _enter(self, stack: ExitStack) -> None:
        """Let clients work, and make ready what faults may reach."""
        self.wire = Wire(as_deployer(self.dsn))
        stack.callback(self.wire.close)
        self.scene = Scene(
            self.grounds.server, self.dsn, self.wire, self.load, self.grounds.disk, lambda: Process(*self.command)
        )
        stack.callback(self._wake, checked=False)
        stack.enter_context(self.load.running())

    # ---- moves -------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Let those versions work that may live on the way, at first both where they coexist."""
        if self.trial.ladder == AFTER and self.trial.start is Place.MIGRATE:
            self.load.use("old", "new")
            self.load.work_on()
        self.load.use("old" if self.trial.ladder == BEFORE else "new")
        self.load.work_on(2)

    def _command(self, move: Move) -> tuple[str, ...]:
        where = ("--dsn", self.wire.dsn, *PACE)
        workers = ("--workers", str(self.trial.workers))
        match move.toward:
            case Place.BASELINE if move.abandons:
                return ("abandon", self.name, *where)
            case Place.BASELINE:
                return ("rollback", self.name, "--to", "baseline", *where)
            case Place.MIGRATE if self.trial.ladder == AFTER and self.place is not Place.BASELINE:
                return ("rollback", self.name, *where)
            case Place.PURGED:
                return ("purge", self.name, "--now", "--confirm", self.name, *where)
            case _:
                return ("apply", self.reference.file, "--through", move.toward.value, *where, *workers)

    def _arrive(self, move: Move) -> None:
        """Send a command that nothing happens to; it must reach its place."""
        self.command = self._command(move)
        if self.command[0] in ("rollback", "abandon") and not self._status().plans:
            return  # nothing was journaled yet: there is nothing to take back, and rollback says so
        code, words = Process(*self.command).end()
        assert code == 0, f"{self.command[:4]} ended with {code}: {words}"
        self.place = move.toward

    def _struck(self, move: Move, hit: Strike) -> None:
        self.command = self._command(move)
        impatient = IMPATIENT if hit.fault in OUTLASTING else ()
        process = Process(*self.command, *impatient, hold_at=hit.step or self._intent(move, hit))
        if process.held is None:
            code, words = process.end()
            assert code in (0, 2) and (code == 0 or "was never applied" in words), (code, words)
            self.met.append(f"{hit.fault.name}: none")
            return
        strike(self.scene, process, process.held, hit)
        if hit.fault is Fault.OVERTAKEN and process.alive:
            self.scene.expire()
            self.met.append(f"{hit.fault.name}: {process.held.intent}")
            return
        code, words = process.end()
        self.exit = code
        self.met.append(f"{hit.fault.name}: {process.held.intent}, exit {code}")
        assert code in EXITS[hit.fault], f"{hit.fault} at {process.held.intent}: exit {code}: {words}"
        assert code <= 0 or "next:" in words, words
        self._status_is_true(hit.fault, ended_well=code == 0)
        if hit.fault is Fault.HOST_LOST:
            self._lease_outlives_host()
        if code == 0:
            self.place = move.toward

    def _intent(self, move: Move, hit: Strike) -> int:
        """Give the number of the intent to hold at, 0 for none; each kind of work is as likely as the others."""
        if hit.at is None:
            return 0
        kinds = self.grounds.intents(self.reference, self._other(move.toward), move.toward)
        work = sorted(set(kinds) & set(WORK))
        if not hit.on_work or not work:
            return 1 + int(hit.at * len(kinds))
        chosen = work[int(hit.at * len(work))]
        numbers = [n for n, kind in enumerate(kinds, 1) if kind == chosen]
        return numbers[hit.dice % len(numbers)]

    def _other(self, toward: Place) -> Place:
        low, high = self.trial.ladder
        return low if toward == high else high

    def _lease_outlives_host(self) -> None:
        if self._status().lease is None:
            return  # given back before the host was lost
        code, words = Process(*self.command).end()
        assert code == 75 and "lease held by" in words, (code, words)
        self.scene.expire()

    def _wake(self, *, checked: bool) -> None:
        """Wake the executors that slept while their work was done: they must change nothing any more."""
        for process in self.scene.asleep:
            process.send(signal.SIGCONT)
            process.go()
            if checked:
                code, words = process.end()
                assert code in EXITS[Fault.OVERTAKEN], f"awake again: exit {code}: {words}"
            else:
                process.send(signal.SIGKILL)
        self.scene.asleep.clear()

    # ---- what must be true -------------------------------------------------------------------

    def _status_is_true(self, fault: Fault, *, ended_well: bool) -> None:
        if fault is not Fault.HOST_LOST:
            assert eventually(lambda: self._status().lease is None), status_text(self._status())
        report = self._status()
        text = status_text(report)
        jsonschema.validate(json.loads(status_json(report)), _schema())
        if not report.plans:
            assert not ended_well
            return
        (plan,) = report.plans
        assert "next:" in text, text
        words = {s.state for s in plan.steps}
        assert not words & {"running", "undoing"} or report.lease is not None, text
        if not ended_well and report.lease is None:
            done = plan.closed and plan.failure is None  # cut off behind its last entry
            assert done or any(word in plan.next_move for word in ("apply", "rollback", "purge", "again")), text
        if not words & {"interrupted", "failed"} and report.lease is None:
            self._schema_is(plan, text)

    def _status(self) -> StatusReport:
        return status(Target(as_deployer(self.dsn)))

    def _schema_is(self, plan: PlanStatus, text: str) -> None:
        with psycopg.connect(self.dsn) as c:
            now = read_schema(c)
        self.grounds.stage(self.reference, self.trial.ladder[1])  # so that the steps up to there are known
        wanted = [self.reference.schemas[at] for at in self._alike(plan.position)]
        wanted += [found for at, found in self.reference.back.items() if at == plan.position]
        told = [diff(schema, now) for schema in wanted]
        assert () in told, f"status says {text}\nbut: {told[0]}"

    def _alike(self, position: int) -> Iterator[int]:
        """Give the positions whose schema may be found at one: steps that need no undo leave theirs on the way back."""
        yield position
        for step in self.reference.plan.steps[position:]:
            if step.undo != Sql():
                return
            position += 1
            if position in self.reference.schemas:
                yield position

    def _no_errors(self) -> None:
        assert not self.load.errors, self.load.errors[:5]

    def _settle(self) -> None:
        """Let the versions that may live here work, then stop."""
        self.last = self.trial.moves[-1].toward
        self.live_now = {Place.BASELINE: ("old",), Place.MIGRATE: ("old", "new")}.get(self.last, ("new",))
        self.load.use(*self.live_now)
        self.load.work_on()
        self._no_errors()

    def _hold_to_reference(self) -> None:
        self._no_errors()
        assert not (wrong := self.load.differences(*self.live_now)), wrong
        helpers = tuple(row[0] for row in self.scene.ask(HELPERS))
        report = self._status()
        if not report.plans:
            assert self.last is Place.BASELINE or not self.reference.position(self.last)
            return
        assert eventually(lambda: not self.scene.ask(LEFT)), self.scene.ask(LEFT)
        wanted = self.grounds.stage(self.reference, self.last)
        assert helpers == wanted.helpers, "helpers are left, or missing"
        assert self.grounds.tools.dump_schema(self.dsn).text == wanted.dump, f"not as {self.last} should be"
        assert report.plans[0].position == self.reference.position(self.last), status_text(report)


@cache
def _schema() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(status_schema_path().read_text())
    return value
