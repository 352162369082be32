"""Sum up every call of every client of the demo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from migrate_safe.adapters.clients import Call
from migrate_safe.report.demo import ClientFigures


class Chapter(Struct, frozen=True):
    """A part of the story and when it began (monotonic seconds)."""

    title: str
    began: float


def sum_up(calls: Sequence[Call], chapters: Sequence[Chapter], lost_writes: int) -> ClientFigures:
    """Sum up the calls of a run."""
    errors = Counter(call.error for call in calls if call.error is not None)
    longest = max(calls, key=lambda call: call.milliseconds)
    return ClientFigures(
        statements=sum(call.statements for call in calls),
        failed=errors.total(),
        errors=tuple(errors.most_common()),
        longest_ms=longest.milliseconds,
        longest_in=chapter_of(longest, chapters),
        p99_ms=percentile((call.milliseconds for call in calls), 0.99),
        lost_writes=lost_writes,
    )


def longest_within(calls: Iterable[Call], chapters: Sequence[Chapter], title: str) -> float:
    """Give the longest call that ended in a chapter, in milliseconds."""
    return max((call.milliseconds for call in calls if chapter_of(call, chapters) == title), default=0.0)


def chapter_of(call: Call, chapters: Sequence[Chapter]) -> str:
    """Give the title of the chapter in which a call was due."""
    before = [chapter.title for chapter in chapters if chapter.began <= call.due]
    return before[-1] if before else ""


def percentile(values: Iterable[float], share: float) -> float:
    """Give the smallest value that is not exceeded by that share of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
