"""What runs here: a signature that changes whenever an answer may, for values that are kept from run to run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

_PARTS = ("migrate_safe", "postgast")
"""Packages whose code decides what an answer is: this one, and the one that brings PostgreSQL's parser."""


def installation() -> tuple[object, ...]:
    """Give Python's version and, of each package, the place, names, sizes and times of its files."""
    return (sys.version, *(part for name in _PARTS for part in _package(name)))


def _package(name: str) -> Iterator[object]:
    spec = find_spec(name)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield place
        yield from sorted(_files(place))
        yield sorted(str(path) for path in Path(place).parent.glob(f"{name}-*"))  # its version


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _files(entry.path)
            else:
                found = entry.stat()
                yield entry.path, found.st_size, found.st_mtime_ns
