"""A database in thirty lines: enough for the machine, with exact-once effects that complain when broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

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
    LostConnection,
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
from migrate_safe.executor.state import PlanState, fold
from migrate_safe.model.journal import Entry, Event, Progress
from migrate_safe.model.names import Name

Trouble = Callable[[int, Intent], BaseException | None]
T0 = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class World:
    """Statements `+x` make x, `-x` remove it; making twice or removing nothing is an error of the executor."""

    rows: int = 10
    made: list[str] = field(default_factory=list)
    indexes: dict[Name, IndexState] = field(default_factory=dict)
    unset: set[int] = field(default_factory=set)
    progress: dict[str, Progress] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    before: Trouble = lambda _, __: None
    after: Trouble = lambda _, __: None
    count: int = 0
    log: list[Intent] = field(default_factory=list)

    @property
    def state(self) -> PlanState:
        return fold(self.events)

    def __call__(self, intent: Intent) -> Result:
        self.count += 1
        self.log.append(intent)
        if trouble := self.before(self.count, intent):
            raise trouble
        result = self.perform(intent)
        if trouble := self.after(self.count, intent):
            raise trouble
        return result

    def perform(self, intent: Intent) -> Result:
        match intent:
            case Check():
                return Offending(0)
            case Transact(sql, entry, _):
                for statement in sql.statements:
                    self.run(statement)
                return self.write(entry)
            case Record(entry):
                return self.write(entry)
            case ReadEvents(_, after):
                return tuple(e for e in self.events if e.seq > after)
            case Inspect(_, index):
                return IndexLook(self.indexes.get(index, IndexState.ABSENT))
            case Build(work):
                if work.index in self.indexes:
                    raise FailedClean("exists")
                self.indexes[work.index] = IndexState.VALID
            case Drop(drop):
                del self.indexes[drop.index]
            case SurveyKeys():
                return Survey(("id",), ("bigint",), self.rows, 1)
            case ReadProgress(_, step):
                return self.progress.get(step)
            case Fill(_, _, progress, rows):
                return self.fill(progress, rows)
            case Sweep():
                return Offending(len(self.unset), tuple(map(str, sorted(self.unset))))
            case Prove(_, _, progress, rows):
                first = int(progress.cursor[0]) if progress.cursor else 0
                last = min(self.rows, first + rows)
                return Batch((str(last),) if last > first else None, last - first, 0, 1.0)
            case Gauge():
                return Pressure()
            case Wait():
                pass
        return None

    def run(self, statement: str) -> None:
        name = statement[1:]
        if statement[0] == "+":
            assert name not in self.made, f"{name} made twice"
            self.made.append(name)
        else:
            assert name in self.made, f"{name} is not there"
            self.made.remove(name)

    def fill(self, progress: Progress, rows: int) -> Batch:
        first = int(progress.cursor[0]) if progress.cursor else 0
        last = min(self.rows, first + rows)
        if last == first:
            return Batch(None, 0, 0, 0.0)
        done = {i for i in self.unset if first < i <= last}
        self.unset -= done
        self.progress[progress.step] = Progress(
            progress.plan,
            progress.step,
            (str(last),),
            progress.rows_done + last - first,
            self.rows,
            len(done),
            progress.key,
        )
        return Batch((str(last),), last - first, len(done), 1.0)

    def write(self, entry: Entry) -> Event:
        event = Event(len(self.events) + 1, entry.plan, entry.kind, entry.step, 1, T0, entry.detail)
        self.events.append(event)
        return event


def lost(when: int) -> Trouble:
    """The connection breaks at that intent."""
    return lambda n, _: LostConnection("gone") if n == when else None


def interrupted(when: int) -> Trouble:
    """Ctrl-C at that intent."""
    return lambda n, _: KeyboardInterrupt() if n == when else None
