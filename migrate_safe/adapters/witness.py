"""Keeps in the journal how the tables of a plan look when its steps have changed them, and sees when others do."""

from __future__ import annotations

import time

from migrate_safe.adapters.performer import Performer
from migrate_safe.adapters.touched import described_by, keep_message, look
from migrate_safe.executor.drift import alters, concerning, drifted, since, with_own, without_visitors
from migrate_safe.executor.intents import Busy, Gauge, Intent, LostConnection, NotAsPlanned, Record, Result, Transact
from migrate_safe.model.errors import MigrateSafeError
from migrate_safe.model.journal import Event, EventKind
from migrate_safe.model.plan import Plan
from migrate_safe.model.seen import Seen, SeenPart

LOOK_AGAIN = 2.0
"""Seconds after which the tables are looked at again before the next step that changes them."""


class Witness:
    """Performs intents by a performer, and looks at the tables at the start, after each change, and before the next.

    `known` are the tables as they may be found; None takes them as they are, which is kept as of the event `seq`. What
    a step changes becomes known; what others change never does. `as_known` says that they were just found so.
    """

    def __init__(
        self, performer: Performer, plan: Plan, known: tuple[SeenPart, ...] | None, seq: int, *, as_known: bool
    ) -> None:
        self.performer, self.plan, self.known = performer, plan, known
        self._last = known if as_known else None
        self._unseen = seq if known is None else None
        self._looked = time.monotonic()

    def __call__(self, intent: Intent) -> Result:
        """Perform an intent; raises NotAsPlanned when the tables changed during what came before."""
        match intent:
            case Gauge() | Transact() | Record():
                self.settle()
        if isinstance(intent, Transact):
            self._look_again(forward=intent.entry.kind is EventKind.DONE)  # the way back does not ask
        result = self.performer(intent)
        if isinstance(result, Event) and alters(self.plan, result):
            self._unseen = result.seq
            if self._last is None:
                self.known = None  # nobody saw what was there before
        return result

    def settle(self) -> None:
        """Look at the tables when a step has changed them, and keep what is known of them from then on.

        Where that cannot be done now, later runs compare nothing.
        """
        if (self._last is not None and self._unseen is None) or self.performer.db.connection.closed:
            return
        try:
            self.performer.assure()
            now = look(self.performer.db, self.plan.touches)
            known = self._known_by(now)
            if self._unseen is not None:
                self._keep(known, self._unseen)
        except (LostConnection, Busy, MigrateSafeError):
            return  # the steps are done and journaled: that is what counts
        else:
            self.known, self._last, self._looked, self._unseen = known, now, time.monotonic(), None

    def _known_by(self, now: tuple[SeenPart, ...]) -> tuple[SeenPart, ...]:
        if self.known is None:
            return now
        if self._last is None:
            return self.known
        return without_visitors(self.plan, self.known, with_own(self.known, self._last, now))

    def _keep(self, parts: tuple[SeenPart, ...], seq: int) -> None:
        seen = Seen(self.plan.name, seq, described_by(self.performer.db.major), parts)
        self.performer.db.send(keep_message((seen,), self.performer.lease.token))

    def _look_again(self, *, forward: bool) -> None:
        """Look whether others have changed the tables while a step before took long, or was waited for."""
        if self._last is None or self._unseen is not None or time.monotonic() - self._looked < LOOK_AGAIN:
            return
        now = look(self.performer.db, self.plan.touches)
        changes = concerning(self.plan, since(self._last, now))
        if changes and forward:
            self.performer.fence()
            raise drifted(NotAsPlanned, self.plan, changes)
        self._last, self._looked = now, time.monotonic()
