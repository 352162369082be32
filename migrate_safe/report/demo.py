"""What the demo measured, and its closing table."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

_ERRORS_SHOWN = 3


class ClientFigures(Struct, frozen=True):
    """What the clients of one run felt.

    `errors` are the failures by message, most frequent first; `longest_in` is the chapter of the longest call.
    """

    statements: int
    failed: int
    errors: tuple[tuple[str, int], ...]
    longest_ms: float
    longest_in: str
    p99_ms: float
    lost_writes: int


class BackfillFigures(Struct, frozen=True):
    """How fast rows were filled while clients were at work."""

    rows: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Rows filled per second."""
        return self.rows / self.seconds if self.seconds else 0.0


class DemoResult(Struct, frozen=True):
    """The closing figures: the planned run, the naive one on a copy, and what the budget was."""

    safe: ClientFigures
    naive: ClientFigures
    backfill: BackfillFigures
    quiet_ms: float
    """Longest call while nothing was changed: what the machine itself does to clients."""
    stall_budget_ms: int
    same_schema: bool
    """Whether both runs end in the same schema."""
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether the planned run kept its promises: nothing failed, nothing lost, the schema that was asked for."""
        return self.safe.failed == 0 and self.safe.lost_writes == 0 and self.same_schema


def closing_text(result: DemoResult) -> str:
    """Write the closing table and what it proves."""
    rows = list(_rows(result))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    table = (f"  {a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows)
    return "\n".join(["", *table, "", *_errors(result.naive), _verdict(result), ""])


def _rows(result: DemoResult) -> Iterator[tuple[str, str, str]]:
    safe, naive = result.safe, result.naive
    yield "measured by the clients", "migrate-safe", "naive"
    yield "client statements", f"{safe.statements:,}", f"{naive.statements:,}"
    yield "failed", f"{safe.failed:,}", f"{naive.failed:,}"
    yield "acknowledged writes lost", f"{safe.lost_writes:,}", f"{naive.lost_writes:,}"
    yield "longest client stall", f"{safe.longest_ms:,.0f} ms", f"{naive.longest_ms:,.0f} ms"
    yield "  stall budget for one lock attempt", f"{result.stall_budget_ms} ms", "none"
    yield "  longest while nothing was changed", f"{result.quiet_ms:,.0f} ms", ""
    yield "99 of 100 statements within", f"{safe.p99_ms:,.0f} ms", f"{naive.p99_ms:,.0f} ms"
    yield "backfill under load", f"{result.backfill.per_second:,.0f} rows/s", ""
    yield f"  {result.backfill.rows:,} rows in", f"{result.backfill.seconds:.1f} s", ""


def _errors(figures: ClientFigures) -> Iterator[str]:
    for message, times in figures.errors[:_ERRORS_SHOWN]:
        yield f"  naive, {times:,} times: {message}"
    if figures.errors:
        yield ""


def _verdict(result: DemoResult) -> str:
    safe = result.safe
    schema = "both ways end in the same schema" if result.same_schema else "THE TWO WAYS END IN DIFFERENT SCHEMAS"
    where = f'  The longest stall came in "{safe.longest_in}". {result.seconds:.0f} s in all.'
    if result.holds:
        return f"  No client statement failed, no write was lost, {schema}.\n{where}"
    failed = "; ".join(f"{times:,} times: {message}" for message, times in safe.errors[:_ERRORS_SHOWN])
    lost = f"{safe.lost_writes:,} writes lost" if safe.lost_writes else "no write lost"
    return f"  BROKEN PROMISE: {safe.failed:,} statements failed ({failed or 'none'}), {lost}, {schema}.\n{where}"
