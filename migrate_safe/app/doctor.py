"""Say what a database lacks for plans, and what earlier work has left behind; reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.health import of_role, of_server, of_tables
from migrate_safe.adapters.journal_table import (
    VERSION,
    is_installed,
    living_backends,
    read_events,
    read_lease,
    read_plans,
    read_version,
    server_now,
)
from migrate_safe.adapters.leftovers import leftovers
from migrate_safe.adapters.place import read_place
from migrate_safe.app.drift import changed_since
from migrate_safe.app.executing import Target, find_plan, journaled_plan, opened, read_copy
from migrate_safe.app.preflight import gone_tables
from migrate_safe.app.rights import Lack, lacking, lacking_ahead
from migrate_safe.app.status import doubt
from migrate_safe.executor.intents import Busy
from migrate_safe.executor.lease import Claim, claim
from migrate_safe.executor.overdue import overdue
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.executor.state import PlanState, fold
from migrate_safe.model.errors import MigrateSafeError, UsageError
from migrate_safe.model.health import DoctorReport, Gravity, Trouble
from migrate_safe.model.plan import BuildIndex, DropIndexConcurrently, Plan

_WORST_FIRST = tuple(Gravity)
Open = tuple[Plan, PlanState, str]
"""A plan that is open, where it stands, and its text."""


def doctor(target: Target, sources: Iterable[Path | str | Plan] = (), settings: Settings = DEFAULTS) -> DoctorReport:
    """Look at server, rights, journal, open plans and leftovers; rights are asked for open plans and for `sources`.

    Raises UsageError for a plan that does not exist.
    """
    given = [find_plan(source) for source in sources]
    with opened(target, settings) as db:
        now = server_now(db)
        database, role, version = db.query("SELECT current_database(), current_user::text, version()")[0]
        found = tuple(_all(db, given, now, settings))
        worst_first = sorted(dict.fromkeys(found), key=lambda t: _WORST_FIRST.index(t.gravity))
        return DoctorReport(database, role, version.split(" on ")[0], now, tuple(worst_first))


def _all(db: Database, given: list[Plan | str], now: datetime, settings: Settings) -> Iterator[Trouble]:
    yield from of_server(db)
    yield from of_role(db)
    yield from of_tables(db)
    try:
        installed = is_installed(db)
    except UsageError:  # a journal of somebody else, as of_role has said: what it says cannot be read
        yield from leftovers(db)
        return
    plans = tuple(_open(db)) if installed else ()
    yield from _rights(db, given, plans)
    yield from leftovers(db, [text for _, _, text in plans], _indexes(plan for plan, _, _ in plans))
    if installed:
        yield from _journal(db, now)
        for plan, state, _ in plans:
            yield from _plan(db, plan, state, now, settings)


def _open(db: Database) -> Iterator[Open]:
    for kept in read_plans(db):
        state = fold(read_events(db, kept.name))
        try:
            plan = read_copy(kept)
        except MigrateSafeError:
            continue  # of a newer version: status says so
        if not state.closed:
            yield plan, state, kept.text


def _rights(db: Database, given: list[Plan | str], plans: tuple[Open, ...]) -> Iterator[Trouble]:
    wanted = [(plan, state.position) for plan, state, _ in plans]
    wanted += [(source if isinstance(source, Plan) else journaled_plan(db, source), 0) for source in given]
    for plan, position in wanted:
        for lack in (*lacking(db, plan), *lacking_ahead(db, plan, position)):
            yield _told(lack, plan)


def _told(lack: Lack, plan: Plan) -> Trouble:
    return Trouble("privilege", Gravity.ERROR, f'plan "{plan.name}": {lack.what}', lack.remedy)


def _journal(db: Database, now: datetime) -> Iterator[Trouble]:
    version = read_version(db)
    if version > VERSION:
        what = f"the journal has version {version}, and this program can write up to {VERSION}"
        yield Trouble("journal", Gravity.ERROR, what, "use the newer migrate-safe")
    place = read_place(db)
    said = doubt(place)
    if said is not None:
        yield Trouble("journal", Gravity.WARNING, said, "see docs: which database is this")
    if place.environment is None:
        what = "no environment is named in the journal: a copy of the server's files could not be told from it"
        yield Trouble(
            "journal", Gravity.NOTICE, what, "give apply an --environment NAME once, and keep it in the settings"
        )
    lease = read_lease(db)
    alive = living_backends(db, lease)
    taken = claim(lease, now, alive)
    if taken is Claim.WAIT:
        pids = ", ".join(map(str, sorted(alive)))
        what = f'executor "{lease.holder}" is dead, and its backend still works (pid {pids})'
        yield Trouble("lease", Gravity.WARNING, what, "wait for it; or SELECT pg_terminate_backend(...)")
    elif taken is Claim.TAKE and lease.holder is not None:
        what = f'executor "{lease.holder}" died with the lease at {lease.heartbeat:%Y-%m-%d %H:%M:%S %Z}'
        yield Trouble("lease", Gravity.NOTICE, what, "nothing: the next command takes it over")


def _plan(db: Database, plan: Plan, state: PlanState, now: datetime, settings: Settings) -> Iterator[Trouble]:
    gone = gone_tables(db, plan) if not state.untouched else ()
    for table in sorted(gone):
        yield Trouble("plan", Gravity.ERROR, f'plan "{plan.name}": table "{table}" is gone', f"abandon {plan.name}")
    if not gone:
        for line in _drift(db, plan, state):
            what = f'plan "{plan.name}": changed by others: {line}'
            yield Trouble("plan", Gravity.WARNING, what, "undo it, or apply with --accept-drift NAME")
    for line in overdue(plan, state, now, timedelta(seconds=settings.overdue_after)):
        yield Trouble("plan", Gravity.WARNING, f'plan "{plan.name}": {line}', f"migrate-safe status {plan.name}")


def _drift(db: Database, plan: Plan, state: PlanState) -> Iterator[str]:
    try:
        yield from (change.line for change in changed_since(db, plan, state) or ())
    except (Busy, MigrateSafeError):
        return  # somebody changes or drops a table right now


def _indexes(plans: Iterable[Plan]) -> Iterator[str]:
    for plan in plans:
        for step in plan.steps:
            for work in (step.work, step.undo):
                if isinstance(work, BuildIndex | DropIndexConcurrently):
                    yield work.index.name
