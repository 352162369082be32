"""Whether the tables of a plan are as it was made for, or as its last step has left them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.database import Connection, Database
from migrate_safe.adapters.journal_table import read_events
from migrate_safe.adapters.respell import respelled
from migrate_safe.adapters.touched import described_by, look, read_seen
from migrate_safe.app.preflight import missing_tables
from migrate_safe.app.schema_source import named_schema, schema_before
from migrate_safe.catalog.diff import Change, changes
from migrate_safe.catalog.fingerprint import fingerprint
from migrate_safe.catalog.retired import without_retired
from migrate_safe.executor.drift import alters, concerning, drifted, not_accepted, since, unsettled
from migrate_safe.executor.state import PlanState
from migrate_safe.model.errors import MigrateSafeError, Refused
from migrate_safe.model.plan import Plan
from migrate_safe.model.schema import Schema
from migrate_safe.model.seen import SeenPart
from migrate_safe.planner.sharing import is_contracted
from migrate_safe.planner.subjects import altered_tables, created_tables


def check_planned(db: Database, plan: Plan, schema: tuple[str, ...], accepted: Iterable[str]) -> None:
    """Raise Refused, with the difference where it can be told, when the tables are not as the plan was made for.

    Where it cannot be told, every table of the plan must be named to be accepted.
    """
    found = db.read(lambda connection: drift(connection, plan, schema))
    if found is None:
        return
    altered = altered_tables(plan) - created_tables(plan)
    missing = missing_tables(db, (t for t in plan.touches if t in altered))
    if missing:
        raise Refused(
            f'plan "{plan.name}" is for another schema: table "{missing[0]}" does not exist here',
            next_move="check the DSN; or plan anew against this database: migrate-safe plan ... --schema DSN",
        )
    untold = tuple(Change(f"table {t}", f"? table {t}") for t in sorted(plan.touches))
    refused = not_accepted(found or untold, plan, accepted)
    if not refused:
        return
    lines = "\n".join(c.line for c in refused)
    told = f":\n{lines}" if found else "; name what it was made from with --schema to see the difference"
    tables = " ".join(f"--accept-drift {c.key.removeprefix('table ')}" for c in refused)
    accepting = "--accept-drift NAME, the table or object that is named above," if found else tables
    raise Refused(
        f'the schema has drifted since plan "{plan.name}" was made{told}',
        next_move="plan anew against this database (migrate-safe plan ... --schema DSN), "
        f"or {accepting} if the difference does not matter",
    )


def drift(connection: Connection, plan: Plan, schema: tuple[str, ...]) -> tuple[Change, ...] | None:
    """Say how tables differ from those that a plan was made for: None if not at all, empty if that cannot be told.

    A plan keeps only a fingerprint; what it was made from is found again in `schema` (files, folders, DSNs),
    or in the migrations before the one that was planned, and believed when it has that fingerprint. Files may spell
    an expression otherwise than the server does: then the server is asked how it spells theirs.
    """
    there = read_schema(connection)
    here = without_retired(there)  # files do not tell what another plan has put aside, a server does
    if plan.fingerprint in (fingerprint(there, plan.touches), fingerprint(here, plan.touches)):
        return None
    planned = _planned(plan, here, schema)
    if planned is None:
        return ()
    return changes(without_retired(respelled(connection, planned, plan.touches)), here, plan.touches) or None


def changed_since(db: Database, plan: Plan, state: PlanState) -> tuple[Change, ...] | None:
    """Say what others have changed of a plan's tables since its last step.

    None where that cannot be known: nobody looked after that step, or another version of the program or the server
    described what was seen. Raises Busy when a table is locked by somebody who changes it.
    """
    kept = left(db, plan, state)
    return None if kept is None else _changes(plan, state, kept, look(db, plan.touches))


def check_since(db: Database, plan: Plan, state: PlanState, accepted: Iterable[str]) -> tuple[SeenPart, ...] | None:
    """Raise Refused, with the difference, when others have changed a plan's tables since its last step.

    Gives the tables as that step left them; None where that is not known, or what has changed since is accepted.
    """
    kept = left(db, plan, state)
    if kept is None:
        return None
    now = look(db, plan.touches)
    changes = _changes(plan, state, kept, now)
    refused = not_accepted(changes, plan, accepted)
    if refused:
        raise drifted(Refused, plan, refused)
    return None if changes else now


def left(db: Database, plan: Plan, state: PlanState) -> tuple[SeenPart, ...] | None:
    """Read how the last step that changed the tables left them; None where that cannot be compared.

    Of a plan that nothing is done of, the fingerprint rules: its file may be made anew.
    """
    seen = None if state.closed or state.untouched else read_seen(db, plan.name)
    if seen is None or seen.by != described_by(db.major):
        return None
    stale = any(alters(plan, event) for event in read_events(db, plan.name, seen.seq))
    return None if stale else seen.parts


def _changes(plan: Plan, state: PlanState, kept: tuple[SeenPart, ...], now: tuple[SeenPart, ...]) -> tuple[Change, ...]:
    loose = unsettled(plan, state)
    found = (c for c in since(kept, now) if c.key not in loose)
    return concerning(plan, found, contracted=is_contracted(plan, state.position))


def _planned(plan: Plan, here: Schema, schema: tuple[str, ...]) -> Schema | None:
    """Find again what the plan was made from; None where that cannot be found."""
    try:
        if schema:
            planned = named_schema(schema, version=here.server_version).schema
        elif Path(plan.source.file).exists():
            planned = schema_before(Path(plan.source.file), version=here.server_version).schema
        else:
            return None
    except MigrateSafeError:
        return None  # the drift is what the user must hear of
    return planned if fingerprint(planned, plan.touches) == plan.fingerprint else None
