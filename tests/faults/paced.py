"""Real processes of the command line that hold before one of their intents, so that something can happen there."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.performer import Performer
from migrate_safe.app import executing
from migrate_safe.cli.main import COMMANDS, load_command, main
from migrate_safe.executor.intents import Build, Drop, Fill, Gauge, Intent, Prove, Record, Result, Transact

LONGEST = 90.0
"""Seconds after which a command counts as stuck."""


class Held(Struct, frozen=True):
    """Where a process holds: before which intent; the backends of its session and of its heartbeat."""

    intent: str
    backend: int
    beat: int


def counts(intent: Intent) -> bool:
    """Say whether an intent is worth a fault: a look at the load of the server comes before every other."""
    return not isinstance(intent, Gauge)


class Steps:
    """Follows which step an intent works on."""

    def __init__(self) -> None:
        self._begun: str | None = None

    def does(self, intent: Intent) -> str | None:
        """Give the id of the step whose work an intent does, be it forward or back; None where it only looks."""
        match intent:
            case Transact(entry=entry):
                return entry.step
            case Record(entry):
                self._begun = entry.step
                return None
            case Build() | Drop() | Fill() | Prove():
                return self._begun
        return None


@contextmanager
def watched(before: Callable[[Intent, Performer], None]) -> Iterator[None]:
    """Call something before every intent of this process."""

    class Watched(Performer):
        """Performs as ever."""

        def __call__(self, intent: Intent) -> Result:
            before(intent, self)
            return super().__call__(intent)

    real, executing.Performer = executing.Performer, Watched  # type: ignore[misc]
    try:
        yield
    finally:
        executing.Performer = real  # type: ignore[misc]


class Process:
    """One command at work. `held` is where it holds: nowhere without `hold_at`; None when it has ended before.

    It holds before an intent of a number, or before the work of a step.
    """

    def __init__(self, *arguments: str, hold_at: int | str = 0) -> None:
        self.arguments = arguments
        self._folder = tempfile.TemporaryDirectory(prefix="paced-")
        self.said = Path(self._folder.name) / "said"
        self._link, far = multiprocessing.Pipe()
        self._process = _SERVER.Process(target=_work, args=(arguments, hold_at, far, str(self.said)), daemon=True)
        self._process.start()
        far.close()
        self.held = self._await_hold() if hold_at else Held("start", 0, 0)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.is_alive()

    def go(self) -> None:
        """Let it go on."""
        with suppress(OSError):
            self._link.send(None)

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.alive and self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def wait(self, seconds: float = LONGEST) -> int | None:
        """Give its exit code, None while it runs; negative for a signal."""
        self._process.join(seconds)
        return self._process.exitcode

    def end(self) -> tuple[int, str]:
        """Wait for its end; gives exit code and all it said."""
        code = self.wait()
        if code is None:
            self.send(signal.SIGKILL)
            self._process.join()
        words = self.said.read_text() if self.said.exists() else ""
        self._link.close()
        self._folder.cleanup()
        assert code is not None, f"{self.arguments} is stuck: {words}"
        assert "Traceback" not in words and "bug" not in words, words
        return code, words

    def _await_hold(self) -> Held | None:
        ready = wait([self._link, self._process.sentinel], LONGEST)
        if self._link not in ready:
            return None
        try:
            held = self._link.recv()
        except EOFError:
            return None
        assert isinstance(held, Held)
        return held


def _work(arguments: tuple[str, ...], hold_at: int | str, link: Connection, said: str) -> None:
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)

    seen, steps, was_held = 0, Steps(), False

    def hold(intent: Intent, performer: Performer) -> None:
        nonlocal seen, was_held
        seen += counts(intent)
        if hold_at in (seen, steps.does(intent)) and counts(intent) and not was_held:
            was_held = True
            link.send(Held(type(intent).__name__, performer.db.pid, performer.beat.pid))
            link.recv()

    with watched(hold):
        sys.exit(main(arguments))


for _name, _module, _ in COMMANDS:
    if _name in ("apply", "rollback", "abandon", "purge", "status"):
        load_command(_name, _module)  # here, so that no child has to

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([__name__])
