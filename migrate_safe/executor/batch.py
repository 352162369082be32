"""How many rows the next batch takes."""

from __future__ import annotations


def next_size(rows: int, ms: float, target_ms: float, *, smallest: int, largest: int, waited_for: bool = False) -> int:
    """Give the next batch size so that it takes about `target_ms`, and half as long once clients have waited for one.

    Grows at most twofold, so that one lucky batch does not make a client wait; shrinks as far as it must.
    """
    factor = min(0.5 if waited_for else 2.0, target_ms / ms if ms > 0 else 2.0)
    return max(smallest, min(largest, int(rows * factor)))


def smaller(rows: int, *, smallest: int) -> int:
    """Give the size after a batch that was cut off by its time limit."""
    return max(smallest, rows // 4)
