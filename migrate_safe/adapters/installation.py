"""What runs here: a signature that changes whenever an answer may, for values that are kept from run to run.

Of an installed package the installer's record has the digest of every file: a job that installs the same version
anew has the same signature. What was written after that record, and all of a checkout, counts by size and time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

_PARTS = ("migrate_safe", "postgast")
"""Packages whose code decides what an answer is: this one, and the one that brings PostgreSQL's parser."""


def installation() -> tuple[object, ...]:
    """Give what tells this installation from others: Python's version and the files of the packages that decide."""
    return (sys.implementation.cache_tag, *sys.version_info, *map(_package, _PARTS))


def _package(name: str) -> list[object]:
    spec = find_spec(name)
    places = spec.submodule_search_locations if spec is not None else None
    return [package_signature(Path(place)) for place in places or ()]


def package_signature(folder: Path) -> tuple[object, ...]:
    """Give the signature of the package in a folder."""
    records = sorted(folder.parent.glob(f"{folder.name}-*.dist-info/RECORD"))
    written = max((path.stat().st_mtime_ns for path in records), default=0)
    files = sorted(_files(folder))
    newer = [(path, time) for path, _, time in files if time > written]
    place = () if records else (str(folder),)
    return (*place, [path.read_bytes() for path in records], [size for _, size, _ in files], newer)


def _files(folder: str | Path) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _files(entry.path)
            else:
                found = entry.stat()
                yield entry.path, found.st_size, found.st_mtime_ns
