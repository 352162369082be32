"""Migration files: read them whatever their bytes are, and put them in the order in which they run."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from itertools import islice
from operator import attrgetter
from pathlib import Path

from msgspec import Struct, field

from migrate_safe.adapters.frameworks import (
    framework_of,
    is_planned,
    is_revert,
    journal_order,
    runner_of,
    shared_runner,
    sqitch_files,
    sqitch_root,
)
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Unanalysed
from migrate_safe.model.framework import HABITS, Framework, Runner
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace

STDIN = Path("-")
LARGEST = 20 * 1024 * 1024
"""Bytes of a file that is read."""
_PIECE = 64 * 1024
_FOR_READING = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_FOLDER_PER_MIGRATION = {"migration.sql", "up.sql", "down.sql"}
"""File names of Prisma and Diesel, which give each migration a folder of its own."""

_VERSION = re.compile(r"[vV]?\d+(?:[._-]\d+)*\Z")
"""Names of folders: 12, v1.4, 2026-03."""
_DOWN = re.compile(r"(?:^|\.)down\.sql\Z|^U\d[\w.]*__", re.IGNORECASE)
_REPEATABLE = re.compile(r"^R__")
_NUMBER = re.compile(r"\d")
_NUMBERS = re.compile(r"(\d+)")
_DASHED_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}(?:-\d+)?")
_SHORT_DATE = re.compile(r"^(?:19|20)\d{6,11}(?!\d)")
_DIRECTION = re.compile(r"[._-]?(?:up|down|do|undo)?\.sql\Z", re.IGNORECASE)
_VERSIONED = re.compile(r"^[VU](?=\d)")
_OTHER_DATABASE = re.compile(
    r"[._-](mysql|mariadb|sqlite3?|cockroach(?:db)?|mssql|sqlserver|oracle|clickhouse)[._-]", re.I
)
_name = attrgetter("name")
_SKIPPED_FOLDERS = {".git", ".hg", ".venv", "node_modules", "__pycache__"}


class History(Struct, frozen=True):
    """The migrations of one folder in the order in which they run, down files beside their up files.

    `shared` is what is known of the runner for all of them; `planned` are files whose order a plan tells, whatever
    their names are.
    """

    root: Path
    files: tuple[Path, ...]
    shared: Runner = field(default_factory=Runner)
    planned: frozenset[Path] = frozenset()

    def runner(self, path: Path) -> Runner:
        """Give what the files around a migration say of how it runs."""
        return runner_of(path, self.shared)

    def before_any(self, paths: Iterable[Path]) -> frozenset[Path]:
        """Give the files whose way forward has run when one of these runs."""
        ordered = [p for p in paths if self.is_ordered(p)]
        downs = {_stem(p) for p in ordered if is_down(p)}
        ups = {p for p in ordered if not is_down(p)}
        behind = frozenset(f for f in self.files if _stem(f) in downs) if downs else frozenset()
        ends = (i + (f in behind) for i, f in enumerate(self.files) if f in ups or f in behind)
        return frozenset(f for f in self.files[: max(ends, default=0)] if not is_down(f) and self.is_ordered(f))

    def before(self, path: Path) -> tuple[Path, ...]:
        """Give the files whose way forward has run when `path` runs; a down file has its own up file behind it.

        Only names with a number in them tell an order: other files have nothing before them, and are before nothing.
        """
        if not self.is_ordered(path):
            return ()
        return tuple(
            f for f in self.files[: self._position(path)] if not is_down(f) and f != path and self.is_ordered(f)
        )

    def has_several(self) -> bool:
        """Say whether an ordered migration has others before or behind it."""
        ups = (f for f in self.files if self.is_ordered(f) and not is_down(f))
        return len(tuple(islice(ups, 2))) == 2

    def is_ordered(self, path: Path) -> bool:
        """Say whether a file's name, below the folder, tells when it runs."""
        if self.planned:
            return path in self.planned
        name = path.name
        if _NUMBER.search(name) is not None or _REPEATABLE.match(name) is not None:
            return True
        return any(map(_NUMBER.search, _below(path, self.root)))

    def _position(self, path: Path) -> int:
        if not is_down(path):
            return self.files.index(path)
        at = _stem(path)
        return max((i + 1 for i, f in enumerate(self.files) if _stem(f) == at), default=len(self.files))


def read_source(path: Path) -> Source | Unanalysed:
    """Read one file as UTF-8, with or without a byte order mark; say why where it cannot be done.

    `-` reads standard input. Line ends stay as they are. What is larger than LARGEST is not read.
    """
    name = "<stdin>" if path == STDIN else str(path)
    if path == STDIN and sys.stdin is None:
        return Unanalysed(name, 1, "cannot be read: it is closed")
    try:
        data = sys.stdin.buffer.read(LARGEST + 1) if path == STDIN else _beginning(path)
    except OSError as error:
        return Unanalysed(name, 1, f"cannot be read: {_os_reason(error)}")
    if len(data) > LARGEST:
        return Unanalysed(name, 1, f"is larger than {LARGEST >> 20} MB, which is not read: keep data out of migrations")
    return decode(name, data)


def _beginning(path: Path) -> bytes:
    """Read a file, of one that is too large no more than tells so; a pipe does not say beforehand how much it holds.

    Thousands of small files are read several times as fast as through a file object.
    """
    pieces, left = [], LARGEST + 1
    number = os.open(path, _FOR_READING)
    try:
        while left and (piece := os.read(number, min(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
    finally:
        os.close(number)
    return b"".join(pieces)


def digest(*paths: Path) -> str:
    """Give the SHA-256 of the bytes of files, in hex. Raises UsageError when one cannot be read."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(_bytes(path))
    return whole.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f'"{path}" cannot be read: {_os_reason(error)}', next_move="name a file") from error


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all, making its folder. Raises UsageError when that cannot be done.

    A link is followed. What is no file (`/dev/null`, a pipe) is written to, never replaced: replacing it is what
    root may do to a device.
    """
    goal = Path(os.path.realpath(path))
    beside = goal.with_name(f".{goal.name}.{os.getpid()}.tmp")
    try:
        if goal.exists() and not goal.is_file():
            goal.write_text(text, encoding="utf-8")
            return
        goal.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(goal)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise UsageError(f'"{path}" cannot be written: {_os_reason(error)}', next_move="name another file") from error


def decode(name: str, data: bytes) -> Source | Unanalysed:
    """Decode the bytes of a file, or name the first byte that is not text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Unanalysed(name, 1, "is UTF-16, not UTF-8: save it as UTF-8")
    if (zero := data.find(b"\0")) >= 0:
        return Unanalysed(name, _line(data, zero), f"is not text: a NUL byte at offset {zero}")
    try:
        return Source(name, data.removeprefix(BOM_UTF8).decode())
    except UnicodeDecodeError as error:
        at = error.start + (len(BOM_UTF8) if data.startswith(BOM_UTF8) else 0)
        return Unanalysed(name, _line(data, at), f"is not UTF-8: byte 0x{data[at]:02x} at offset {at}")


def find_histories(paths: Iterable[Path]) -> tuple[tuple[History, tuple[Path, ...]], ...]:
    """Find, for files and folders that a user names, each history and those of its files that were meant.

    Folders are searched through; a file brings its whole folder as its history. Raises UsageError for a
    path that is not there.
    """
    wanted: dict[Path, None] = {}
    contents = cache(_contents)  # what is searched through is put in order as well
    for path in paths:
        if path != STDIN:
            _must_be_there(path)
        found = tuple(_walk(path, contents)) if is_folder(path) else (path,)
        if not found:
            raise UsageError(f'no .sql files in "{path}"', next_move="name a folder that holds migrations")
        wanted.update(dict.fromkeys(found))
    roots: dict[Path, list[Path]] = {}
    root_in = cache(partial(_root_in, contents=contents))
    for path in wanted:
        roots.setdefault(root_in(os.path.dirname(path), _is_nested(path.name)), []).append(path)  # noqa: PTH120 - quick
    return tuple(_meant(root, files, contents) for root, files in roots.items())


def history_of(root: Path) -> History:
    """Put the SQL files of one migration folder into the order in which they run."""
    return _history(root, _contents)


def root_of(path: Path) -> Path:
    """Give the folder whose files are the history of a migration file."""
    return _root_in(str(path.parent), _is_nested(path.name), _contents)


def is_folder(path: Path) -> bool:
    """Say whether a path leads to a folder; not where it cannot be looked at, whatever the reason."""
    return stat.S_ISDIR(_mode(path) or 0)


def is_file(path: Path) -> bool:
    """Say whether a path leads to a file; not where it cannot be looked at, whatever the reason."""
    return stat.S_ISREG(_mode(path) or 0)


def is_ours(name: str) -> bool:
    """Say whether a file in a folder is SQL that is not marked by its name as another database's."""
    return name.lower().endswith(".sql") and _OTHER_DATABASE.search(name) is None


def is_down(path: Path) -> bool:
    """Say whether a whole file is a way back, by its name: x.down.sql, down.sql, U1__x.sql, or by Sqitch's folder."""
    return _DOWN.search(path.name) is not None or ("revert" in path.parts and is_revert(path))


def order_key(path: Path, root: Path) -> tuple[object, ...]:
    """Make the sort key of a migration: numbers by value, repeatable ones (R__) last, up before down."""
    *folders, name = _below(path, root)
    names = [_plain_date(part) for part in (*folders, _stem_name(name))]
    if _is_nested(name):
        names = [_whole_date(name) for name in names]
    parts = tuple(tuple(_natural(name)) for name in names)
    return (_REPEATABLE.match(name) is not None, parts, is_down(path), "/".join((*folders, name)))


# ---- below -----------------------------------------------------------------------------------

_Contents = Callable[[Path], tuple[Sequence[Path], Sequence[Path]]]
"""Gives the folders and the SQL files in a folder. Raises OSError where it cannot be listed."""


def _history(root: Path, contents: _Contents) -> History:
    if planned := sqitch_files(root) if is_planned(root) else ():
        return History(root, planned, Runner(Framework.SQITCH), frozenset(planned))
    folders, files = _seen(root, contents)
    nested = (f for d in folders for f in _seen(d, contents)[1] if _is_nested(f.name))
    below = (f for d in _versions(root, contents) for f in _seen(d, contents)[1])
    flat = (f for f in (*files, *below) if not _is_nested(f.name))
    found = sorted([*flat, *nested], key=lambda f: order_key(f, root))
    shared = shared_runner(root, framework_of(root, found))
    return History(root, _ordered(root, found, shared.framework), shared)


def _root_in(folder: str, nested: bool, contents: _Contents) -> Path:
    place = Path(folder)
    if (planned := sqitch_root(place)) is not None:
        return planned
    if nested or (_VERSION.match(place.name) and place in _versions(place.parent, contents)):
        return place.parent
    return place


def _versions(root: Path, contents: _Contents) -> Sequence[Path]:
    """Give folders that are named by versions, one after the other a history; not where each holds much the same."""
    folders = [folder for folder in _seen(root, contents)[0] if _VERSION.match(folder.name)]
    names = Counter(file.name for folder in folders for file in _seen(folder, contents)[1])
    copies = sum(count for count in names.values() if count > 1)
    return folders if 2 * copies < names.total() else ()


def _is_nested(name: str) -> bool:
    return name.lower() in _FOLDER_PER_MIGRATION


def _meant(root: Path, wanted: list[Path], contents: _Contents) -> tuple[History, tuple[Path, ...]]:
    history = _history(root, contents) if STDIN not in wanted else History(root, (STDIN,))
    meant = set(wanted)
    known = set(history.files)
    strangers = [p for p in wanted if p not in known]
    if strangers:  # a name without .sql, a broken link
        together = sorted({*history.files, *wanted}, key=lambda f: order_key(f, root))
        files = (*history.files, *strangers) if history.planned else _ordered(root, together, history.shared.framework)
        history = replace(history, files=files)
    return history, tuple(f for f in history.files if f in meant)


def _ordered(root: Path, files: Sequence[Path], framework: Framework | None) -> tuple[Path, ...]:
    """Put files that stand in order of their numbers into that of their runner, if it has another."""
    if framework is Framework.DRIZZLE:
        places = journal_order(root)
        return tuple(sorted(files, key=lambda f: places.get(f.stem, len(places))))
    if framework is not None and HABITS[framework].by_text:
        return tuple(sorted(files, key=lambda f: (str(_stem(f.relative_to(root))), is_down(f))))
    return tuple(files)


def _must_be_there(path: Path) -> None:
    try:
        path.lstat()
    except FileNotFoundError:
        raise UsageError(f'no file or folder "{path}"', next_move="name SQL files or folders of migrations") from None
    except OSError as error:
        raise UsageError(
            f'"{path}" cannot be read: {_os_reason(error)}', next_move="name SQL files or folders of migrations"
        ) from None


def _walk(folder: Path, contents: _Contents) -> Iterator[Path]:
    """Give every .sql file below a folder, following links to folders but none twice.

    A folder that cannot be listed is given itself, to be reported when it is read.
    """
    seen, unlisted, left = set[str](), list[Path](), [folder]
    while left:
        place = left.pop()
        real = os.path.realpath(place)
        if real in seen:
            continue
        seen.add(real)
        try:
            folders, files = contents(place)
        except OSError:
            unlisted.append(place)
            continue
        yield from files
        left += reversed(folders)
    yield from unlisted


def _contents(folder: Path) -> tuple[list[Path], list[Path]]:
    """Give the folders and the SQL files in a folder, by name. Raises OSError where it cannot be listed."""
    folders, files = list[Path](), list[Path]()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=_name):
            if _leads_to(entry.is_dir):
                folders += [folder / entry.name] if entry.name not in _SKIPPED_FOLDERS else []
            elif is_ours(entry.name) and (_leads_to(entry.is_file) or _is_readable(folder / entry.name)):
                files.append(folder / entry.name)
    return folders, files


def _seen(folder: Path, contents: _Contents) -> tuple[Sequence[Path], Sequence[Path]]:
    """Give what is in a folder; nothing where it cannot be listed, which is reported when it is read."""
    try:
        return contents(folder)
    except OSError:
        return [], []


def _leads_to(asked: Callable[[], bool]) -> bool:
    try:
        return asked()
    except OSError:  # a loop of links
        return False


def _below(path: Path, root: Path) -> tuple[str, ...]:
    """Give the names of a path below a folder; all of them where it is not below."""
    above = root.parts
    return path.parts[len(above) :] if path.parts[: len(above)] == above else path.parts


def _is_readable(path: Path) -> bool:
    """Say whether an entry is a file, or one that cannot be looked at and will be reported; pipes are not."""
    mode = _mode(path)
    return mode is None or stat.S_ISREG(mode)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except OSError:
        return None


def _stem(path: Path) -> Path:
    return path.with_name(_stem_name(path.name))


def _stem_name(name: str) -> str:
    """Take the direction out of a name, so that a migration's up and down files sort together."""
    return _VERSIONED.sub("", _DIRECTION.sub("", name)) or "sql"


def _plain_date(text: str) -> str:
    """Take the dashes out of a leading date, as Diesel does: 2017-03-20-171841 comes after 20160101000000."""
    return _DASHED_DATE.sub(lambda found: found[0].replace("-", ""), text)


def _whole_date(text: str) -> str:
    """Fill a leading date up to the second, for Prisma and Diesel order names as text, not by number."""
    return _SHORT_DATE.sub(lambda found: found[0].ljust(14, "0"), text)


def _natural(text: str) -> Iterator[tuple[int, int, str]]:
    for piece in _NUMBERS.split(text):
        if piece.isdecimal():
            yield (0, int(piece), piece)
        elif piece in (".", "_"):
            yield (2, 0, "")  # V1__a runs before V1.1__b
        elif piece:
            yield (1, 0, piece.casefold())


def _line(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _os_reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
