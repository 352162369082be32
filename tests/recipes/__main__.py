"""Lead many random migrations there and back, one after the other, and tell which failed.

`python -m tests.recipes FIRST SEEDS [MAJOR]`.
"""

from __future__ import annotations

import sys
import time

from migrate_safe.model.postgres import MAJORS
from tests.recipes.combinations import lead
from tests.support.servers import server_of


def main(first: int, seeds: int, major: int = MAJORS[-1]) -> int:
    """Run a slice of seeds on a server of a major and give how many failed."""
    failed: list[int] = []
    with server_of(major) as server:
        for seed in range(first, first + seeds):
            began = time.monotonic()
            try:
                told = str(lead(seed, server)).partition(":\n")[0]
            except Exception as wrong:  # whatever it was, the campaign goes on
                failed.append(seed)
                told = f"FAILED {type(wrong).__name__}: {wrong}"
            sys.stdout.write(f"seed {seed} {told} ({time.monotonic() - began:.1f} s)\n")
            sys.stdout.flush()
    sys.stdout.write(f"PostgreSQL {major}: {seeds} seeds from {first} on: {len(failed)} failed {failed or ''}\n")
    return len(failed)


if __name__ == "__main__":
    sys.exit(1 if main(*map(int, sys.argv[1:])) else 0)
