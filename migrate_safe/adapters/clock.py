"""What day it is: read here at the edge, handed down as a value."""

from __future__ import annotations

from datetime import UTC, date, datetime


def today() -> date:
    """Give the day in UTC, which is the same on every machine that runs a pipeline."""
    return datetime.now(UTC).date()
