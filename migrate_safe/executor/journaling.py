"""Writing one journal entry for certain: once, also when the connection breaks around it."""

from __future__ import annotations

from collections.abc import Generator

from migrate_safe.executor.intents import Intent, LostConnection, ReadEvents, Record, Result, Talk
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import TryLater
from migrate_safe.model.journal import Entry, Event, EventKind


def journal(entry: Entry, seq: int, settings: Settings) -> Talk:
    """Write an entry alone; `seq` is the last event known before it."""
    losses = 0
    while True:
        try:
            event = yield Record(entry)
        except LostConnection:
            losses += 1
            found = yield from find(entry, seq)
            if found is not None:
                return found
            if losses > settings.max_losses:
                raise too_many_losses(entry) from None
        else:
            assert isinstance(event, Event)
            return event


def start(end: Entry, seq: int, settings: Settings) -> Talk:
    """Journal that a step outside transactions begins; `end` is the entry that will conclude it."""
    kind = EventKind.UNDO_STARTED if end.kind is EventKind.UNDONE else EventKind.STARTED
    return (yield from journal(Entry(end.plan, kind, end.step), seq, settings))


def find(entry: Entry, seq: int) -> Generator[Intent, Result, Event | None]:
    """Look in the journal whether an entry was written after all."""
    events = yield ReadEvents(entry.plan, seq)
    assert isinstance(events, tuple)
    return next((e for e in events if e.kind is entry.kind and e.step == entry.step), None)


def too_many_losses(entry: Entry) -> TryLater:
    """Say that the connection broke too often within one step."""
    return TryLater(
        f'the connection broke again and again during step "{entry.step}"',
        next_move="see that the server is well, then run this again; the journal knows where it stands",
    )
