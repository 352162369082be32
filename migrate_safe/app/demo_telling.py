"""How the demo speaks: what a narrator must be able to say, and the clock that listens with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct, field

from migrate_safe.adapters.clients import Client
from migrate_safe.executor.news import Journaled, Moved, News
from migrate_safe.model.journal import EventKind
from migrate_safe.model.plan import Backfill, Plan
from migrate_safe.report.demo import BackfillFigures


class Narrator(Protocol):
    """Says what happens as it happens."""

    def chapter(self, title: str) -> None:
        """Begin a chapter."""

    def say(self, text: str) -> None:
        """Say a sentence."""

    def show(self, title: str, text: str) -> None:
        """Show a file, or what a command printed."""

    def news(self, news: News) -> None:
        """Pass on what the executor tells."""

    def serving(self, live: Mapping[str, Client], share: float) -> None:
        """Show how the running versions fare, at `share` of the time that they get."""

    def served(self, live: Mapping[str, Client]) -> None:
        """Sum up how the running versions fared."""


class Stopwatch(Struct):
    """Listens to the executor beside a narrator, and clocks each backfill by what the journal says."""

    narrator: Narrator
    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    filled: dict[str, int] = field(default_factory=dict)

    def __call__(self, news: News) -> None:
        """Hear one piece of news."""
        match news:
            case Journaled(entry) if entry.step is not None:
                if entry.kind is EventKind.STARTED:
                    self.began[entry.step] = time.monotonic()
                elif entry.kind is EventKind.DONE:
                    self.ended[entry.step] = time.monotonic()
            case Moved(progress):
                self.filled[progress.step] = progress.filled
            case _:
                pass
        self.narrator.news(news)

    def backfill(self, plan: Plan) -> BackfillFigures:
        """Give the rows that the plan's backfills filled, and how long they took."""
        steps = [step.id for step in plan.steps if isinstance(step.work, Backfill) and step.id in self.ended]
        seconds = sum(self.ended[step] - self.began[step] for step in steps)
        return BackfillFigures(sum(self.filled.get(step, 0) for step in steps), seconds)
