"""Runs one trial of a campaign on a real server under load, and holds all that must be true afterwards to it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.scratch import ScratchServer, scratch_server
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.catalog.diff import diff
from migrate_safe.executor.news import Journaled, News
from migrate_safe.executor.settings import Settings
from migrate_safe.model.journal import EventKind
from migrate_safe.model.plan import Phase, Plan, PlanSource
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.status import PlanStatus
from migrate_safe.planner.build import build_plan
from migrate_safe.planner.codec import to_yaml
from migrate_safe.report.status import status_json, status_text
from migrate_safe.sql.parse import parse_script
from tests.faults.campaign import Fault, Move, Strike, Trial
from tests.faults.load import Load
from tests.faults.operations import AFTER, BEFORE, Ladder, Operation, Place
from tests.faults.paced import Process, watched
from tests.faults.strikes import EXITS, Scene, strike
from tests.faults.wire import Wire
from tests.support.pg import PgTools
from tests.support.processes import eventually

ROLES = """
CREATE ROLE owner; CREATE ROLE app LOGIN; CREATE ROLE deployer LOGIN IN ROLE owner;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO app;
"""
OURS = """
GRANT CREATE ON DATABASE {name} TO owner; GRANT CREATE ON SCHEMA public TO deployer, owner;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT ALL ON TABLES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT ALL ON SEQUENCES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT USAGE ON SCHEMAS TO app;
SET ROLE owner;
"""
LEFT = """
SELECT 'invalid index ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid
UNION ALL SELECT 'lease of ' || holder FROM migrate_safe.lease WHERE holder IS NOT NULL
UNION ALL SELECT 'session of ' || application_name || ': ' || query FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'deployer'
UNION ALL SELECT 'lock by ' || pid FROM pg_locks JOIN pg_class c ON c.oid = relation AND c.relnamespace = 'public'::regnamespace
    WHERE pid <> pg_backend_pid()
"""
HELPERS = """
SELECT proname::text FROM pg_proc WHERE pronamespace = 'migrate_safe'::regnamespace
UNION ALL SELECT tgrelid::regclass || '.' || tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1
"""
BATCH = 60
PACE = ("--batch-rows", str(BATCH))
IMPATIENT = ("--give-up-after", "0.4")
DISK = "40m"


class Skipped(Exception):
    """What a trial needs is not to be had on this machine."""


@dataclass
class Reference:
    """What an operation does when nothing goes wrong.

    `schemas` after each number of steps, `dumps` and `helpers` at each place, `intents` of each way.
    """

    template: str
    plan: Plan
    file: str
    schemas: dict[int, Schema] = field(default_factory=dict)
    dumps: dict[Place, str] = field(default_factory=dict)
    helpers: dict[Place, list[str]] = field(default_factory=dict)
    intents: dict[tuple[Place, Place], int] = field(default_factory=dict)

    def position(self, place: Place) -> int:
        """Give how many steps are done at a place."""
        match place:
            case Place.BASELINE:
                return 0
            case Place.PURGED:
                return len(self.plan.steps)
            case _:
                return self.plan.end_of(Phase(place.value))


class Grounds:
    """A server for many trials."""

    def __enter__(self) -> Grounds:
        """Start the server, with a small disk of its own where this machine lets one be mounted."""
        with ExitStack() as stack:
            self.server = stack.enter_context(scratch_server("embedded"))
            self.tools = PgTools.of(self.server)
            self.tools.psql(self.server.home, ROLES)
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="campaign-")))
            self.disk = stack.enter_context(small_disk())
            if self.disk is not None:
                (self.disk / "space").mkdir()
                self.tools.psql(self.server.home, f"CREATE TABLESPACE small LOCATION '{self.disk}/space'")
            self.references: dict[str, Reference] = {}
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, trial: Trial) -> list[str]:
        """Run a trial; gives what each fault met, for the count. Raises AssertionError, or Skipped."""
        needs_disk = any(m.strike and m.strike.fault is Fault.DISK_FULL for m in trial.moves)
        if needs_disk and self.disk is None:
            raise Skipped("no small disk can be mounted here")
        reference = self.reference(trial.operation)
        dsn = self.copy_of(reference.template, small=needs_disk)
        try:
            return Run(self, trial, reference, dsn).live()
        finally:
            self.server.drop_database(dsn)

    def copy_of(self, template: str, *, small: bool = False) -> str:
        """Copy a database, onto the small disk where asked."""
        dsn = self.server.create_database(template=template)
        name = conninfo_to_dict(dsn)["dbname"]
        with psycopg.connect(self.server.home, autocommit=True) as c:
            c.execute(f"GRANT CREATE ON DATABASE {name} TO deployer")
            if small:
                c.execute(f"ALTER DATABASE {name} SET TABLESPACE small")
        return dsn

    # ---- what is right -----------------------------------------------------------------------

    def reference(self, operation: Operation) -> Reference:
        """Give the reference of an operation, made once."""
        if operation.name not in self.references:
            self.references[operation.name] = self._reference(operation)
        return self.references[operation.name]

    def _reference(self, operation: Operation) -> Reference:
        template = f"of_{operation.name}".replace("-", "_")
        dsn = self.server.create_database(template)
        self.tools.psql(dsn, OURS.format(name=template) + operation.before)
        with psycopg.connect(dsn, autocommit=True) as c:
            schema = read_schema(c)
        script = parse_script(Source(f"{operation.name}.sql", operation.migration))
        plan = build_plan(script, schema, name=operation.name, source=PlanSource("m.sql", "0" * 64))
        file = self.folder / f"{operation.name}.yaml"
        file.write_text(to_yaml(plan))
        made = Reference(template, plan, str(file))
        copy = self.copy_of(template)
        with psycopg.connect(copy, autocommit=True) as c:
            self._walk(made, c, copy, operation)
        self.server.drop_database(copy)
        return made

    def _walk(self, made: Reference, c: psycopg.Connection[Any], dsn: str, operation: Operation) -> None:
        target, settings, name = Target(as_deployer(dsn)), Settings(batch_rows=BATCH), made.plan.name

        def tell(news: News) -> None:
            if isinstance(news, Journaled) and news.entry.kind is EventKind.DONE:
                done = 1 + next(i for i, step in enumerate(made.plan.steps) if step.id == news.entry.step)
                if done not in made.schemas:
                    made.schemas[done] = read_schema(c)

        def walk(start: Place, to: Place) -> None:
            count = [0]

            def counted(number: int, *_: object) -> None:
                count[0] = number

            with watched(counted):
                match to:
                    case Place.BASELINE:
                        rollback(name, target, "baseline", settings)
                    case Place.MIGRATE if start is Place.CONTRACT:
                        rollback(name, target, None, settings)
                    case Place.PURGED:
                        purge(name, target, settings, now=True, confirm=name, tell=tell)
                    case _:
                        apply(made.plan, target, Wish(Phase(to.value)), settings, tell=tell)
            made.intents[start, to] = count[0]
            self._look(made, c, dsn, to)

        made.schemas[0] = read_schema(c)
        made.dumps[Place.BASELINE] = self.tools.dump_schema(dsn).text
        walk(*BEFORE)
        if BEFORE in operation.ladders:
            walk(*BEFORE[::-1])
            walk(*BEFORE)
        if AFTER in operation.ladders:
            walk(*AFTER)
            walk(*AFTER[::-1])
            walk(*AFTER)
            walk(Place.CONTRACT, Place.PURGED)

    def _look(self, made: Reference, c: psycopg.Connection[Any], dsn: str, place: Place) -> None:
        dump, helpers = self.tools.dump_schema(dsn).text, [row[0] for row in c.execute(HELPERS)]
        assert made.dumps.setdefault(place, dump) == dump, f"{made.plan.name}: {place} differs the second time"
        assert made.helpers.setdefault(place, helpers) == helpers


class Run:
    """One trial on its way."""

    def __init__(self, grounds: Grounds, trial: Trial, reference: Reference, dsn: str) -> None:
        self.grounds, self.trial, self.reference, self.dsn = grounds, trial, reference, dsn
        self.name = reference.plan.name
        self.load = Load(trial.operation, make_conninfo(dsn, user="app"), trial.seed)
        self.place = Place.BASELINE
        self.met: list[str] = []

    def live(self) -> list[str]:
        """Go all the way."""
        with ExitStack() as stack:
            self.wire = Wire(as_deployer(self.dsn))
            stack.callback(self.wire.close)
            self.scene = Scene(
                self.grounds.server, self.dsn, self.wire, self.load, self.grounds.disk, lambda: Process(*self.command)
            )
            stack.callback(self._wake, checked=False)
            stack.enter_context(self.load.running())
            self._begin()
            for move in self.trial.moves:
                if move.strike is None:
                    self._arrive(move.toward)
                else:
                    self._struck(move, move.strike)
                self._no_errors()
            self._wake(checked=True)
            self._settle()
        self._hold_to_reference()
        return self.met

    # ---- moves -------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.load.use("old")
        if self.trial.ladder != BEFORE or self.trial.start is Place.MIGRATE:
            self._arrive(Place.MIGRATE)
        if self.trial.ladder == BEFORE:
            return
        self.load.use("old", "new")
        self.load.work_on()
        self.load.use("new")
        if self.trial.start is Place.CONTRACT:
            self._arrive(Place.CONTRACT)
        self.load.work_on(2)

    def _command(self, toward: Place) -> tuple[str, ...]:
        where = ("--dsn", self.wire.dsn, *PACE)
        workers = ("--workers", str(self.trial.workers))
        match toward:
            case Place.BASELINE:
                return ("rollback", self.name, "--to", "baseline", *where)
            case Place.MIGRATE if self.trial.ladder == AFTER and self.place is not Place.BASELINE:
                return ("rollback", self.name, *where)
            case Place.PURGED:
                return ("purge", self.name, "--now", "--confirm", self.name, *where)
            case _:
                return ("apply", self.reference.file, "--through", toward.value, *where, *workers)

    def _arrive(self, toward: Place) -> None:
        """Send a command that nothing happens to; it must reach its place."""
        self.command = self._command(toward)
        if self.command[0] == "rollback" and not status(Target(as_deployer(self.dsn))).plans:
            return  # nothing was journaled yet: there is nothing to take back, and rollback says so
        code, words = Process(*self.command).end()
        assert code == 0, f"{self.command[:4]} ended with {code}: {words}"
        self.place = toward

    def _struck(self, move: Move, hit: Strike) -> None:
        self.command = self._command(move.toward)
        intents = self.reference.intents.get((self._other(move.toward), move.toward), 1)
        impatient = IMPATIENT if hit.fault is Fault.LOCKED else ()
        process = Process(*self.command, *impatient, hold_at=1 + int(hit.at * intents))
        if process.held is None:
            code, words = process.end()
            assert code in (0, 2) and (code == 0 or "was never applied" in words), (code, words)
            self.met.append(f"{hit.fault.name}: none")
            return
        self.met.append(f"{hit.fault.name}: {process.held.intent}")
        strike(self.scene, process, process.held, hit)
        if hit.fault is Fault.OVERTAKEN and process.alive:
            self.scene.expire()
            return
        code, words = process.end()
        assert code in EXITS[hit.fault], f"{hit.fault} at {process.held.intent}: exit {code}: {words}"
        assert code <= 0 or "next:" in words, words
        self._status_is_true(hit.fault, ended_well=code == 0)
        if hit.fault is Fault.HOST_LOST and code:
            self._lease_outlives_host()
        if code == 0:
            self.place = move.toward

    def _other(self, toward: Place) -> Place:
        low, high = self.trial.ladder
        return low if toward == high else high

    def _lease_outlives_host(self) -> None:
        if status(Target(as_deployer(self.dsn))).lease is None:
            return  # given back before the host was lost
        code, words = Process(*self.command).end()
        assert code == 75 and "lease held by" in words, (code, words)
        self.scene.expire()

    def _wake(self, *, checked: bool) -> None:
        """Wake the executors that slept while their work was done: they must change nothing any more."""
        for process in self.scene.asleep:
            process.send(18)
            process.go()
            if checked:
                code, words = process.end()
                assert code in EXITS[Fault.OVERTAKEN], f"awake again: exit {code}: {words}"
            else:
                process.send(9)
        self.scene.asleep.clear()

    # ---- what must be true -------------------------------------------------------------------

    def _status_is_true(self, fault: Fault, *, ended_well: bool) -> None:
        target = Target(as_deployer(self.dsn))
        if fault is not Fault.HOST_LOST:
            assert eventually(lambda: status(target).lease is None, within=20), status_text(status(target))
        report = status(target)
        text = status_text(report)
        assert status_json(report)
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
        if not words & {"interrupted", "failed"}:
            self._schema_is(plan, text)

    def _schema_is(self, plan: PlanStatus, text: str) -> None:
        with psycopg.connect(self.dsn) as c:
            found = read_schema(c)
        wanted = self.reference.schemas[plan.position]
        assert diff(wanted, found) == (), f"status says {text}\nbut: {diff(wanted, found)}"

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
        assert eventually(lambda: not self.scene.ask(LEFT)), self.scene.ask(LEFT)
        helpers = [row[0] for row in self.scene.ask(HELPERS)]
        report = status(Target(as_deployer(self.dsn)))
        if not report.plans:
            assert self.last is Place.BASELINE or not self.reference.position(self.last)
            return
        assert helpers == self.reference.helpers[self.last], "helpers are left, or missing"
        dump = self.grounds.tools.dump_schema(self.dsn).text
        assert dump == self.reference.dumps[self.last], f"not as {self.last} should be"
        assert report.plans[0].position == self.reference.position(self.last), status_text(report)


def as_deployer(dsn: str) -> str:
    """Give the DSN of the role that executors work as: no superuser, a member of the owner of the tables."""
    return make_conninfo(dsn, user="deployer")


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """Mount a disk that is soon full; None where that is forbidden."""
    with tempfile.TemporaryDirectory(prefix="disk-") as folder:
        os.chmod(folder, 0o755)
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder]
        try:
            mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            mounted = False
        try:
            yield Path(folder) if mounted else None
        finally:
            if mounted:
                with suppress(OSError):
                    subprocess.run(["umount", "--lazy", folder], check=False)


LADDERS: tuple[Ladder, ...] = (BEFORE, AFTER)
