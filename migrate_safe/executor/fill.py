"""Backfill: walk a table by key, fill what is unset in small batches, sweep until nothing is left."""

from __future__ import annotations

from collections.abc import Generator

from migrate_safe.executor.batch import next_size, smaller
from migrate_safe.executor.intents import (
    Batch,
    Busy,
    Fill,
    Intent,
    LostConnection,
    Offending,
    ReadProgress,
    Result,
    Survey,
    SurveyKeys,
    Sweep,
    Talk,
    Wait,
)
from migrate_safe.executor.journaling import journal, start, too_many_losses
from migrate_safe.executor.settings import Settings
from migrate_safe.executor.throttle import clear
from migrate_safe.model.errors import StepFailed, TryLater
from migrate_safe.model.journal import Entry, Progress
from migrate_safe.model.plan import Backfill
from migrate_safe.model.values import replace

IDLE_PASSES = 3
"""Passes that change nothing although rows are unset, before that is called a fault of the plan."""

Walk = Generator[Intent, Result, Progress]


def fill(work: Backfill, end: Entry, seq: int, settings: Settings, *, resumed: bool) -> Talk:
    """Fill every unset row of a table, starting where a walk that was cut off stood.

    Rows that move while the walk passes (a changed key, a new place under ctid) are found by the sweep at
    its end, after which the walk starts again; it ends when a sweep finds nothing. Rows that are unset also once they
    are written would be written for ever: the first of them is the end.
    """
    assert end.step is not None
    begun = yield from start(end, seq, settings)
    survey = yield SurveyKeys(work.table, tuple(c for c, _ in work.assign))
    assert isinstance(survey, Survey)
    progress = Progress(end.plan, end.step, None, 0, survey.rows, key=survey.key)
    if resumed:
        progress = yield from _reread(progress)
    idle = 0
    while True:
        before = progress.filled
        progress = yield from _pass(work, survey, progress, end, settings)
        left = yield Sweep(work, survey)
        assert isinstance(left, Offending)
        if not left.count:
            break
        idle = idle + 1 if progress.filled == before else 0
        if idle >= IDLE_PASSES:
            raise _unfillable(work, left)
        progress = replace(progress, cursor=None)
    told = replace(end, detail={**end.detail, "rows": progress.filled})
    return (yield from journal(told, begun.seq, settings))


def _pass(work: Backfill, survey: Survey, progress: Progress, end: Entry, settings: Settings) -> Walk:
    """Walk once to the end of the table."""
    given, rows, blocked, losses = settings, settings.batch_rows, 0.0, 0
    while True:
        settings = yield from clear(end.plan, given, loads=True)
        rows = min(rows, settings.batch_max)
        try:
            batch = yield Fill(work, survey, progress, rows, settings.workers)
        except LostConnection:
            losses += 1
            if losses > settings.max_losses:
                raise too_many_losses(end) from None
            progress = yield from _reread(progress)
            continue
        except Busy as busy:
            if busy.overran:
                rows = smaller(rows, smallest=settings.batch_min)
            blocked += settings.poll + (0.0 if busy.overran else busy.waited)
            if blocked > settings.give_up_after:
                raise _blocked(work, busy) from None
            yield Wait(settings.poll / 4 if busy.overran else settings.poll, busy.reason)
            continue
        assert isinstance(batch, Batch)
        blocked = 0.0
        if batch.stuck:
            left = yield Sweep(work, survey)
            assert isinstance(left, Offending)
            raise _unfillable(work, left)
        if batch.last is None:
            return progress
        progress = replace(
            progress,
            cursor=batch.last,
            rows_done=progress.rows_done + batch.passed,
            filled=progress.filled + batch.changed,
        )
        rows = next_size(
            rows,
            batch.ms,
            settings.batch_ms,
            smallest=settings.batch_min,
            largest=settings.batch_max,
            waited_for=batch.waiting > 0,
        )


def _reread(progress: Progress) -> Walk:
    """Take up the journal's word on how far the walk came; one by another key begins anew."""
    found = yield ReadProgress(progress.plan, progress.step)
    assert found is None or isinstance(found, Progress)
    if found is None or found.key != progress.key:
        return replace(progress, cursor=None, rows_done=0, filled=0)
    return replace(found, rows_total=progress.rows_total)


def _unfillable(work: Backfill, left: Offending) -> StepFailed:
    return StepFailed(
        f'backfill of "{work.table}" leaves rows unset that it cannot fill, first: {", ".join(left.keys)}',
        next_move=f"see why ({work.unset}) stays true for them; correct the rows or the plan, then run this again",
    )


def _blocked(work: Backfill, busy: Busy) -> TryLater:
    return TryLater(
        f'backfill of "{work.table}" makes no headway: {busy.reason}',
        next_move="end the transaction that holds the rows, then run this again: it goes on where it stopped",
    )
