"""Index builds and drops outside transactions: what to do about leftovers and about backends that still work."""

from __future__ import annotations

from collections.abc import Generator

from migrate_safe.executor.intents import (
    Build,
    Busy,
    Drop,
    FailedClean,
    IndexLook,
    IndexState,
    Inspect,
    Intent,
    LostConnection,
    NotAsPlanned,
    Result,
    Talk,
    Wait,
)
from migrate_safe.executor.journaling import journal, start, too_many_losses
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import TryLater
from migrate_safe.model.journal import Entry
from migrate_safe.model.names import Name
from migrate_safe.model.plan import BuildIndex, DropIndexConcurrently


def build_index(work: BuildIndex, end: Entry, seq: int, settings: Settings, *, resumed: bool) -> Talk:
    """Build an index concurrently, once: wait for a build that still runs, drop only a dead leftover.

    A killed client's backend goes on building and may well finish a valid index; a failed build leaves an
    invalid one that IF NOT EXISTS would accept. `resumed` says that a valid index may be our own.
    """
    tries, lost = 0, too_many_losses(end)
    if not resumed:
        yield from _refuse_foreign(work)
    begun = yield from start(end, seq, settings)
    while True:
        look = yield from _settled(work.table, work.index, settings)
        if look.state is IndexState.VALID:
            return (yield from journal(end, begun.seq, settings))
        tries += 1
        if tries > settings.max_losses:
            raise lost
        try:
            if look.state is IndexState.INVALID:
                yield Drop(DropIndexConcurrently(work.table, work.index))
            yield Build(work)
        except LostConnection:
            lost = too_many_losses(end)
        except Busy as busy:
            lost = _cut_off(work.index, busy)
            if busy.overran:
                raise lost from None
            yield Wait(settings.poll, busy.reason)
        except FailedClean:
            yield from _clear(work, settings)
            raise


def drop_index(work: DropIndexConcurrently, end: Entry, seq: int, settings: Settings) -> Talk:
    """Drop an index concurrently; done when there is none."""
    tries, lost = 0, too_many_losses(end)
    begun = yield from start(end, seq, settings)
    while True:
        look = yield from _settled(work.table, work.index, settings)
        if look.state is IndexState.ABSENT:
            return (yield from journal(end, begun.seq, settings))
        tries += 1
        if tries > settings.max_losses:
            raise lost
        try:
            yield Drop(work)
        except LostConnection:
            lost = too_many_losses(end)
        except Busy as busy:
            lost = _cut_off(work.index, busy)
            if busy.overran:
                raise lost from None
            yield Wait(settings.poll, busy.reason)


def _cut_off(index: Name, busy: Busy) -> TryLater:
    """Say what ended work on an index. It runs without a time limit: if it was cancelled, somebody has done so."""
    if not busy.overran:
        return TryLater(
            f'work on index "{index}" was refused again and again: {busy.reason}', next_move="run this again"
        )
    return TryLater(
        f'somebody has cancelled the work on index "{index}" (pg_cancel_backend): {busy.reason}',
        next_move="find out who, and why; then run this again: what is left of it is removed",
    )


def _refuse_foreign(work: BuildIndex) -> Generator[Intent, Result, None]:
    look = yield Inspect(work.table, work.index)
    assert isinstance(look, IndexLook)
    if look.state is IndexState.VALID:
        raise NotAsPlanned(
            f'index "{work.index}" on "{work.table}" exists already, and this plan did not build it',
            next_move="drop or rename it, or take the step out of the plan, then run this again",
        )


def _settled(table: Name, index: Name, settings: Settings) -> Generator[Intent, Result, IndexLook]:
    """Look at an index until no backend works on it any more; raises TryLater when one does for `give_up_after`."""
    waited = 0.0
    while True:
        look = yield Inspect(table, index)
        assert isinstance(look, IndexLook)
        if not look.busy:
            return look
        reason = f'backend {look.busy[0]} still works on index "{index}"'
        if look.held:
            reason = f'backend {look.busy[0]} holds a lock on "{table}" that index "{index}" would wait for{look.held}'
        if waited >= settings.give_up_after:
            raise TryLater(reason, next_move="wait until it ends, or end it, then run this again")
        waited += settings.poll
        yield Wait(settings.poll, reason)


def _clear(work: BuildIndex, settings: Settings) -> Generator[Intent, Result, None]:
    """Drop the invalid index that a failed build has left."""
    look = yield from _settled(work.table, work.index, settings)
    if look.state is IndexState.INVALID:
        yield Drop(DropIndexConcurrently(work.table, work.index))
