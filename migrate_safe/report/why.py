"""The reasons of a plan in words: for each statement the road that was taken and those that were not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate_safe.planner.decision import Decision
from migrate_safe.planner.strategies import strategy_of


def plan_why(decisions: Iterable[Decision]) -> str:
    """Write for each statement its place, what was chosen with the reason, and what was rejected with the reason."""
    return "\n\n".join("\n".join(_lines(d)) for d in decisions if d.operations) + "\n"


def _lines(decision: Decision) -> Iterator[str]:
    for operation in decision.operations:
        span = operation.statement.span
        yield f"{span.file}:{span.line}: {_short(operation.text or operation.statement.text)}"
    drafts = decision.outcome.drafts
    if not drafts:
        yield "  nothing to do: it changes nothing here, or another statement's steps do it"
        return
    strategy = strategy_of(d.step.id for d in drafts)
    phases = ", ".join(dict.fromkeys(str(d.step.phase) for d in sorted(drafts, key=lambda d: d.rank)))
    yield f"  chosen: {strategy.chosen} ({phases})"
    yield f"    for {strategy.reason}"
    for road, why in strategy.rejected:
        yield f"  not: {road}"
        yield f"    for {why}"


def _short(text: str) -> str:
    words = " ".join(line for line in text.split("\n") if not line.lstrip().startswith("--"))
    return " ".join(words.split()).rstrip(";")
