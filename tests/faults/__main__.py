"""Run many trials: `python -m tests.faults FIRST SEEDS`, one after the other; tells which failed."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections import Counter

from tests.faults.campaign import chosen
from tests.faults.grounds import Grounds
from tests.faults.trial import Skipped, run


def main(first: int, seeds: int) -> int:
    """Run a slice of seeds and give how many failed."""
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of what clients tell themselves
    failed: list[int] = []
    met: Counter[str] = Counter()
    with Grounds() as grounds:
        for seed in range(first, first + seeds):
            trial, began = chosen(seed), time.monotonic()
            try:
                outcome = run(grounds, trial)
            except Skipped as why:
                sys.stdout.write(f"{trial}: skipped: {why}\n")
            except Exception:  # whatever it was, the campaign goes on
                failed.append(seed)
                sys.stdout.write(f"FAILED {trial}\n{traceback.format_exc(limit=-3)}\n")
            else:
                met.update(outcome)
                sys.stdout.write(f"{trial}: {', '.join(outcome)} ({time.monotonic() - began:.1f} s)\n")
            sys.stdout.flush()
    for what, count in sorted(met.items()):
        sys.stdout.write(f"{count:5} {what}\n")
    sys.stdout.write(f"{seeds} seeds from {first} on: {len(failed)} failed{': ' if failed else ''}")
    sys.stdout.write(", ".join(map(str, failed)) + "\n")
    return len(failed)


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]), int(sys.argv[2])) else 0)
