from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from migrate_safe.adapters.clients import Tick
from migrate_safe.cli.demo_narration import PlainNarrator, TerminalNarrator, bars, line_of, narrator_for
from migrate_safe.executor.news import Attempted, Journaled, Moved, Waiting
from migrate_safe.model.journal import Entry, EventKind
from migrate_safe.model.journal import Progress as Walked

LIVE = {"v41": SimpleNamespace(latest=Tick(1234, 2, 56.7))}
DONE = Journaled(Entry("shop", EventKind.DONE, "contract.hide", {}))
MOVED = Moved(Walked("shop", "migrate.backfill", ("7",), 500, 1000, 400), 100, 2500.0, 1.0)


@pytest.fixture(params=["plain", "terminal"])
def heard(request):
    """A narrator of each kind, and the stream that it writes to."""
    stream = io.StringIO()
    if request.param == "plain":
        yield PlainNarrator(stream), stream
        return
    with bars(
        Console(file=stream, force_terminal=True, width=200, highlight=False, _environ={"TERM": "xterm"})
    ) as progress:
        yield TerminalNarrator(progress), stream


def test_both_narrators_say_the_same(heard):
    narrator, stream = heard
    narrator.chapter("contract [again]")
    narrator.say("exit 75: no lock")
    narrator.show("status", "a\n\nb\n")
    narrator.news(DONE)
    narrator.news(Waiting("a lock", ("pid 7",)))
    narrator.news(MOVED)
    narrator.serving(LIVE, 0.5)
    narrator.served(LIVE)
    told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    for words in (
        "1. contract [again]",
        "exit 75: no lock",
        "    | a\n    | \n    | b",
        "contract.hide  done",
        "a lock: pid 7",
        "v41: 1,234 statements, 2 failed, longest 57 ms",
    ):
        assert words in told


def test_both_narrators_say_how_far_a_backfill_is(heard):
    narrator, stream = heard
    narrator.news(MOVED)
    if isinstance(narrator, TerminalNarrator):
        narrator.progress.refresh()
    assert "500 of about 1,000 rows, 2,500 rows/s" in stream.getvalue()


def test_a_stream_that_is_no_terminal_gets_lines_without_colour():
    stream = io.StringIO()
    with narrator_for(stream) as narrator:
        narrator.chapter("one")
        narrator.news(MOVED)
    assert isinstance(narrator, PlainNarrator)
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 3


def test_a_failure_says_why():
    failed = Journaled(Entry("shop", EventKind.FAILED, "contract.hide", {"reason": "no lock"}))
    assert line_of(failed) == "contract.hide  FAILED, nothing of it stays: no lock"
    assert line_of(Attempted("contract.hide", 1, 2.0, 3.0)) is None
    assert line_of(Journaled(Entry("shop", EventKind.OPENED, None, {}))) is None
