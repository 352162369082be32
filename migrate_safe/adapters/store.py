"""The cache: values under the digest of all that they follow from, in files that one user owns.

Nothing in it is needed: what is missing, cut off, damaged or cannot be written is worked out again. Files are read as
data of known types, never as code, and count only under the digest that stands in them.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")

VARIABLE = "MIGRATE_SAFE_CACHE"
"""Names the folder of the cache; default: migrate-safe in the folder of the user's caches."""
LIMIT = 256 * 1024 * 1024
"""Bytes that the cache may take; what was not used for longest goes first."""
_DIGEST = 32
_SUFFIX = ".kept"
_DAMAGED = (msgspec.MsgspecError, zlib.error, ValueError, TypeError, RecursionError, MemoryError)


class Store(Struct, frozen=True):
    """A folder of values by key; made by `open_store`, which looks whose folder it is."""

    folder: Path
    limit: int = LIMIT

    def get(self, key: bytes, kind: type[T]) -> T | None:
        """Give the value kept under a key; None where there is none that can be trusted."""
        path = self._path(key)
        try:
            data = path.read_bytes()
            if data[:_DIGEST] != _digest(key, data[_DIGEST:]):
                return None
            os.utime(path)  # so that what is in use stays
        except OSError:
            return None
        try:
            return msgspec.msgpack.decode(zlib.decompress(data[_DIGEST:]), type=kind)
        except _DAMAGED:
            return None

    def put(self, key: bytes, value: object) -> None:
        """Keep a value under a key, whole or not at all; not where the folder does not take it."""
        try:
            packed = zlib.compress(msgspec.msgpack.encode(value), level=1)
        except (*_DAMAGED, UnicodeEncodeError):
            return
        import tempfile  # slow to import, and not needed for what is there

        with contextlib.suppress(OSError):
            number, name = tempfile.mkstemp(dir=self.folder)
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(_digest(key, packed) + packed)
                Path(name).replace(self._path(key))
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    def tidy(self) -> None:
        """Remove what was not used for longest until the rest is within the limit, and what a crash left behind."""
        with contextlib.suppress(OSError):
            files = sorted(self._files(), reverse=True)
            taken = 0
            for _, size, path in files:
                taken += size
                if taken > self.limit:
                    path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    yield found.st_mtime, found.st_size, Path(entry.path)

    def _path(self, key: bytes) -> Path:
        return self.folder / f"{key.hex()}{_SUFFIX}"


def open_store() -> Store | None:
    """Open the user's cache, making its folder; None where there is no folder that this user alone may write to."""
    folder = _folder()
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except (OSError, ValueError):
        return None
    ours = not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)
    return Store(folder) if ours and stat.S_ISDIR(found.st_mode) else None


def _folder() -> Path | None:
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    above = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    if above and Path(above).is_absolute():
        return Path(above) / "migrate-safe"
    try:
        return Path.home() / ".cache" / "migrate-safe"
    except RuntimeError:  # no home
        return None


def _digest(key: bytes, data: bytes) -> bytes:
    return blake2b(data, key=key[:64], digest_size=_DIGEST).digest()
