"""What the executor tells while it works; listeners turn it into progress bars, lines or JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrate_safe.model.journal import Entry, Progress


@dataclass(frozen=True, slots=True)
class Journaled:
    """An entry was written: a step began, was done, was taken back, failed."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Moved:
    """A walk over a table moved on. `per_second` counts rows passed; `eta` is in seconds, None when unknown."""

    progress: Progress
    rows: int
    per_second: float
    eta: float | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is waited for; `blockers` name who is in the way."""

    reason: str
    blockers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Building:
    """How far a concurrent build has come: the server's word for its phase, and how much of that is done.

    `percent` is None where the server does not count; `waits_for` are the backends that it waits for.
    """

    index: str
    phase: str
    percent: int | None
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempted:
    """A step got its locks: after how many attempts that queued, and how long the last message took."""

    step: str | None
    queued: int
    waited_ms: float
    message_ms: float


@dataclass(frozen=True, slots=True)
class Sent:
    """SQL as a dry run prints it; `note` says what surrounds it."""

    sql: str
    note: str = ""


News = Journaled | Moved | Waiting | Building | Attempted | Sent
Tell = Callable[[News], None]


def silent(_: News) -> None:
    """Tell nobody."""
