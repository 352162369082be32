"""The command line as people run it: a process of its own, with exit code and both outputs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


class Ran(Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str


class CommandLine(Struct, frozen=True):
    """Runs migrate-safe in a folder."""

    folder: Path

    def __call__(self, *words: str, stdin: str = "") -> Ran:
        """Run a command to its end; a traceback on either output fails the test."""
        process = self._start(words)
        out, err = process.communicate(stdin, timeout=PATIENCE)
        return _ended(process, out, err)

    def interrupted(self, when: Callable[[], bool], *words: str, by: signal.Signals = signal.SIGINT) -> Ran:
        """Start a command, wait until `when` is true, press Ctrl-C or send another signal, and give how it ended."""
        process = self._start(words)
        try:
            wait_until(lambda: when() or process.poll() is not None)
            process.send_signal(by)
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        return _ended(process, out, err)

    def _start(self, words: tuple[str, ...]) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG") and k != "DATABASE_URL"}
        return subprocess.Popen(
            [sys.executable, "-m", "migrate_safe.cli.main", *words],
            cwd=self.folder,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def wait_until(true: Callable[[], bool], patience: float = 60.0) -> None:
    """Wait for a condition; an AssertionError when it never comes."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def _ended(process: subprocess.Popen[str], out: str, err: str) -> Ran:
    for text in (out, err):
        assert "Traceback" not in text, text
        assert "internal error" not in text, text
    return Ran(process.returncode, out, err)
