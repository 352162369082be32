"""What an app version asks of a database, and how often: a value that travels to its process as JSON."""

from __future__ import annotations

import msgspec
from msgspec import Struct


class Operation(Struct, frozen=True):
    """Statements that arrive together at `rate` a second; several of them run in one transaction.

    Statements may name `%(row)s` (a row that only this version writes), `%(any_row)s`, `%(token)s` (text that tells
    who wrote it, and which of its writes it was), `%(name)s`, `%(amount)s` and `%(word)s`. An operation that writes a
    token names in `remembers` what holds it; the row is the one it returns, else `row`.
    """

    name: str
    statements: tuple[str, ...]
    rate: float
    writes: bool = False
    remembers: str | None = None


class Workload(Struct, frozen=True):
    """One app version at work. `share` is (k, n): of the rows it writes those with (id - 1) % n = k."""

    app: str
    version: str
    dsn: str
    operations: tuple[Operation, ...]
    rows: int
    share: tuple[int, int] = (0, 1)
    readers: int = 6
    writers: int = 10
    seed: int = 1

    def to_json(self) -> str:
        """Write it as one line."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, line: str) -> Workload:
        """Read what `to_json` wrote."""
        return msgspec.json.decode(line, type=cls)
