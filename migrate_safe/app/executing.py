"""What apply, rollback and purge share: the way to a database, the ruling plan, the lease, the run itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.dry_run import DryRun
from migrate_safe.adapters.heartbeat import Heartbeat
from migrate_safe.adapters.journal_table import (
    install,
    is_installed,
    is_writable,
    read_events,
    read_lease,
    read_plans,
    release_lease,
    take_lease,
)
from migrate_safe.adapters.locker import unread
from migrate_safe.adapters.performer import Performer
from migrate_safe.adapters.place import check_place, confirm_place
from migrate_safe.adapters.witness import Witness
from migrate_safe.executor.drive import drive
from migrate_safe.executor.intents import Busy, LostConnection
from migrate_safe.executor.machine import Machine, check_position
from migrate_safe.executor.news import Tell, silent
from migrate_safe.executor.settings import Settings
from migrate_safe.executor.state import PlanState, fold, stage
from migrate_safe.model.errors import Interrupted, MigrateSafeError, Refused, TryLater, UsageError
from migrate_safe.model.journal import JournaledPlan
from migrate_safe.model.names import Name
from migrate_safe.model.plan import PLAN_ENDINGS, Plan
from migrate_safe.model.secrets import hide
from migrate_safe.model.seen import SeenPart
from migrate_safe.planner.codec import from_yaml
from migrate_safe.planner.sharing import is_contracted, words
from migrate_safe.planner.subjects import moved_tables

_COLUMNS = """
SELECT attname FROM unnest(%s::text[]) AS n JOIN pg_attribute ON attrelid = to_regclass(n)
WHERE attnum > 0 AND NOT attisdropped
"""
Decide = Callable[[Plan, PlanState, Settings], Machine]


class Target(Struct, frozen=True):
    """The database to work on, and who says so.

    `role` is taken on by SET ROLE; `environment` must be the one that the first apply recorded; `adopt`
    takes over the journal of a database that this one is a copy of. `standbys` are the DSNs of its hot standbys, whose
    readers are looked at before a table is locked.
    """

    dsn: str = ""
    role: str | None = None
    environment: str | None = None
    adopt: bool = False
    standbys: tuple[str, ...] = ()


class Outcome(Struct, frozen=True):
    """Where a run began and ended. `stage` is baseline or the phase of the last step done."""

    plan: Plan
    before: PlanState
    after: PlanState

    @property
    def stage(self) -> str:
        """The place that the plan has reached."""
        return stage(self.plan, self.after.position)


@contextmanager
def opened(target: Target, settings: Settings) -> Iterator[Database]:
    """Open a session on the target, and close it whatever happens; a broken or blocked read is a TryLater."""
    try:
        db = Database(target.dsn, role=target.role, patience=settings.give_up_after)
        try:
            yield db
        except Busy as busy:
            raise TryLater(
                f"cut off: {busy.reason if busy.overran else unread(db)}", next_move="run this again"
            ) from None
        finally:
            db.close()
    except LostConnection as error:
        raise TryLater(f"the database could not be read: {error}", next_move="run this again") from None


@contextmanager
def leased(db: Database, target: Target, settings: Settings, tell: Tell = silent) -> Iterator[Performer]:
    """Install the journal where it is missing, take the lease, keep it alive, give it back.

    Raises TryLater when another holds it, Refused on a copy of a database or for another environment.
    """
    if is_writable(db):
        check_place(db, target.environment, adopt=target.adopt)  # before anything is written, an upgrade too
    install(db)
    confirm_place(db, target.environment, adopt=target.adopt)
    beat = Heartbeat(target.dsn, target.role, settings.lease_ttl)
    try:
        lease = take_lease(db, target.environment, settings, beat.pid, tell)
        beat.start(lease.token)
        try:
            with ExitStack() as stack:
                standbys = [stack.enter_context(_standby(dsn, settings)) for dsn in target.standbys]
                yield stack.enter_context(closing(Performer(db, beat, lease, settings, tell, standbys)))
        finally:
            _give_back(db, beat, lease.token)
    except KeyboardInterrupt:  # while the lease was awaited, or when all was done but giving it back
        raise Interrupted("interrupted", next_move="migrate-safe status says where the plan stands") from None
    finally:
        beat.stop()


def _standby(dsn: str, settings: Settings) -> AbstractContextManager[Database]:
    """Open a session on a standby; raises TryLater when it is out of reach, UsageError when it is none."""
    db = Database(dsn, patience=settings.give_up_after)
    if not db.query("SELECT pg_is_in_recovery()")[0][0]:
        db.close()
        raise UsageError(f'"{hide(dsn)}" is no standby', next_move="name hot standbys only with --standby")
    return closing(db)


def run(
    performer: Performer,
    plan: Plan,
    decide: Decide,
    settings: Settings,
    *,
    stop_after: int | None = None,
    known: tuple[SeenPart, ...] | None = None,
    as_known: bool = False,
) -> Outcome:
    """Let the machine work on a plan from where the journal says that it stands.

    `known` are its tables as they may be found, and were just found where they are `as_known`; None takes them as they
    are.
    """
    before = state_of(performer.db, plan)
    for event in read_events(performer.db, plan.name, before.seq - 1):
        performer.remember(event)
    witness = Witness(performer, plan, known, before.seq, as_known=as_known)
    try:
        end = drive(decide(plan, before, settings), witness, stop_after=stop_after)
    except KeyboardInterrupt:
        witness.settle()
        raise Interrupted(
            f'interrupted; the journal says where plan "{plan.name}" stands',
            next_move=f"migrate-safe status {plan.name} says how to go on, and how to go back",
        ) from None
    except MigrateSafeError:
        witness.settle()
        raise
    if not end.closed:
        witness.settle()
    return Outcome(plan, before, end)


def rehearse(db: Database, plan: Plan, decide: Decide, settings: Settings, tell: Tell) -> Outcome:
    """Tell the SQL that a run would send, and send nothing but reads."""
    installed = is_installed(db)
    before = state_of(db, plan) if installed else PlanState()
    token = read_lease(db).token + 1 if installed else 1
    end = drive(decide(plan, before, settings), DryRun(db, token, settings, tell, before))
    return Outcome(plan, before, end)


def state_of(db: Database, plan: Plan, *, also_abandoned: bool = False) -> PlanState:
    """Fold the journal of a plan, and check that plan and journal speak of the same steps.

    Raises Refused for a plan that was closed on the way, unless such are asked for.
    """
    state = fold(read_events(db, plan.name))
    check_position(plan, state)
    if state.abandoned and not also_abandoned:
        raise Refused(
            f'plan "{plan.name}" was abandoned, with {state.position} of {len(plan.steps)} steps kept',
            next_move="plan what is left to do anew, under another name",
        )
    return state


def find_plan(source: Path | str | Plan) -> Plan | str:
    """Give the plan of a file, or the name when it is no file; raises UsageError for an unreadable file."""
    if isinstance(source, Plan):
        return source
    path = Path(source)
    if (path.is_dir() or not path.exists()) and path.suffix not in PLAN_ENDINGS and "/" not in str(source):
        return str(source)
    try:
        return from_yaml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise UsageError(
            f'plan file "{path}" does not exist', next_move="name a file, or the name of a journaled plan"
        ) from None
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 text, from byte {error.start} on"
        raise UsageError(f'plan file "{path}" cannot be read: {reason}', next_move="name a plan file") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f'plan file "{path}" cannot be read: {reason}', next_move="name a plan file") from None


def journaled_plan(db: Database, given: Plan | str) -> Plan:
    """Give the journal's copy of a plan, by its name or by the name that a file carries; raises UsageError."""
    name = given if isinstance(given, str) else given.name
    plans = read_plans(db) if is_writable(db) else ()
    for plan in plans:
        if plan.name == name:
            return read_copy(plan)
    known = ", ".join(f'"{p.name}"' for p in plans) or "none"
    raise UsageError(
        f'plan "{name}" was never applied to this database (known: {known})', next_move="see migrate-safe status"
    )


@lru_cache(maxsize=64)
def read_copy(plan: JournaledPlan) -> Plan:
    """Read the journal's copy of a plan; kept, since a command asks for it several times and YAML is slow to read."""
    return from_yaml(plan.text, f"journal:{plan.name}")


def refuse_others(db: Database, plan: Plan) -> None:
    """Raise Refused when another open plan touches a table of this one.

    One of which only purge is left shares its tables with plans that change none of the columns that it names.
    """
    for other in read_plans(db) if is_installed(db) else ():
        if other.name == plan.name:
            continue
        state = fold(read_events(db, other.name))
        copy = read_copy(other)
        shared = sorted(set(plan.touches) & set(copy.touches))
        if not shared or state.closed or state.untouched:
            continue
        apart = state.running is None and is_contracted(copy, state.position) and moved_tables(plan).isdisjoint(shared)
        both = sorted(words(plan) & words(copy) & _columns(db, shared)) if apart else []
        if both or not apart:
            what = f'column "{both[0]}" of "{shared[0]}"' if both else f'"{shared[0]}"'
            raise Refused(
                f'plan "{other.name}" is open and touches {what} as well',
                next_move=f"first finish it (apply, purge), or take it back and close it (abandon {other.name})",
            )


def refuse_built_upon(db: Database, plan: Plan) -> None:
    """Raise Refused when a plan that was opened later has changed a table of this one, and still stands."""
    plans = read_plans(db)
    opened_at = next(p.opened for p in plans if p.name == plan.name)
    for other in plans:
        shared = sorted(set(plan.touches) & set(read_copy(other).touches))
        if other.opened > opened_at and shared and not fold(read_events(db, other.name)).untouched:
            raise Refused(
                f'plan "{other.name}" came later and rests on "{shared[0]}" as this plan has left it',
                next_move=f"take that one back first: rollback {other.name} --to baseline",
            )


def _columns(db: Database, tables: Iterable[Name]) -> frozenset[str]:
    return frozenset(row[0] for row in db.query(_COLUMNS, ([str(t) for t in tables],)))


def _give_back(db: Database, beat: Heartbeat, token: int) -> None:
    beat.halt()  # so that no beat revives what is given back
    try:
        release_lease(db, token)
    except MigrateSafeError:
        return  # it runs out by itself
