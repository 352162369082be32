"""The commands that `status` names lead on and back from where they are named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from migrate_safe.executor.advice import next_move
from migrate_safe.executor.state import fold
from migrate_safe.model.journal import Event, EventKind, Lease
from tests.executor.plans import STORY

T0 = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [step.id for step in STORY.steps]
WHY = {"reason": "it was locked", "next_move": "end that, then run this again"}


def advice(position: int, *kinds: EventKind, step: str, undoing: bool = False) -> str:
    """What is told of a plan with so many steps done, and what then happened to one."""
    story = [(EventKind.OPENED, None), *((EventKind.DONE, i) for i in IDS[:position]), *((k, step) for k in kinds)]
    detail = {**WHY, "undoing": undoing, "leftover": True}
    events = [
        Event(n, "story", kind, of, 1, T0 + timedelta(seconds=n), detail if kind is EventKind.FAILED else {})
        for n, (kind, of) in enumerate(story, 1)
    ]
    return next_move(STORY, fold(events), None, (), T0 + timedelta(days=90))


@pytest.mark.parametrize(
    ("step", "on", "back"),
    [
        ("expand.add-column", "apply story", "rollback story --to baseline"),
        ("migrate.backfill", "apply story", "rollback story --to baseline"),
        ("contract.hide", "apply story --through contract", "rollback story"),
        ("purge.drop", "purge story", "rollback story"),
    ],
)
def test_a_stop_on_the_way_names_the_commands_of_its_phase(step: str, on: str, back: str) -> None:
    at = IDS.index(step)
    assert advice(at, EventKind.FAILED, step=step) == f"end that, then {on} (or go back: {back})"
    assert advice(at, EventKind.STARTED, step=step) == f"it was cut off: {on} goes on, {back} goes back"
    began = EventKind.UNDO_STARTED
    assert advice(at + 1, began, step=step) == (
        f"its way back was cut off: {back} finishes it ({on} takes it back, then goes on)"
    )
    assert advice(at + 1, began, EventKind.FAILED, step=step, undoing=True) == (
        f"end that, then {back} (or go forward again: {on})"
    )


def test_a_step_that_failed_and_was_begun_again_was_cut_off_then() -> None:
    step, failed, began = "migrate.backfill", EventKind.FAILED, EventKind.STARTED
    assert advice(2, began, failed, began, step=step).startswith("it was cut off: apply story goes on")
    assert advice(2, began, failed, began, failed, step=step).startswith("end that, then apply story")


def test_who_is_at_work_is_waited_for_only_where_something_is_left_to_do() -> None:
    done = [Event(n, "story", EventKind.DONE, step, 1, T0) for n, step in enumerate(IDS, 1)]
    closed = [*done, Event(len(IDS) + 1, "story", EventKind.CLOSED, None, 1, T0)]
    lease = Lease("ci:7", 3, None, T0, T0, T0, "ci", 7, (100, 101))
    for orphans in ((), (101,)):
        assert next_move(STORY, fold(closed), lease, orphans, T0) == "nothing: all done"
    assert next_move(STORY, fold(done), lease, (), T0) == 'wait: "ci:7" is at work'
