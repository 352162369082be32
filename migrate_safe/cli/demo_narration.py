"""Narrate the demo: plain lines anywhere, headings and progress bars on a terminal."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from msgspec import Struct, field
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from migrate_safe.adapters.clients import Client
from migrate_safe.app.demo_telling import Narrator
from migrate_safe.executor.news import Journaled, Moved, News, Waiting
from migrate_safe.model.journal import EventKind

_WORDS = {
    EventKind.STARTED: "begins",
    EventKind.UNDO_STARTED: "begins to go back",
    EventKind.DONE: "done",
    EventKind.UNDONE: "taken back",
    EventKind.FAILED: "FAILED, nothing of it stays",
}

MOVED_EVERY = 1.0
"""Seconds between two lines about one walk over a table, where there is no bar."""


@contextmanager
def narrator_for(stream: TextIO) -> Iterator[Narrator]:
    """Give the narrator that fits a stream."""
    if stream.isatty():
        with bars(Console(file=stream, highlight=False)) as progress:
            yield TerminalNarrator(progress)
    else:
        yield PlainNarrator(stream)


def bars(console: Console) -> Progress:
    """Give the bar at the bottom: what is going on, how far it is, and a note."""
    columns = (TextColumn("  {task.description}"), BarColumn(24), TextColumn("{task.fields[note]}"))
    return Progress(*columns, console=console, transient=True)


class PlainNarrator(Struct):
    """Writes one line per event, with the seconds since the start before each chapter."""

    stream: TextIO
    began: float = field(default_factory=time.monotonic)
    chapters: int = 0
    moved: float = 0.0

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self.chapters += 1
        self._line(f"\n[{time.monotonic() - self.began:5.1f} s] {self.chapters}. {title}")

    def say(self, text: str) -> None:
        """Say a sentence."""
        self._line(textwrap.indent(text, "  "))

    def show(self, title: str, text: str) -> None:
        """Show a file, or what a command printed."""
        self._line(f"  {title}\n{textwrap.indent(text.strip(), '    | ', lambda _: True)}")

    def news(self, news: News) -> None:
        """Pass on what the executor tells; of a walk over a table one line now and then."""
        line = line_of(news)
        if isinstance(news, Moved) and time.monotonic() - self.moved > MOVED_EVERY:
            self.moved = time.monotonic()
            line = f"  {rows_of(news)}"
        if line is not None:
            self.say(line)

    def serving(self, live: Mapping[str, Client], share: float) -> None:
        """Say nothing: `served` will."""

    def served(self, live: Mapping[str, Client]) -> None:
        """Sum up how the running versions fared."""
        for line in fared(live):
            self.say(line)

    def _line(self, text: str) -> None:
        self.stream.write(f"{text}\n")
        self.stream.flush()


class TerminalNarrator(Struct):
    """Writes headings and lines above a progress bar that says what is going on."""

    progress: Progress
    began: float = field(default_factory=time.monotonic)
    chapters: int = 0
    task: TaskID | None = None

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self.chapters += 1
        seconds = f"[dim]{time.monotonic() - self.began:5.1f} s[/dim]"
        self._print(f"\n{seconds}  [bold cyan]{self.chapters}. {escape(title)}[/bold cyan]")

    def say(self, text: str) -> None:
        """Say a sentence."""
        style = "bold red" if "FAILED" in text or text.startswith("exit ") else "default"
        self._print(f"[{style}]{escape(textwrap.indent(text, '  '))}[/{style}]")

    def show(self, title: str, text: str) -> None:
        """Show a file, or what a command printed."""
        body = textwrap.indent(text.strip(), "    | ", lambda _: True)
        self._print(f"  [bold]{escape(title)}[/bold]\n[dim]{escape(body)}[/dim]")

    def news(self, news: News) -> None:
        """Pass on what the executor tells; a walk over a table moves the bar."""
        if isinstance(news, Moved):
            done, total = news.progress.rows_done, news.progress.rows_total or 0
            self._bar(news.progress.step, done / max(done, total, 1), rows_of(news))
            return
        line = line_of(news)
        if line is not None:
            self.say(line)

    def serving(self, live: Mapping[str, Client], share: float) -> None:
        """Move the bar."""
        self._bar("serving", share, "; ".join(fared(live)))

    def served(self, live: Mapping[str, Client]) -> None:
        """Sum up how the running versions fared."""
        self._end_bar()
        for line in fared(live):
            self.say(line)

    def _bar(self, what: str, share: float, note: str) -> None:
        if self.task is None:
            self.task = self.progress.add_task(what, total=1.0, note="")
        self.progress.update(self.task, description=what, completed=share, note=note)

    def _end_bar(self) -> None:
        if self.task is not None:
            self.progress.remove_task(self.task)
            self.task = None

    def _print(self, markup: str) -> None:
        self._end_bar()
        self.progress.console.print(markup, soft_wrap=True)


def line_of(news: News) -> str | None:
    """Put a piece of news into a line, None for what is left out."""
    match news:
        case Journaled(entry) if entry.step is not None and entry.kind in _WORDS:
            reason = f": {entry.detail['reason']}" if "reason" in entry.detail else ""
            return f"{entry.step}  {_WORDS[entry.kind]}{reason}"
        case Waiting(reason, blockers):
            return f"{reason}{': ' if blockers else ''}{'; '.join(blockers)}"
        case _:
            return None


def rows_of(news: Moved) -> str:
    """Say how far a walk over a table has come."""
    now = news.progress
    total = f" of about {now.rows_total:,}" if now.rows_total else ""
    return f"{now.rows_done:,}{total} rows, {news.per_second:,.0f} rows/s"


def fared(live: Mapping[str, Client]) -> Iterator[str]:
    """Say of each running version what it has done so far."""
    for version, client in live.items():
        tick = client.latest
        yield f"{version}: {tick.statements:,} statements, {tick.failed} failed, longest {tick.worst_ms:,.0f} ms"
