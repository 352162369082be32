"""A step in one transaction: prove what it requires, run it, and find out whether a lost one happened."""

from __future__ import annotations

from collections.abc import Generator

from migrate_safe.executor.intents import (
    Check,
    Intent,
    LostConnection,
    NotAsPlanned,
    Offending,
    Result,
    Talk,
    Transact,
)
from migrate_safe.executor.journaling import find, too_many_losses
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import Refused
from migrate_safe.model.journal import Entry, Event, EventKind
from migrate_safe.model.plan import Requirement, Sql

_CORRECT = "correct or remove what is named here, then run this again"
CHEAP_SHARE = 0.1
"""Requirements that took at most this share of the stall budget are looked at again under the lock."""


def transact(sql: Sql, entry: Entry, seq: int, settings: Settings) -> Talk:
    """Run a step whose SQL and journal entry commit together; `seq` is the last event known before it.

    A connection lost around COMMIT leaves it open whether the step happened: the journal knows.
    """
    losses = 0
    while True:
        try:
            guards = yield from _check_all(sql, entry, settings)
            event = yield Transact(sql, entry, guards)
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


def held_up(requirement: Requirement, found: Offending, first: str = "") -> Refused:
    """Say which rows the old form cannot hold: the way back is refused until they are gone.

    `first` is what to do before the rows can be corrected, written as the beginning of a sentence.
    """
    return Refused(_offending_text(requirement, found), next_move=f"{first}{_CORRECT}; or go on forward")


def held_back(requirement: Requirement, found: Offending) -> Refused:
    """Say which rows a step on the way would fail on: the way is refused before its first step."""
    later = "leave the statement to a later migration, once no app version makes such rows"
    return Refused(_offending_text(requirement, found), next_move=f"{_CORRECT}; or {later}")


def _check_all(sql: Sql, entry: Entry, settings: Settings) -> Generator[Intent, Result, tuple[Requirement, ...]]:
    cheap: list[Requirement] = []
    for requirement in sql.require:
        found = yield Check(requirement)
        assert isinstance(found, Offending)
        if found.count and entry.kind is EventKind.UNDONE:
            raise held_up(requirement, found)
        if found.count:
            raise NotAsPlanned(_offending_text(requirement, found), next_move=_CORRECT)
        if found.ms <= settings.stall_budget_ms * CHEAP_SHARE:
            cheap.append(requirement)
    return tuple(cheap)


def _offending_text(requirement: Requirement, found: Offending) -> str:
    rows = "row" if found.count == 1 else "rows"
    return f"{requirement.message}: {found.count} {rows}, first: {', '.join(found.keys)}"
