"""Says what a run would send, and sends nothing but reads."""

from __future__ import annotations

from typing import assert_never

from migrate_safe.adapters.database import Database
from migrate_safe.adapters.index_server import drop_statement, inspect_index
from migrate_safe.adapters.locker import lockable, own_locks
from migrate_safe.adapters.walker import compose_fill, compose_proof, survey, sweep_query
from migrate_safe.executor.compose import blocking, count_query, record_message, step_message, terminated
from migrate_safe.executor.intents import (
    Batch,
    Build,
    Check,
    Drop,
    FailedClean,
    Fill,
    Gauge,
    IndexLook,
    IndexState,
    Inspect,
    Intent,
    Offending,
    Pressure,
    Prove,
    ReadEvents,
    ReadProgress,
    Record,
    Result,
    Survey,
    SurveyKeys,
    Sweep,
    Transact,
    Wait,
)
from migrate_safe.executor.news import Sent, Tell
from migrate_safe.executor.settings import Settings
from migrate_safe.executor.state import PlanState
from migrate_safe.model.errors import Refused
from migrate_safe.model.journal import Entry, Event
from migrate_safe.model.names import Name


class DryRun:
    """Performs intents by telling their SQL; every one succeeds. Batches are shown once, with their first range."""

    def __init__(self, db: Database, token: int, settings: Settings, tell: Tell, state: PlanState) -> None:
        self.db, self.token, self.settings, self.tell = db, token, settings, tell
        self._seq = state.seq
        self._indexes: dict[Name, IndexState] = {}

    def __call__(self, intent: Intent) -> Result:
        """Tell what performing an intent would send, and answer as if it had gone well."""
        match intent:
            case Check(requirement):
                self._say(terminated(count_query(requirement)), f"must find none: {requirement.message}")
                return Offending(0)
            case Transact():
                self._say(self._transaction(intent), "one message; retried until it gets its locks at once")
                return self._event(intent.entry)
            case Record(entry):
                self._say(record_message(entry, self.db.session(self.token)), "journal")
                return self._event(entry)
            case Inspect(table, index):
                return IndexLook(self._index_state(table, index))
            case Build(work):
                self._indexes[work.index] = IndexState.VALID
                self._say(terminated(work.statement), "outside any transaction")
                return None
            case Drop(drop):
                self._indexes[drop.index] = IndexState.ABSENT
                self._say(terminated(drop_statement(drop)), "outside any transaction")
                return None
            case SurveyKeys():
                return self._survey(intent)
            case Fill():
                return self._fill(intent)
            case Sweep():
                self._say(terminated(sweep_query(intent, self.settings)), "must find none, or the walk begins again")
                return Offending(0)
            case Prove():
                return self._prove(intent)
            case Gauge():
                return Pressure()
            case Wait() | ReadProgress():
                return None
            case ReadEvents():
                return ()
            case _:
                assert_never(intent)

    def _transaction(self, intent: Transact) -> str:
        strong = blocking(intent.sql.locks)
        upfront, own = lockable(self.db, strong), own_locks(self.db, strong)
        session = self.db.session(self.token)
        return step_message(intent.sql, upfront, intent.entry, session, self.settings, own=own, guards=intent.guards)

    def _index_state(self, table: Name, index: Name) -> IndexState:
        if index not in self._indexes:
            try:
                self._indexes[index] = inspect_index(self.db, Inspect(table, index)).state
            except FailedClean:
                self._indexes[index] = IndexState.ABSENT
        return self._indexes[index]

    def _survey(self, intent: SurveyKeys) -> Survey:
        try:
            return survey(self.db, intent)
        except Refused:  # the table is made by an earlier step
            return Survey((), (), 0, 1)

    def _fill(self, intent: Fill) -> Batch:
        found = compose_fill(self.db, intent, self.token, self.settings)
        if found is not None:
            self._say(found[0], "the first batch; repeated, with a size that adapts, to the end of the table")
        return Batch(None, 0, 0, 0.0)

    def _prove(self, intent: Prove) -> Batch:
        found = compose_proof(self.db, intent, self.settings)
        if found is not None:
            self._say(terminated(found[0]), "the first range; repeated to the end of the table; must count 0")
        return Batch(None, 0, 0, 0.0)

    def _say(self, sql: str, note: str) -> None:
        self.tell(Sent(sql, note))

    def _event(self, entry: Entry) -> Event:
        self._seq += 1
        now = self.db.query("SELECT clock_timestamp()")[0][0]
        return Event(self._seq, entry.plan, entry.kind, entry.step, self.token, now, entry.detail)
