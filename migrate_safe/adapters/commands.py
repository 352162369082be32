"""Run a command of the user's against a scratch database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote

from migrate_safe.adapters import mourner
from migrate_safe.adapters.postgres import parse_dsn
from migrate_safe.model.errors import UsageError

_OTHERS = ("PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR", "PGPASSFILE", "PGTARGETSESSIONATTRS")
"""Variables that would lead a client elsewhere."""
GRACE = 5.0
"""Seconds that a command gets to end by itself once it is interrupted."""


def run_command(command: Sequence[str], dsn: str, port: int | None, variables: Sequence[tuple[str, str]]) -> int:
    """Run a command to its end with the database in its environment, and give its exit code.

    `port` takes the place of the DSN's: that of a door in front of the server. `variables` are further ones, whose
    templates may hold {dsn}, {host}, {port}, {user}, {password} and {dbname}. What it prints goes to stderr.
    Raises UsageError when it cannot be started or a template is wrong.
    """
    environment = {k: v for k, v in os.environ.items() if k not in _OTHERS} | _variables(dsn, port, variables)
    try:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), process_group=0
        )
    except OSError as error:
        raise UsageError(
            f'cannot run "{command[0]}": {error.strerror}', next_move="give a program and its arguments behind --"
        ) from None
    with _mourned(process):
        try:
            return process.wait()
        except KeyboardInterrupt:
            _end(process)
            raise


@contextmanager
def _mourned(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Have a command ended by a process of its own where this one dies before, which no signal handler can see to."""
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", mourner.__file__, str(GRACE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in a terminal is not for it
        cwd="/",
    )
    assert watcher.stdin is not None
    with watcher, suppress(BrokenPipeError):
        watcher.stdin.write(f"{process.pid}\n".encode())
        watcher.stdin.flush()
        try:
            yield
        finally:
            watcher.stdin.write(b"over\n")
            watcher.stdin.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started: kindly first, and by force what has not gone by then."""
    try:
        _signal(process, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    finally:  # also at once, for those who do not want to wait
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _variables(dsn: str, port: int | None, more: Sequence[tuple[str, str]]) -> dict[str, str]:
    parts = {key: str(value) for key, value in parse_dsn(dsn).items() if value is not None}
    host = "127.0.0.1" if port is not None else parts.get("host", "127.0.0.1")
    words = {
        "host": host,
        "port": str(port if port is not None else parts.get("port", 5432)),
        "user": parts.get("user", "postgres"),
        "password": parts.get("password", ""),
        "dbname": parts.get("dbname", "postgres"),
    }
    secret = f":{quote(words['password'], safe='')}" if words["password"] else ""
    place = "" if host.startswith("/") else f"{host}:{words['port']}"
    query = f"?host={quote(host, safe='')}&port={words['port']}" if host.startswith("/") else ""
    url = f"postgresql://{quote(words['user'], safe='')}{secret}@{place}/{quote(words['dbname'], safe='')}{query}"
    found = {
        "DATABASE_URL": url,
        "PGHOST": words["host"],
        "PGPORT": words["port"],
        "PGUSER": words["user"],
        "PGPASSWORD": words["password"],
        "PGDATABASE": words["dbname"],
        "PGSSLMODE": "disable",
    }
    return found | {name: _filled(name, template, {**words, "dsn": url}) for name, template in more}


def _filled(name: str, template: str, words: dict[str, str]) -> str:
    try:
        return template.format_map(words)
    except (KeyError, IndexError, ValueError) as error:
        raise UsageError(
            f'--env {name}: "{template}" is no template: {error}',
            next_move="use " + ", ".join(f"{{{word}}}" for word in sorted(words)),
        ) from None
