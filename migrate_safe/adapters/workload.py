"""What an app version asks of a database, and how often: a value that travels to its process as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Operation:
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


@dataclass(frozen=True, slots=True)
class Workload:
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
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Workload:
        """Read what `to_json` wrote."""
        fields = json.loads(line)
        fields["operations"] = tuple(
            Operation(**{**o, "statements": tuple(o["statements"])}) for o in fields["operations"]
        )
        fields["share"] = tuple(fields["share"])
        return cls(**fields)
