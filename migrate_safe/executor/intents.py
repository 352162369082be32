"""What the machine wants done and what it is told back: plain values between the one that decides and the doer."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from enum import StrEnum

from msgspec import Struct, field

from migrate_safe.model.errors import Exit, MigrateSafeError, StepFailed, TryLater, UsageError
from migrate_safe.model.journal import Entry, Event, Progress
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Backfill, BuildIndex, DropIndexConcurrently, Requirement, Sql, Verify

# ---- intents -------------------------------------------------------------------------------


class Check(Struct, frozen=True):
    """Look for rows that break a requirement; told back as Offending."""

    requirement: Requirement


class Transact(Struct, frozen=True):
    """Run SQL and write its journal entry in one transaction; told back as the Event.

    `guards` are the requirements that are cheap enough to be looked at again under the lock.
    """

    sql: Sql
    entry: Entry
    guards: tuple[Requirement, ...] = ()


class Record(Struct, frozen=True):
    """Write a journal entry alone; told back as the Event."""

    entry: Entry


class ReadEvents(Struct, frozen=True):
    """Read the plan's events after a number; told back as a tuple of Event."""

    plan: str
    after: int


class Inspect(Struct, frozen=True):
    """Look at an index; told back as IndexLook."""

    table: Name
    index: Name


class Build(Struct, frozen=True):
    """Run CREATE INDEX CONCURRENTLY; told back as None when the server ended it without an error."""

    work: BuildIndex


class Drop(Struct, frozen=True):
    """Run DROP INDEX CONCURRENTLY; told back as None."""

    work: DropIndexConcurrently


class Wait(Struct, frozen=True):
    """Wait; told back as None."""

    seconds: float
    reason: str


class SurveyKeys(Struct, frozen=True):
    """Find by which key the rows of a table can be walked; told back as Survey."""

    table: Name
    avoid: tuple[str, ...] = ()
    """Columns that the walk itself changes, and that can therefore not be its key."""


class ReadProgress(Struct, frozen=True):
    """Read where a walk stood; told back as Progress or None."""

    plan: str
    step: str


class Fill(Struct, frozen=True):
    """Fill the next rows after the cursor, `rows` by each worker, and move the cursor; told back as Batch.

    One worker moves the cursor in its own transaction; several are followed by one that does.
    """

    work: Backfill
    survey: Survey
    progress: Progress
    rows: int
    workers: int = 1


class Sweep(Struct, frozen=True):
    """Look for rows that a backfill has left unset; told back as Offending (`count` stops at what is shown)."""

    work: Backfill
    survey: Survey


class Gauge(Struct, frozen=True):
    """Look what speaks against more load, and what somebody has asked for meanwhile; told back as Pressure."""

    plan: str


class Prove(Struct, frozen=True):
    """Test the next `rows` rows after the cursor; told back as Batch."""

    work: Verify
    survey: Survey
    progress: Progress
    rows: int


Intent = (
    Check
    | Transact
    | Record
    | ReadEvents
    | Inspect
    | Build
    | Drop
    | Wait
    | SurveyKeys
    | ReadProgress
    | Fill
    | Sweep
    | Prove
    | Gauge
)

# ---- what is told back ---------------------------------------------------------------------


class Offending(Struct, frozen=True):
    """Rows that break a requirement: how many, the first keys, and how long looking took."""

    count: int
    keys: tuple[str, ...] = ()
    ms: float = 0.0


class IndexState(StrEnum):
    """What the catalog says of an index."""

    ABSENT = "absent"
    INVALID = "invalid"
    VALID = "valid"


class IndexLook(Struct, frozen=True):
    """An index and the backends (pids) that are building or dropping it right now.

    Where they only hold a lock that work on it would wait for, `held` says how.
    """

    state: IndexState
    busy: tuple[int, ...] = ()
    held: str = ""


class Survey(Struct, frozen=True):
    """How to walk a table: by key columns with their types, or by `ctid` ranges when `columns` is empty.

    `rows` and `pages` are the server's estimates.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: int
    pages: int

    @property
    def key(self) -> str:
        """Name the key, to tell it from others."""
        return ", ".join(f"{c} {t}" for c, t in zip(self.columns, self.types, strict=True)) or "ctid"


class Batch(Struct, frozen=True):
    """One batch of a walk. `last` is the cursor after it, None when the walk is over.

    `changed` counts rows written (of a backfill) or found wrong (of a verification, with the first `keys`);
    `stuck` those of a backfill that are unset also now that they are written. `waiting` counts clients that waited for
    its row locks at its end.
    """

    last: tuple[str, ...] | None
    passed: int
    changed: int
    ms: float
    keys: tuple[str, ...] = ()
    stuck: int = 0
    waiting: int = 0


class Lag(Struct, frozen=True):
    """How many bytes of WAL a `replica` has not replayed, or a `slot` keeps because its reader has not followed."""

    what: str
    name: str
    bytes: int

    def __str__(self) -> str:
        """Say it for people."""
        return f'{self.what} "{self.name}" is {self.bytes / 1024 / 1024:.0f} MB of WAL behind'


class Pressure(Struct, frozen=True):
    """What speaks against more load: lags, an archive that does not follow, a pause that somebody asked for.

    `tuned` are settings that somebody has changed since, by their names.
    """

    lags: tuple[Lag, ...] = ()
    archive: str = ""
    paused_by: str = ""
    tuned: Mapping[str, int] = field(default_factory=dict)


Result = Offending | Event | tuple[Event, ...] | IndexLook | Survey | Progress | Batch | Pressure | None

# ---- what can go wrong on the way ------------------------------------------------------------


class LostConnection(Exception):
    """The connection broke and was opened anew; whether the last intent happened, the journal knows."""


class Busy(Exception):
    """Nothing was changed: a row or table was locked (`overran` false), or the time limit struck (true).

    `waited` are the seconds that this has cost.
    """

    def __init__(self, reason: str, *, overran: bool = False, waited: float = 0.0) -> None:
        super().__init__(reason)
        self.waited = waited
        self.reason = reason
        self.overran = overran


class FailedClean(StepFailed):
    """A step failed, and nothing of it is left behind."""


class NotAsPlanned(FailedClean):
    """A step found rows or objects otherwise than the plan needs them, and refused; nothing of it is left behind."""

    code = Exit.REFUSED


class LeaseLost(TryLater):
    """Another executor holds the lease now; this one can write nothing more."""


class ReadOnly(UsageError):
    """The server takes no writes: a standby, one that is about to be promoted, or one that somebody has closed."""


class Rewound(LeaseLost):
    """The server no longer has what it had told us was committed: what this executor believes is void."""


class Blocked(TryLater):
    """A lock could not be had within the budget."""


def describe_failure(error: BaseException) -> tuple[str, str]:
    """Give reason and next move of whatever stopped a step, for the journal."""
    if isinstance(error, MigrateSafeError):
        return error.message, error.next_move
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", ""
    return f"{type(error).__name__}: {error}", ""


Talk = Generator[Intent, Result, Event]
"""A part of the machine that ends with the event that concludes a step."""
