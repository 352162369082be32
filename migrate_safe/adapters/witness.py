"""Keeps in the journal how the tables of a plan look when its steps have changed them, and sees when others do."""

from __future__ import annotations

import time
from contextlib import suppress

from migrate_safe.adapters.performer import Performer
from migrate_safe.adapters.touched import described_by, keep_message, look
from migrate_safe.executor.drift import alters, concerning, drifted, since, without_visitors
from migrate_safe.executor.intents import Busy, Intent, LostConnection, NotAsPlanned, Record, Result, Transact
from migrate_safe.model.errors import MigrateSafeError
from migrate_safe.model.journal import Event, EventKind
from migrate_safe.model.plan import Plan
from migrate_safe.model.seen import Seen, SeenPart

LOOK_AGAIN = 2.0
"""Seconds after which the tables are looked at again before the next step that changes them."""


class Witness:
    """Performs intents by a performer, and looks at the tables before what takes long, and at the end.

    `known` are the tables as the run may find them; None takes them as they are, which is kept as of the event `seq`.
    Views that others make meanwhile are not kept (see `without_visitors`).
    """

    def __init__(self, performer: Performer, plan: Plan, known: tuple[SeenPart, ...] | None, seq: int) -> None:
        self.performer, self.plan = performer, plan
        self.known = self._as_they_are() if known is None else known
        self._unseen = seq if known is None else None
        self._looked = time.monotonic()

    def __call__(self, intent: Intent) -> Result:
        """Perform an intent; raises NotAsPlanned when the tables changed during what came before."""
        match intent:
            case Transact(entry=entry) if entry.kind is EventKind.DONE:  # the way back does not ask
                self._compare()
            case Record(entry) if entry.kind in (EventKind.STARTED, EventKind.UNDO_STARTED):
                self.settle()
        result = self.performer(intent)
        if isinstance(result, Event) and alters(self.plan, result):
            self._unseen = result.seq
        return result

    def settle(self) -> None:
        """Look at the tables when steps have changed them, and keep what is seen.

        Where that cannot be done now, later runs compare nothing.
        """
        if self._unseen is None or self.performer.db.connection.closed:
            return
        try:
            parts = look(self.performer.db, self.plan.touches)
            if self.known is not None:
                parts = without_visitors(self.plan, self.known, parts)
            seen = Seen(self.plan.name, self._unseen, described_by(self.performer.db.major), parts)
            self.performer.db.send(keep_message((seen,), self.performer.lease.token))
        except LostConnection:
            with suppress(LostConnection, MigrateSafeError):
                self.performer.relist()
        except (Busy, MigrateSafeError):
            return  # the steps are done and journaled: that is what counts
        else:
            self.known, self._looked, self._unseen = parts, time.monotonic(), None

    def _as_they_are(self) -> tuple[SeenPart, ...] | None:
        try:
            return look(self.performer.db, self.plan.touches)
        except LostConnection:
            with suppress(LostConnection, MigrateSafeError):
                self.performer.relist()
        except (Busy, MigrateSafeError):
            pass  # the run will meet it, and knows what to do then
        return None

    def _compare(self) -> None:
        if self.known is None or self._unseen is not None or time.monotonic() - self._looked < LOOK_AGAIN:
            return
        now = look(self.performer.db, self.plan.touches)
        changes = concerning(self.plan, since(self.known, now))
        self.known, self._looked = now, time.monotonic()
        if changes:
            self.performer.fence()
            raise drifted(NotAsPlanned, self.plan, changes)
