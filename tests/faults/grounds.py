"""A server for many trials, and what each operation does on it when nothing goes wrong."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
from msgspec import Struct, field
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.database import Database
from migrate_safe.adapters.journal_table import is_installed
from migrate_safe.adapters.place import confirm_place
from migrate_safe.adapters.scratch import scratch_server
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.executor.intents import Intent
from migrate_safe.executor.news import Journaled, News
from migrate_safe.executor.settings import Settings
from migrate_safe.model.journal import Entry, EventKind
from migrate_safe.model.plan import Phase, Plan, PlanSource
from migrate_safe.model.postgres import MAJORS
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.planner.build import build_plan
from migrate_safe.planner.codec import to_yaml
from migrate_safe.sql.parse import parse_script
from tests.faults.operations import Operation, Place
from tests.faults.paced import counts, watched
from tests.support.pg import PgTools
from tests.support.servers import source_of

ROLES = """
CREATE ROLE owner; CREATE ROLE app LOGIN; CREATE ROLE deployer LOGIN IN ROLE owner;
ALTER ROLE deployer SET statement_timeout = '2s'; ALTER ROLE deployer SET lock_timeout = '40ms';
ALTER ROLE deployer SET default_transaction_isolation = 'serializable';
"""
OURS = """
GRANT CREATE ON DATABASE {name} TO owner; GRANT CREATE ON SCHEMA public TO deployer, owner;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT ALL ON TABLES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT ALL ON SEQUENCES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT USAGE ON SCHEMAS TO app;
SET ROLE owner;
"""
HELPERS = """
SELECT proname::text FROM pg_proc WHERE pronamespace = to_regnamespace('migrate_safe') AND proname ~ '_[0-9a-f]{8}$'
UNION ALL SELECT tgrelid::regclass || '.' || tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1
"""
BATCH = 30
BUDGET = 300
"""The stall budget in ms: long enough for a machine that is busy with other things; it is not what is tested here."""
DISK = "40m"
BELOW = {Place.MIGRATE: Place.BASELINE, Place.CONTRACT: Place.MIGRATE, Place.PURGED: Place.CONTRACT}


class Stage(Struct, frozen=True):
    """A database as it is at a place when nothing goes wrong; the dump is empty until it is asked for."""

    template: str
    helpers: tuple[str, ...]
    dump: str


class Reference(Struct, frozen=True):
    """What an operation does when nothing goes wrong.

    `schemas` are those after each number of steps, `back` those on the way back, where more of them is known.
    """

    plan: Plan
    file: str
    stages: dict[Place, Stage] = field(default_factory=dict)
    schemas: dict[int, Schema] = field(default_factory=dict)
    back: dict[int, Schema] = field(default_factory=dict)
    intents: dict[tuple[Place, Place], tuple[str, ...]] = field(default_factory=dict)

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
    """A server, with a small disk of its own where this machine lets one be mounted."""

    def __init__(self, major: int = MAJORS[-1]) -> None:
        self.major = major

    def __enter__(self) -> Grounds:
        """Start it."""
        with ExitStack() as stack:
            self.server = stack.enter_context(scratch_server(source_of(self.major), major=self.major))
            self.tools = PgTools.of(self.server)
            self.tools.psql(self.server.home, ROLES)
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="campaign-")))
            self.disk = stack.enter_context(small_disk())
            if self.disk is not None:
                (self.disk / "space").mkdir()
                self.tools.psql(self.server.home, f"CREATE TABLESPACE small LOCATION '{self.disk}/space'")
            self._references: dict[str, Reference] = {}
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._stack.close()

    @contextmanager
    def copy_of(self, template: str, *, small: bool = False) -> Iterator[str]:
        """Give a copy of a database for as long as the block lasts, on the small disk where asked."""
        dsn = self.server.create_database(template=template)
        try:
            self._move_in(dsn, small=small)
            yield dsn
        finally:
            self.server.drop_database(dsn)

    def _move_in(self, dsn: str, *, small: bool) -> None:
        name = conninfo_to_dict(dsn)["dbname"]
        with psycopg.connect(self.server.home, autocommit=True) as c:
            c.execute(f"GRANT CREATE ON DATABASE {name} TO deployer")
            if small:
                c.execute(f"ALTER DATABASE {name} SET TABLESPACE small")
        with closing(Database(as_deployer(dsn))) as db:
            if is_installed(db):
                confirm_place(db, None, adopt=True)

    # ---- what is right -----------------------------------------------------------------------

    def reference(self, operation: Operation) -> Reference:
        """Give the reference of an operation, with the place before its first step."""
        if operation.name not in self._references:
            dsn = self.server.create_database()
            name = str(conninfo_to_dict(dsn)["dbname"])
            self.tools.psql(dsn, OURS.format(name=name) + operation.before)
            with psycopg.connect(dsn, autocommit=True) as c:
                schema = read_schema(c)
            script = parse_script(Source(f"{operation.name}.sql", operation.migration))
            plan = build_plan(script, schema, name=operation.name, source=PlanSource("m.sql", "0" * 64))
            file = self.folder / f"{operation.name}.yaml"
            file.write_text(to_yaml(plan))
            made = Reference(plan, str(file), schemas={0: schema})
            made.stages[Place.BASELINE] = self._look(dsn)
            self._references[operation.name] = made
        return self._references[operation.name]

    def stage(self, made: Reference, place: Place) -> Stage:
        """Give the database at a place: that of the place below it, with the steps between done."""
        if place not in made.stages:
            below = self.stage(made, BELOW[place])
            dsn = self.server.create_database(template=below.template)
            self._move_in(dsn, small=False)
            self._walk(made, dsn, BELOW[place], place)
            made.stages[place] = self._look(dsn)
        return made.stages[place]

    def intents(self, made: Reference, start: Place, to: Place) -> tuple[str, ...]:
        """Give the intents that lead from one place to another, each by the name of its kind."""
        if (start, to) not in made.intents:
            with self.copy_of(self.stage(made, start).template) as dsn:
                self._walk(made, dsn, start, to)
        return made.intents[start, to]

    def _walk(self, made: Reference, dsn: str, start: Place, to: Place) -> None:
        target, name = Target(as_deployer(dsn)), made.plan.name
        settings = Settings(batch_rows=BATCH, stall_budget_ms=BUDGET)
        steps = {step.id: i for i, step in enumerate(made.plan.steps, 1)}
        kinds: list[str] = []

        def counted(intent: Intent, _: object) -> None:
            if counts(intent):
                kinds.append(type(intent).__name__)

        with psycopg.connect(dsn, autocommit=True) as c, watched(counted):

            def tell(news: News) -> None:
                match news:
                    case Journaled(Entry(kind=EventKind.DONE, step=str(step))):
                        made.schemas.setdefault(steps[step], read_schema(c))
                    case Journaled(Entry(kind=EventKind.UNDONE, step=str(step))):
                        beside = made.plan.steps[steps[step] - 1].takes_back
                        made.back.setdefault(steps[step] - 1 - len(beside), read_schema(c))

            match to:
                case Place.BASELINE:
                    rollback(name, target, "baseline", settings, tell=tell)
                case Place.MIGRATE if start is Place.CONTRACT:
                    rollback(name, target, None, settings, tell=tell)
                case Place.PURGED:
                    purge(name, target, settings, now=True, confirm=name, tell=tell)
                case _:
                    apply(made.plan, target, Wish(Phase(to.value)), settings, tell=tell)
        made.intents[start, to] = tuple(kinds)

    def _look(self, dsn: str) -> Stage:
        with psycopg.connect(dsn) as c:
            helpers = tuple(row[0] for row in c.execute(HELPERS))
        return Stage(str(conninfo_to_dict(dsn)["dbname"]), helpers, self.tools.dump_schema(dsn).text)


def as_deployer(dsn: str) -> str:
    """Give the DSN of the role that executors work as: no superuser, a member of the owner of the tables."""
    return make_conninfo(dsn, user="deployer")


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """Mount a disk that is soon full; None where that is forbidden."""
    with tempfile.TemporaryDirectory(prefix="disk-") as folder:
        Path(folder).chmod(0o755)
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder]
        try:
            mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            mounted = False
        try:
            yield Path(folder) if mounted else None
        finally:
            if mounted:
                subprocess.run(["umount", "--lazy", folder], check=False)
