"""How long `migrate-safe lint` takes, as whole processes, beside squawk on the same files: see README.md.

python benchmarks/lint.py --squawk .squawk/bin/squawk
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.corpus import write_corpus
from migrate_safe.rulebook.compiled import COMPILED, compile_rules

LINT = (sys.executable, "-P", "-m", "migrate_safe.cli.entry", "lint", "--format", "json")
UNCACHED = (*LINT, "--no-cache")
ONE_CHANGED = (500, 1_500)
WHOLE = (3_600, 12_000)
"""Files and statements of the two folders."""


def lay_out(place: Path) -> Path:
    """Lay the tool out as its wheel does, with compiled rules in the package; give what goes on Python's path."""
    checkout, site = Path(__file__).parents[1], place / "site"
    package = site / "migrate_safe"
    shutil.copytree(checkout / "migrate_safe", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(checkout / "rules", package / "rules")
    (package / "rules" / COMPILED).write_text(json.dumps(compile_rules(package / "rules")))
    return site


class Run(Struct, frozen=True):
    """One process from start to end: seconds of the clock and of the processor, and MB at its largest."""

    wall: float
    cpu: float
    memory: float


def run(command: Sequence[str | Path], cache: Path) -> Run:
    """Run a command whose findings make its exit code 1; what it prints is read and thrown away."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["MIGRATE_SAFE_CACHE"] = str(cache)
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    while process.stdout.read(1 << 20):
        pass
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit(f"failed: {command}")
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def in_turn(rounds: int, **runs: Callable[[], Run]) -> dict[str, list[Run]]:
    """Run each in turn, round after round: a busy machine is as busy for all. The first round is not counted."""
    found: dict[str, list[Run]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, one in runs.items():
            done = one()
            found[name] += [done] if number else []
    return found


def report(found: dict[str, list[Run]], *, beside: str | None = None) -> None:
    """Print medians and, beside one of them, the median of the ratios within each round."""
    for name, runs in found.items():
        line = f"  {name:<28} {median(r.wall for r in runs):7.2f} s wall {median(r.cpu for r in runs):7.2f} s cpu"
        line += f" {max(r.memory for r in runs):6.0f} MB"
        if beside in found and name != beside:
            pairs = list(zip(runs, found[beside], strict=True))
            line += f"   x{median(a.wall / b.wall for a, b in pairs):.2f} wall"
            line += f" x{median(a.cpu / b.cpu for a, b in pairs):.2f} cpu of {beside}"
        print(line)  # noqa: T201


def one_changed(place: Path, rounds: int) -> None:
    """Lint the last file of a long folder after an edit, in a new process."""
    folder, cache = place / "one", place / "one-cache"
    written = write_corpus(folder, *ONE_CHANGED)
    last = max(folder.iterdir())
    text = last.read_text()
    run((*LINT, last), cache)
    edits = iter(range(1_000_000))

    def edited(command: Sequence[str]) -> Callable[[], Run]:
        def lint() -> Run:
            last.write_text(f"{text}\nALTER TABLE edited ADD COLUMN at_{next(edits)} int;\n")
            return run((*command, last), cache)

        return lint

    print(f"one changed file in a folder of {ONE_CHANGED[0]}, {written} statements")  # noqa: T201
    report(in_turn(rounds, **{"earlier files in the cache": edited(LINT), "without a cache": edited(UNCACHED)}))


def whole(place: Path, rounds: int, squawk: str | None) -> None:
    """Lint a big folder: nothing in the cache, everything in the cache, and squawk."""
    folder, warm = place / "whole", place / "warm"
    written = write_corpus(folder, *WHOLE)
    files = sorted(folder.iterdir())
    run((*LINT, folder), warm)

    def cold() -> Run:
        with tempfile.TemporaryDirectory() as fresh:
            return run((*LINT, folder), Path(fresh) / "cache")

    runs = {"cold cache": cold, "warm cache": lambda: run((*LINT, folder), warm)}
    if squawk is not None:
        runs["squawk"] = lambda: run((squawk, "--reporter", "json", *files), warm)
    print(f"{WHOLE[0]} files, {written} statements")  # noqa: T201
    report(in_turn(rounds, **runs), beside="squawk")


def growth(place: Path) -> None:
    """Lint folders of growing length without a cache: the time for each statement should stay."""
    print("growth, without a cache")  # noqa: T201
    for part in (8, 4, 2, 1):
        folder = place / f"growth-{part}"
        written = write_corpus(folder, WHOLE[0] // part, WHOLE[1] // part)
        done = min((run((*UNCACHED, folder), place) for _ in range(2)), key=lambda one: one.cpu)
        print(f"  {written:6} statements {done.cpu:7.2f} s cpu {1000 * done.cpu / written:6.2f} ms each")  # noqa: T201


def main() -> None:
    """Measure what was asked for, in folders of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--squawk", default=shutil.which("squawk"), help="the squawk to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["one", "whole", "growth"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPATH"] = str(lay_out(Path(folder)))
        if asked.only in (None, "one"):
            one_changed(Path(folder), asked.rounds)
        if asked.only in (None, "whole"):
            whole(Path(folder), asked.rounds, asked.squawk)
        if asked.only in (None, "growth"):
            growth(Path(folder))


if __name__ == "__main__":
    main()
