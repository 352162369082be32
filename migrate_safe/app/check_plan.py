"""A plan in review, whatever the app does: is it of this migration, was it edited, does every undo undo its step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.files import digest
from migrate_safe.adapters.postgres import connect, parse_dsn
from migrate_safe.adapters.scratch import ScratchServer
from migrate_safe.adapters.undo_trial import try_undos
from migrate_safe.app.drift import drift
from migrate_safe.app.plan import PlanRequest
from migrate_safe.app.plan import plan as plan_anew
from migrate_safe.compat.checked import PlanFault
from migrate_safe.model.errors import MigrateSafeError
from migrate_safe.model.plan import Plan, Step
from migrate_safe.model.postgres import MAJORS

DRIFT = "the tables here are not those that the plan was made for: give their --schema, or plan anew"


class PlanReview(Struct, frozen=True):
    """What is wrong with a plan, and what a reader of it must know."""

    faults: tuple[PlanFault, ...] = ()
    notes: tuple[str, ...] = ()


def review_plan(plan: Plan, file: Path, schema: tuple[str, ...], server: ScratchServer, dsn: str) -> PlanReview:
    """Review a plan on a copy of the database before it, which `dsn` names and nobody may be using.

    Raises UsageError with the step and the server's message for a step that cannot be done.
    """
    with connect(dsn) as connection:
        fits = drift(connection, plan, schema) is None
    copy = server.create_database(template=parse_dsn(dsn)["dbname"])
    try:
        undos = try_undos(copy, plan, str(file))
    finally:
        server.drop_database(copy)
    stale = tuple(_stale(plan, file))
    edited = () if stale or not fits else tuple(_edited(plan, schema))
    return PlanReview((*stale, *undos), (*(() if fits else (DRIFT,)), *edited))


def _stale(plan: Plan, file: Path) -> Iterator[PlanFault]:
    """Find out whether the migration is still the one that was planned, where it is at hand."""
    migration = Path(plan.source.file)
    if migration.is_file() and digest(migration) != plan.source.sha256:
        words = f'"{migration}" is not the file that was planned: its SHA-256 is {digest(migration)[:12]}..., '
        words += f"the plan says {plan.source.sha256[:12]}..."
        yield PlanFault(None, words, f"plan it anew: migrate-safe plan {migration} -o {file}")


def _edited(plan: Plan, schema: tuple[str, ...]) -> Iterator[str]:
    """Say which steps are not what is planned today: a reader must know what was written by hand."""
    planned = _planned_anew(plan, schema)
    if planned and all(steps != plan.steps for steps in planned):
        words = "; ".join(_edits(planned[0], plan.steps))
        yield f"the plan was edited, or made by another version of migrate-safe: {words}; it is tried here as it stands"


def _planned_anew(plan: Plan, schema: tuple[str, ...]) -> list[tuple[Step, ...]]:
    """Give the steps that are planned of the migration today, for every server that the plan may be made for."""
    migration, found = Path(plan.source.file), []
    with suppress(MigrateSafeError):
        for version in (None, *MAJORS) if migration.is_file() else ():
            found.append(plan_anew(PlanRequest(migration, schema, plan.name, version)).steps)
            if found[-1] == plan.steps:
                break
    return found


def _edits(planned: tuple[Step, ...], steps: tuple[Step, ...]) -> Iterator[str]:
    """Name the steps that are other, more or fewer than planned, or say that their order is another."""
    before, now = {s.id: s for s in planned}, {s.id: s for s in steps}
    changed = [f'"{name}" is changed' for name in before if name in now and before[name] != now[name]]
    added = [f'"{name}" is added' for name in now if name not in before]
    gone = [f'"{name}" is left out' for name in before if name not in now]
    yield from (*changed, *added, *gone) or ("the order of steps",)
