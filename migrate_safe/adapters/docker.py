"""PostgreSQL in a container, where a Docker engine answers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from migrate_safe.model.errors import UsageError

DEFAULT_MAJOR = 18
PING_TIMEOUT = 2
"""Seconds to wait for the engine. A docker client on the PATH proves nothing: the engine must answer."""


@contextmanager
def container(major: int | None, settings: Mapping[str, str]) -> Iterator[str]:
    """Run `postgres:<major>` and give its DSN; raises UsageError where that cannot be."""
    _require_engine()
    try:
        from testcontainers.postgres import PostgresContainer
    except ImportError:
        raise UsageError("testcontainers is not installed (pip install 'migrate-safe[docker]')") from None
    options = " ".join(f"-c {key}={value}" for key, value in settings.items())
    box = PostgresContainer(f"postgres:{major or DEFAULT_MAJOR}", driver=None).with_command(options)
    try:
        box.start()
    except Exception as error:  # the engine's errors have no common class
        raise UsageError(f"the container does not start: {error}") from None
    try:
        yield str(box.get_connection_url())
    finally:
        box.stop()


def _require_engine() -> None:
    socket = Path("/var/run/docker.sock")
    if "DOCKER_HOST" not in os.environ and not socket.exists():
        raise UsageError(f'no Docker engine (no DOCKER_HOST, no "{socket}")')
    try:
        import docker
    except ImportError:
        raise UsageError("testcontainers is not installed (pip install 'migrate-safe[docker]')") from None
    try:
        docker.from_env(timeout=PING_TIMEOUT).ping()
    except Exception as error:  # DockerException, requests and urllib3 errors alike
        raise UsageError(f"no Docker engine answers: {error}") from None
