"""What a planned migration costs beside the plain one, on one server, in turn: see README.md.

python benchmarks/executor.py stalls crowded backfill triggers growth journal --rows 1000000
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from msgspec import Struct

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.crowded import crowded
from benchmarks.item import (
    BUDGET,
    OPERATIONS,
    RATES,
    load_on,
    planned,
    reading,
    run_plain,
    run_plan,
    say,
    table_of,
)
from benchmarks.self_update import self_update
from migrate_safe.adapters.clients import Call, running
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.scratch import ScratchServer, scratch_server
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.demo_figures import percentile
from migrate_safe.app.executing import Target
from migrate_safe.executor.news import Attempted, Journaled, News
from migrate_safe.executor.settings import Settings
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Backfill, Phase, Plan, Sql, Step
from migrate_safe.model.values import replace


class Felt(Struct, frozen=True):
    """What clients felt while something ran: the longest statement and the 99th percentiles in ms, and failures."""

    longest: float
    reads_p99: float
    writes_p99: float
    failed: int
    seconds: float


# ---- stalls ----------------------------------------------------------------------------------


def stalls(server: ScratchServer, rows: int, _: int) -> None:
    """Compare what clients feel, with a transaction of ten seconds that has read the table in the way."""
    say(f"stalls: {rows} rows, {RATES[0]:.0f} reads/s and {RATES[1]:.0f} writes/s, a transaction of 10 s; ms")
    say(f"{'':<40}{'plain: longest':>16}{'planned: longest':>18}{'ratio':>8}{'p99 r/w':>12}{'failed':>8}")
    for name, sql in OPERATIONS.items():
        plain = felt(server, rows, lambda dsn, sql=sql: run_plain(dsn, sql))
        ours = felt(server, rows, lambda dsn, sql=sql: run_plan(dsn, sql, Settings(stall_budget_ms=BUDGET)))
        ratio = plain.longest / ours.longest
        p99 = f"{ours.reads_p99:.0f} / {ours.writes_p99:.0f}"
        say(f"{name:<40}{plain.longest:>16.0f}{ours.longest:>18.0f}{ratio:>7.0f}x{p99:>12}{ours.failed:>8}")


def felt(server: ScratchServer, rows: int, work: Callable[[str], None]) -> Felt:
    """Run something on a fresh table under load."""
    with table_of(server, rows) as dsn, running(load_on(dsn, rows)) as client:
        time.sleep(1)
        with reading(dsn, 10.0):
            began = time.monotonic()
            work(dsn)
            ended = time.monotonic()
        time.sleep(0.5)
        client.stop()
        calls = [c for c in client.calls if began - 0.1 <= c.due <= ended]
    return summed(calls, ended - began)


def summed(calls: list[Call], seconds: float) -> Felt:
    """Sum up calls."""
    by = {name: [c.milliseconds for c in calls if c.operation == name] for name in ("read", "write")}
    failed = sum(1 for c in calls if c.error is not None)
    longest = max((c.milliseconds for c in calls), default=0.0)
    return Felt(longest, percentile(by["read"], 0.99), percentile(by["write"], 0.99), failed, seconds)


# ---- backfill --------------------------------------------------------------------------------


RENAME = "ALTER TABLE item RENAME COLUMN note TO remark;"


def backfill(server: ScratchServer, rows: int, rounds: int) -> None:
    """Compare rows a second: one UPDATE of all rows, our batches with one and two workers, self-updates."""
    say(f"backfill: {rows} rows, a text column of 60 bytes, no load; rows/s, medians of {rounds} rounds")
    ways: dict[str, Callable[[ScratchServer, int], float]] = {
        "one UPDATE": one_update,
        "batches, 1 worker": lambda s, n: batches(s, n, 1),
        "batches, 2 workers": lambda s, n: batches(s, n, 2),
        "self-update as by pgroll": self_update,
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            rates[name].append(way(server, rows))
    for name, found in rates.items():
        ratios = [a / b for a, b in zip(found, rates["one UPDATE"], strict=True)]
        say(f"  {name:<32}{median(found):>12.0f}   {median(ratios):.2f} of one UPDATE")


def expanded(dsn: str) -> Plan:
    """Plan the rename and run its expand phase: column and sync triggers are there."""
    made = planned(dsn, RENAME)
    apply(made, Target(dsn), Wish(Phase.EXPAND))
    return made


def one_update(server: ScratchServer, rows: int) -> float:
    """Fill the column by one statement, as a naive migration does, the sync being there."""
    with table_of(server, rows) as dsn:
        expanded(dsn)
        with connect(dsn) as connection:
            began = time.monotonic()
            connection.execute("BEGIN; SET LOCAL migrate_safe.backfill = 'on'; UPDATE item SET remark = note; COMMIT")
            return rows / (time.monotonic() - began)


def batches(server: ScratchServer, rows: int, workers: int) -> float:
    """Fill the column as `apply` does: batches of half the stall budget, cursor and journal with each."""
    with table_of(server, rows) as dsn:
        made, marks = expanded(dsn), list[float]()
        step = next(step for step in made.steps if isinstance(step.work, Backfill))

        def hear(news: News) -> None:
            if isinstance(news, Journaled) and news.entry.step == step.id:
                marks.append(time.monotonic())

        apply(made, Target(dsn), settings=Settings(workers=workers, max_lag_mb=1_000_000), tell=hear)
        return rows / (marks[-1] - marks[0])


# ---- the cost of the sync triggers -------------------------------------------------------------


def triggers(server: ScratchServer, rows: int, rounds: int, seconds: int = 6) -> None:
    """Compare pgbench updates with and without the sync triggers: that touch the columns, and that do not."""
    say(f"triggers: pgbench, 4 clients, {seconds} s a run, medians of {rounds} pairs; cost in percent")
    scripts = {
        "not touching the columns": "UPDATE item SET name = name || '' WHERE id = :id;",
        "touching the old column": "UPDATE item SET note = :id::text WHERE id = :id;",
    }
    with table_of(server, rows) as plain, table_of(server, rows) as synced:
        apply(planned(synced, RENAME), Target(synced), Wish(Phase.MIGRATE))
        for durable in ("on", "off"):
            for name, script in scripts.items():
                costs = []
                for number in range(rounds):
                    order = (plain, synced) if number % 2 else (synced, plain)
                    rate = {dsn: pgbench(server, dsn, script, rows, durable, seconds) for dsn in order}
                    costs.append((rate[plain] / rate[synced] - 1) * 100)
                what = "durable commits" if durable == "on" else "synchronous_commit = off"
                say(f"  {name:<28}{what:<28}{median(costs):>6.1f} %   {', '.join(f'{c:.0f}' for c in sorted(costs))}")


def pgbench(server: ScratchServer, dsn: str, script: str, rows: int, durable: str, seconds: int) -> float:
    """Give transactions a second."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(f"\\set id random(1, {rows})\n{script}\n")
        file.flush()
        command = [str(server.bin / "pgbench"), "-n", "-M", "prepared", "-c", "4", "-T", str(seconds), "-f", file.name]
        environment = {"PGOPTIONS": f"-c synchronous_commit={durable}"}
        ran = subprocess.run([*command, dsn], capture_output=True, text=True, check=True, env=environment)
    found = re.search(r"tps = ([\d.]+)", ran.stdout)
    assert found is not None, ran.stdout
    return float(found[1])


# ---- growth and the journal ------------------------------------------------------------------


def growth(server: ScratchServer, rows: int, _: int) -> None:
    """Time the messages that hold locks, of expand and of contract, on tables of growing size."""
    say("growth: longest message that holds a lock, ms (expand / contract), and seconds of the whole")
    for name in ("rename a column", "set not null", "add a foreign key", "add a check"):
        line = f"  {name:<28}"
        size = 10_000
        while size <= rows:
            held: list[tuple[str, float]] = []

            def hear(news: News, held: list[tuple[str, float]] = held) -> None:
                if isinstance(news, Attempted):
                    held.append((news.step or "", news.message_ms))

            with table_of(server, size) as dsn:
                made = planned(dsn, OPERATIONS[name])
                began = time.monotonic()
                apply(made, Target(dsn), Wish(Phase.CONTRACT), tell=hear)
                took = time.monotonic() - began
            strict = {s.id: s.phase for s in made.steps if any(x.mode.blocks_reads for x in locks_of(s))}
            by = {p: [ms for step, ms in held if strict.get(step) is p] for p in (Phase.EXPAND, Phase.CONTRACT)}
            line += f"{size:>10}: {'/'.join(f'{max(v):.0f}' if v else '-' for v in by.values()):>7} {took:5.1f} s"
            size *= 10
        say(line)
    say(f"  memory of this process at its largest: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def locks_of(step: Step) -> tuple[object, ...]:
    """Give the locks of a step's SQL."""
    return tuple(getattr(step.work, "locks", ()))


def journal(server: ScratchServer, _rows: int, _rounds: int) -> None:
    """Compare instant steps, each with its lock, its look at the holders and its event, with the same DDL alone."""
    count = 100
    statements = [f"ALTER TABLE public.item ALTER note SET STATISTICS {n + 1}" for n in range(count)]
    where = Name("public", "item")
    locks = (Lock(where, LockMode.SHARE_UPDATE_EXCLUSIVE),)
    steps = [
        Step(f"expand.s{n}", Phase.EXPAND, text, Sql((text,), locks), Sql((text,), locks))
        for n, text in enumerate(statements)
    ]
    with table_of(server, 1000) as dsn:
        made = replace(planned(dsn, OPERATIONS["add a check"]), name="steps", steps=tuple(steps))
        began = time.monotonic()
        with connect(dsn) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        plain = time.monotonic() - began
        began = time.monotonic()
        apply(made, Target(dsn), Wish(Phase.EXPAND))
        ours = time.monotonic() - began
    say(f"journal: {count} instant steps: {ours / count * 1000:.1f} ms each, plain DDL {plain / count * 1000:.1f} ms")


def main() -> None:
    """Run the parts that are named."""
    parts = {
        "stalls": stalls,
        "crowded": crowded,
        "backfill": backfill,
        "triggers": triggers,
        "growth": growth,
        "journal": journal,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; all if none is named")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="of backfill and triggers")
    parser.add_argument("--postgres", default="embedded")
    wanted = parser.parse_args()
    if unknown := set(wanted.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    settings = {
        "shared_buffers": "512MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "30min",
        "autovacuum_naptime": "1s",
    }
    with scratch_server(wanted.postgres, durable=True, settings=settings) as server:
        say(f"PostgreSQL {server.version}, fsync on")
        for part in wanted.parts or parts:
            parts[part](server, wanted.rows, wanted.rounds)


if __name__ == "__main__":
    main()
