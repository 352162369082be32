"""Who waited for whom, and how long: as the server's log tells it, held against what clients saw."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.clients import Call

LOGGING = {
    "log_lock_waits": "on",
    "deadlock_timeout": "10ms",
    "log_connections": "on",
    "log_line_prefix": "%n|%p|%a|",
}
"""Settings under which a server's log says what is read here: waits that have lasted for deadlock_timeout."""
SLACK = 0.02
"""Seconds by which the clocks of the server, of its clients and of this process may seem to differ."""

_LINE = re.compile(r"^(\d+\.\d+)\|(\d+)\|[^|]*\|(\w+):  (.*)$")
_STILL = re.compile(
    r"process (\d+) (?:still waiting|avoided deadlock) for (\w+ on .+?) (?:by rearranging .*)?after ([\d.]+) ms"
)
_GOT = re.compile(r"process (\d+) acquired (\w+ on .+) after ([\d.]+) ms")
_WHO = re.compile(r"Process(?:es)? holding the lock: ([\d, ]*)\. Wait queue: ([\d, ]*)\.")
_CAME = re.compile(r"connection authorized: .*application_name=(\S+)")


class Wait(Struct, frozen=True):
    """One wait for a lock: of a backend, until when (seconds since the epoch), how long, and behind which backends.

    `acquired` is false where it ended otherwise; `ms` is then how long it had lasted when the server spoke of it.
    """

    backend: int
    lock: str
    until: float
    ms: float
    behind: frozenset[int]
    acquired: bool


def waits(log: Path) -> Iterator[Wait]:
    """Read the waits of a log that was written under `LOGGING`."""
    begun: dict[int, Wait] = {}
    for at, backend, kind, text in _lines(log):
        if found := _STILL.match(text):
            begun[backend] = Wait(backend, found[2], at, float(found[3]), frozenset(), False)
        elif kind == "DETAIL" and (who := _WHO.match(text)) and backend in begun:
            before = who[2].split(", ")
            ahead = before[: before.index(str(backend))] if str(backend) in before else before
            wait = begun[backend]
            behind = frozenset(int(pid) for pid in (*who[1].split(", "), *ahead) if pid)
            begun[backend] = Wait(backend, wait.lock, wait.until, wait.ms, behind, False)
        elif (found := _GOT.match(text)) and backend in begun:
            yield Wait(backend, found[2], at, float(found[3]), begun.pop(backend).behind, True)
        elif kind in ("ERROR", "FATAL") and backend in begun:
            yield begun.pop(backend)
    yield from begun.values()


def backends_of(log: Path, application: str) -> frozenset[int]:
    """Give the backends of an application."""
    came = ((backend, _CAME.search(text)) for _, backend, _, text in _lines(log))
    return frozenset(backend for backend, found in came if found and found[1] == application)


def seen(found: Iterable[Wait], calls: Iterable[Call]) -> Iterator[tuple[Wait, Call | None]]:
    """Find, for each wait, the call of a client in which it lies, by backend and time; None where there is none."""
    since, of = time.time() - time.monotonic(), defaultdict(list)
    for call in calls:
        of[call.backend].append(call)
    for wait in found:
        yield wait, next((c for c in of[wait.backend] if _lies_in(wait, c, since)), None)


def _lies_in(wait: Wait, call: Call, since: float) -> bool:
    began = call.due + since
    ended = began + call.milliseconds / 1000
    return began <= wait.until - wait.ms / 1000 + SLACK and wait.until <= ended + SLACK


def _lines(log: Path) -> Iterator[tuple[float, int, str, str]]:
    for line in log.read_text(errors="replace").splitlines():
        if found := _LINE.match(line):
            yield float(found[1]), int(found[2]), found[3], found[4]
