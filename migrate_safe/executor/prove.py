"""Verification: walk a table and count the rows of which something is not true."""

from __future__ import annotations

from migrate_safe.executor.batch import next_size, smaller
from migrate_safe.executor.intents import (
    Batch,
    Busy,
    FailedClean,
    LostConnection,
    Prove,
    Survey,
    SurveyKeys,
    Talk,
    Wait,
)
from migrate_safe.executor.journaling import journal, start, too_many_losses
from migrate_safe.executor.settings import Settings
from migrate_safe.executor.throttle import clear
from migrate_safe.model.errors import TryLater
from migrate_safe.model.journal import Entry, Progress
from migrate_safe.model.plan import Verify
from migrate_safe.model.values import replace


def prove(work: Verify, end: Entry, seq: int, settings: Settings) -> Talk:
    """Prove that `holds` is true of every row; a proof that was cut off starts anew.

    Raises FailedClean with the count and the first keys of the rows of which it is not true.
    """
    assert end.step is not None
    begun = yield from start(end, seq, settings)
    survey = yield SurveyKeys(work.table)
    assert isinstance(survey, Survey)
    progress = Progress(end.plan, end.step, None, 0, survey.rows, key=survey.key)
    rows, losses, wrong, blocked = settings.verify_rows, 0, 0, 0.0
    keys: tuple[str, ...] = ()
    given = settings
    while True:
        settings = yield from clear(end.plan, given, loads=False)
        try:
            batch = yield Prove(work, survey, progress, rows)
        except LostConnection:
            losses += 1
            rows = smaller(rows, smallest=settings.batch_min)
            if losses > settings.max_losses:
                raise too_many_losses(end) from None
            continue
        except Busy as busy:
            rows = smaller(rows, smallest=settings.batch_min)
            blocked += settings.poll + busy.waited
            if blocked > settings.give_up_after:
                raise _blocked(work, busy) from None
            yield Wait(settings.poll, busy.reason)
            continue
        assert isinstance(batch, Batch)
        blocked = 0.0
        wrong += batch.changed
        keys = (*keys, *batch.keys)[: settings.keys_shown]
        if batch.last is None:
            break
        progress = replace(progress, cursor=batch.last, rows_done=progress.rows_done + batch.passed)
        rows = next_size(
            rows, batch.ms, settings.verify_ms, smallest=settings.batch_min, largest=100 * settings.batch_max
        )
    if wrong:
        raise FailedClean(
            f'{work.message}: {wrong} {"row" if wrong == 1 else "rows"} of "{work.table}", first: {", ".join(keys)}',
            next_move="correct those rows (or the expression in the plan), then run this again",
        )
    told = replace(end, detail={**end.detail, "rows": progress.rows_done})
    return (yield from journal(told, begun.seq, settings))


def _blocked(work: Verify, busy: Busy) -> TryLater:
    return TryLater(
        f'verification of "{work.table}" makes no headway: {busy.reason}',
        next_move="end the transaction that is in the way, or wait for it; then run this again",
    )
