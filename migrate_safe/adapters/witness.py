"""Keeps in the journal how the tables of a plan look after each step that changes them, and sees when others do."""

from __future__ import annotations

import time

from migrate_safe.adapters.performer import Performer
from migrate_safe.adapters.touched import described_by, keep_message, look
from migrate_safe.executor.drift import alters, drifted, since
from migrate_safe.executor.intents import Busy, Intent, LostConnection, NotAsPlanned, Result, Transact
from migrate_safe.model.errors import MigrateSafeError
from migrate_safe.model.journal import Event
from migrate_safe.model.plan import Plan
from migrate_safe.model.seen import Seen, SeenPart

LOOK_AGAIN = 2.0
"""Seconds after which the tables are looked at again before the next step that changes them."""


class Witness:
    """Performs intents by a performer. `known` are the tables as the run may find them; None where nobody looked."""

    def __init__(self, performer: Performer, plan: Plan, known: tuple[SeenPart, ...] | None = None) -> None:
        self.performer, self.plan, self.known = performer, plan, known
        self._looked = time.monotonic()
        self._interrupted: KeyboardInterrupt | None = None

    def __call__(self, intent: Intent) -> Result:
        """Perform an intent; raises NotAsPlanned when the tables changed during what came before."""
        if self._interrupted is not None:
            raise self._interrupted
        if isinstance(intent, Transact):
            self._compare()
        result = self.performer(intent)
        if isinstance(result, Event) and alters(self.plan, result):
            self.note(result.seq)
        return result

    def note(self, seq: int) -> None:
        """Look at the tables and keep what is seen; where that cannot be done now, nothing will be compared."""
        self.known = None
        try:
            parts = look(self.performer.db, self.plan.touches)
            seen = Seen(self.plan.name, seq, described_by(self.performer.db.major), parts)
            self.performer.db.send(keep_message((seen,), self.performer.lease.token))
        except LostConnection:
            self.performer.relist()
        except (Busy, MigrateSafeError):
            return  # the step is done and journaled: that is what counts
        except KeyboardInterrupt as error:
            self._interrupted = error  # heeded before the next intent: this one is done, and the machine must hear so
        else:
            self.known, self._looked = parts, time.monotonic()

    def _compare(self) -> None:
        if self.known is None or time.monotonic() - self._looked < LOOK_AGAIN:
            return
        now = look(self.performer.db, self.plan.touches)
        changes = since(self.known, now)
        self.known, self._looked = now, time.monotonic()
        if changes:
            raise drifted(NotAsPlanned, self.plan, changes)
