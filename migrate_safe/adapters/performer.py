"""Does what the machine wants: one intent in, what came of it out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import assert_never

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.heartbeat import Heartbeat
from migrate_safe.adapters.index_server import build, drop, inspect_index
from migrate_safe.adapters.journal_table import (
    as_event,
    await_standbys,
    read_events,
    read_progress,
    rename_backends,
)
from migrate_safe.adapters.locker import (
    holders,
    lockable,
    on_sequences,
    own_locks,
    run_within_budget,
    unread,
    watchable,
)
from migrate_safe.adapters.place import confirm_place
from migrate_safe.adapters.pressure import read_pressure, unseen_replicas
from migrate_safe.adapters.walker import fill_batch, fill_batches, prove_batch, survey, sweep
from migrate_safe.executor.compose import blocking, count_query, keys_query, record_message, step_message
from migrate_safe.executor.intents import (
    Batch,
    Build,
    Busy,
    Check,
    Drop,
    Fill,
    Gauge,
    IndexState,
    Inspect,
    Intent,
    Offending,
    Pressure,
    Prove,
    ReadEvents,
    ReadOnly,
    ReadProgress,
    Record,
    Result,
    Rewound,
    SurveyKeys,
    Sweep,
    Transact,
    Wait,
)
from migrate_safe.executor.news import Journaled, Moved, Noted, Tell, Waiting
from migrate_safe.executor.settings import Settings
from migrate_safe.executor.throttle import MB, tuned
from migrate_safe.model.errors import StepFailed, TryLater
from migrate_safe.model.journal import Event, EventKind, Lease, Progress
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.plan import Requirement

PATIENT = (Build, Drop, Fill, Prove)
"""Intents after which the machine itself tries again when something was locked."""
LOOKS = (Check, Sweep, SurveyKeys)
"""Intents that read tables, and are tried again here."""


class Performer:
    """Performs intents on one database under one lease."""

    def __init__(
        self,
        db: Database,
        beat: Heartbeat,
        lease: Lease,
        settings: Settings,
        tell: Tell,
        standbys: Sequence[Database] = (),
    ) -> None:
        self.db, self.beat, self.lease, self.settings, self.tell = db, beat, lease, settings, tell
        self.standbys = standbys
        self._given = settings
        self._opened, self._last = db.opened, Event(0, "", EventKind.OPENED, None, 0, lease.acquired, {})
        self._crew: list[Database] = []
        self._walk_began = (time.monotonic(), 0)
        self._gauged: tuple[float, Pressure] | None = None
        self._warned = False
        self._slow: set[str] = set()

    def close(self) -> None:
        """Close the sessions of the crew; the first session is somebody else's."""
        for worker in self._crew:
            worker.close()

    def __call__(self, intent: Intent) -> Result:
        """Perform one intent, after a look whether the lease is still ours."""
        self.assure()
        began = time.monotonic()
        while True:
            self.beat.check()
            try:
                return self._kept(self._perform(intent))
            except Busy as busy:
                waited, reason = time.monotonic() - began, self._named(intent, busy)
                if isinstance(intent, PATIENT):
                    raise Busy(reason, overran=busy.overran, waited=waited) from None
                if busy.overran or not isinstance(intent, LOOKS) or waited >= self.settings.give_up_after:
                    raise TryLater(f"cut off: {reason}", next_move="run this again") from None
                self.tell(Waiting(reason))
            except StepFailed:
                self.fence()  # who has lost the lease must not take the other's work for somebody's meddling
                raise

    def fence(self) -> None:
        """Ask the journal whether the lease is still ours, where no statement of the intent itself asks.

        Raises LeaseLost. Asked after a look, it says that what was seen is not the work of another executor.
        """
        self.db.query("SELECT migrate_safe.fence(%s)", (self.lease.token,))

    def _ours(self, found: Offending) -> Offending:
        if found.count:
            self.fence()
        return found

    def remember(self, event: Event) -> None:
        """Take an event as one that the server has for good."""
        self._last = event

    def assure(self) -> None:
        """See, when the connection was opened anew, that it leads to the same place, and that nothing was lost there.

        A server that crashes, or a standby that takes over, may lack what was committed last. Raises Rewound then,
        Refused in another place; and notes the server processes of the lease's holder.
        """
        if self.db.opened == self._opened:
            return
        opened, last = self.db.opened, self._last
        try:
            confirm_place(self.db, self.lease.environment)
            self.lease = rename_backends(self.db, self.lease, self.beat.pid)
        except ReadOnly as closed:
            raise TryLater(
                f"after a lost connection: {closed.message}", next_move="run this again, with the DSN of the primary"
            ) from None
        if last.seq and last not in read_events(self.db, last.plan, last.seq - 1):
            what = f"{last.kind.value} {last.step}" if last.step else last.kind.value
            raise Rewound(
                f'the server has lost what it had committed, last of all "{what}": it has crashed, or a standby that '
                "was behind has taken its place",
                next_move="run this again: it goes on from where the journal of this server stands",
            )
        self._opened = opened

    def _kept(self, result: Result) -> Result:
        """Wait for the standbys, without any lock, when a journal entry was written."""
        match result:
            case Event() | (*_, Event()):
                event = result if isinstance(result, Event) else result[-1]
                if event.kind is not EventKind.FAILED:  # whoever interrupts a wait is not to wait again
                    await_standbys(self.db)
                self.remember(event)
        return result

    def _perform(self, intent: Intent) -> Result:
        db, settings, token = self.db, self.settings, self.lease.token
        match intent:
            case Check(requirement):
                return self._ours(check(db, requirement, settings))
            case Transact():
                return self._transact(intent)
            case Record(entry):
                self._walk_began = (time.monotonic(), 0)
                event = as_event(db.send(record_message(entry, db.session(token)))[-1][0])
                self.tell(Journaled(entry))
                return event
            case ReadEvents(plan, after):
                return read_events(db, plan, after)
            case Inspect():
                look = inspect_index(db, intent)
                if look.state is not IndexState.ABSENT:
                    self.fence()
                return look
            case Build(work):
                self.fence()
                build(db, work, self.tell)
                return None
            case Drop(work):
                self.fence()
                drop(db, work, self.tell)
                return None
            case Wait(seconds, reason):
                self.tell(Waiting(reason))
                time.sleep(seconds)
                return None
            case SurveyKeys():
                return survey(db, intent)
            case ReadProgress(plan, step):
                return read_progress(db, plan, step)
            case Fill():
                return self._filled(intent)
            case Gauge(plan):
                return self._pressure(plan)
            case Sweep():
                return self._ours(sweep(db, intent, settings))
            case Prove():
                return self._moved(prove_batch(db, intent, token, settings), intent.progress)
            case _:
                assert_never(intent)

    def _transact(self, intent: Transact) -> Event:
        db, settings, session = self.db, self.settings, self.db.session(self.lease.token)
        strong = blocking(intent.sql.locks)
        upfront, own = lockable(db, strong), own_locks(db, strong)
        on_tables = watchable(db, strong) or watchable(db, intent.sql.locks)
        watched = (*on_tables, *on_sequences(db, intent.sql.locks))

        def compose(wait_ms: int | None) -> str:
            return step_message(
                intent.sql, upfront, intent.entry, session, settings, own=own, wait_ms=wait_ms, guards=intent.guards
            )

        rows = run_within_budget(db, compose, upfront, watched, settings, self.tell, intent.entry.step, self.standbys)
        self.tell(Journaled(intent.entry))
        return as_event(rows[-1][0])

    def _filled(self, intent: Fill) -> Batch:
        if intent.workers > 1:
            batch = fill_batches(self.db, self._crew_of(intent.workers), intent, self.lease.token, self.settings)
        else:
            batch = fill_batch(self.db, intent, self.lease.token, self.settings)
        self._say_slow(intent, batch)
        return self._moved(batch, intent.progress)

    def _named(self, intent: Intent, busy: Busy) -> str:
        """Say what an intent could not do, and who is in the way."""
        match intent:
            case Fill() if busy.overran:
                return f'a batch of {intent.rows} rows of "{intent.work.table}" was cut off ({busy.reason})'
            case Fill(work):
                others = "; ".join(map(str, holders(self.db, (Lock(work.table, LockMode.EXCLUSIVE),))))
                return f'rows of "{work.table}" are locked' + (f"; at work on it: {others}" if others else "")
            case Check() | Sweep() | SurveyKeys() | Prove() if not busy.overran:
                return unread(self.db)
            case _:
                return busy.reason

    def _say_slow(self, intent: Fill, batch: Batch) -> None:
        """Tell once of a step when the smallest batch takes longer than the budget, which then cannot hold."""
        budget, step = self.settings.stall_budget_ms, intent.progress.step
        if intent.rows > self.settings.batch_min or batch.ms <= budget or step in self._slow:
            return
        self._slow.add(step)
        least = "one row" if intent.rows == 1 else f"{intent.rows} rows"
        self.tell(
            Noted(
                f'filling {least} of "{intent.work.table}" took {batch.ms:.0f} ms, beyond the stall budget of'
                f" {budget} ms: who writes such a row waits as long; its triggers or indexes are slow"
            )
        )

    def _crew_of(self, size: int) -> list[Database]:
        while len(self._crew) < size:
            self._crew.append(Database(self.db.dsn, role=self.db.role, patience=self.db.patience))
        return self._crew[:size]

    def _pressure(self, plan: str) -> Pressure:
        """Look at most twice a second: batches are shorter, and views of statistics are not free."""
        if self._gauged is not None and time.monotonic() - self._gauged[0] < self.settings.poll:
            return self._gauged[1]
        pressure = read_pressure(self.db, plan, self.settings.max_lag_mb * MB)
        self._gauged, self.settings = (time.monotonic(), pressure), tuned(self._given, pressure.tuned)
        if not self._warned and (unseen := unseen_replicas(self.db)):
            self.tell(Waiting(f"the role may not see how far {unseen} replicas have come (pg_monitor): not waited for"))
        self._warned = True
        return pressure

    def _moved(self, batch: Batch, before: Progress) -> Batch:
        """Tell how far a walk has come, with its rate since it began here and the time it will still take."""
        if batch.last is None:
            return batch
        began, passed = self._walk_began
        self._walk_began = (began, passed + batch.passed)
        rate = (passed + batch.passed) / max(time.monotonic() - began, 1e-6)
        done = before.rows_done + batch.passed
        rest = None if before.rows_total is None else max(0, before.rows_total - done)
        now = Progress(before.plan, before.step, batch.last, done, before.rows_total, before.filled + batch.changed)
        self.tell(Moved(now, batch.passed, rate, None if rest is None or rate == 0 else rest / rate))
        return batch


def check(db: Database, requirement: Requirement, settings: Settings) -> Offending:
    """Count the rows that break a requirement, and show the first."""
    began = time.monotonic()
    count = int(db.look(count_query(requirement))[0][0])
    ms = (time.monotonic() - began) * 1000
    if not count:
        return Offending(0, (), ms)
    rows = db.look(keys_query(requirement, settings.keys_shown))
    return Offending(count, tuple(", ".join(map(str, row)) for row in rows), ms)
