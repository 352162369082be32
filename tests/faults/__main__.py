"""Run many trials, one after the other, and tell which failed.

`python -m tests.faults FIRST SEEDS [MAJOR]` runs what seeds stand for, `python -m tests.faults ways-out [MAJOR]` the
table of ways out of contract.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections import Counter

from migrate_safe.model.postgres import MAJORS
from tests.faults.campaign import chosen
from tests.faults.grounds import Grounds
from tests.faults.trial import Skipped, run
from tests.faults.ways_out import EVERY_KIND, FAULTS, cells, walk


def main(first: int, seeds: int, major: int = MAJORS[-1]) -> int:
    """Run a slice of seeds on a server of a major and give how many failed."""
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of what clients tell themselves
    failed: list[int] = []
    met: Counter[str] = Counter()
    with Grounds(major) as grounds:
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
    sys.stdout.write(f"PostgreSQL {major}: {seeds} seeds from {first} on: {len(failed)} failed{': ' if failed else ''}")
    sys.stdout.write(", ".join(map(str, failed)) + "\n")
    return len(failed)


def table(major: int = MAJORS[-1]) -> int:
    """Run the whole table of ways out on a server of a major and give for how many faults it failed."""
    failed = 0
    with Grounds(major) as grounds:
        plan = grounds.reference(EVERY_KIND).plan
        for fault in FAULTS:
            every, began = tuple(cells(plan, fault)), time.monotonic()
            try:
                walk(grounds, every)
            except Skipped as why:
                told = f"skipped: {why}"
            except Exception:  # whatever it was, the table goes on
                failed += 1
                told = f"FAILED\n{traceback.format_exc(limit=-3)}"
            else:
                told = f"{len(every)} cells ({time.monotonic() - began:.0f} s)"
            sys.stdout.write(f"PostgreSQL {major}, {fault}: {told}\n")
            sys.stdout.flush()
    return failed


if __name__ == "__main__":
    words = sys.argv[1:]
    failures = table(*map(int, words[1:])) if words[0] == "ways-out" else main(*map(int, words))
    sys.exit(1 if failures else 0)
