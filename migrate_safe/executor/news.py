"""What the executor tells while it works; listeners turn it into progress bars, lines or JSON."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from migrate_safe.model.journal import Entry, Progress


class Journaled(Struct, frozen=True):
    """An entry was written: a step began, was done, was taken back, failed."""

    entry: Entry


class Moved(Struct, frozen=True):
    """A walk over a table moved on. `per_second` counts rows passed; `eta` is in seconds, None when unknown."""

    progress: Progress
    rows: int
    per_second: float
    eta: float | None


class Waiting(Struct, frozen=True):
    """Something is waited for; `blockers` name who is in the way."""

    reason: str
    blockers: tuple[str, ...] = ()


class Building(Struct, frozen=True):
    """How far a concurrent build has come: the server's word for its phase, and how much of that is done.

    `percent` is None where the server does not count; `waits_for` are the backends that it waits for.
    """

    index: str
    phase: str
    percent: int | None
    waits_for: tuple[str, ...] = ()


class Attempted(Struct, frozen=True):
    """A step got its locks: after how many attempts that queued, and how long the last message took."""

    step: str | None
    queued: int
    waited_ms: float
    message_ms: float


class Sent(Struct, frozen=True):
    """SQL as a dry run prints it; `note` says what surrounds it."""

    sql: str
    note: str = ""


class Noted(Struct, frozen=True):
    """Something that the user must know and nobody waits for."""

    text: str


News = Journaled | Moved | Waiting | Building | Attempted | Sent | Noted
Tell = Callable[[News], None]


def silent(_: News) -> None:
    """Tell nobody."""
