"""What a project says of the rules and of its runner, for all files or for those that match."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from msgspec import Struct, field

from migrate_safe.model.finding import Severity
from migrate_safe.model.framework import Framework
from migrate_safe.model.values import PartlyCompared
from migrate_safe.model.wrapping import Wrapping

T = TypeVar("T")


class SmallTable(Struct, frozen=True):
    """Up to which size a table is small: in bytes, or in rows."""

    bytes: int | None = None
    rows: int | None = None


class Preferences(PartlyCompared, frozen=True, eq=False):
    """One table of settings.

    `severity` and `disable` name rules or themes, none of them twice. `match` are patterns of files, seen from
    `folder`; None: every file, and what is no file. `places` says where in the settings a name stands.
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"places"})

    severity: Mapping[str, Severity] = field(default_factory=dict)
    disable: tuple[str, ...] = ()
    wrapping: Wrapping | None = None
    framework: Framework | None = None
    small_table: SmallTable | None = None
    match: tuple[str, ...] | None = None
    folder: Path = Path()
    places: Mapping[str, str] = field(default_factory=dict)

    def speaks_of(self, path: Path) -> bool:
        """Say whether a file is meant."""
        if self.match is None:
            return True
        name = seen_from(self.folder, path)
        return name is not None and any(matches(pattern, name) for pattern in self.match)

    def level(self, name: str) -> Severity | bool | None:
        """Give the severity of a rule or theme, False where it is switched off, None where nothing is said."""
        return False if name in self.disable else self.severity.get(name)


def level_of(rule: str, theme: str, tables: Sequence[Preferences]) -> Severity | bool | None:
    """Give what the last table says that names a rule or its theme; in one table the rule's own name wins."""
    for table in reversed(tables):
        for name in (rule, theme):
            level = table.level(name)
            if level is not None:
                return level
    return None


def preferred(path: Path, tables: Sequence[Preferences], said: Callable[[Preferences], T | None]) -> T | None:
    """Give what the last table says that means a file and tells."""
    for table in reversed(tables):
        found = said(table)
        if found is not None and table.speaks_of(path):
            return found
    return None


def seen_from(folder: Path, path: Path) -> str | None:
    """Give a path below a folder with forward slashes, None where it is not below."""
    here = Path(os.path.abspath(folder))  # noqa: PTH100 - a link's own name counts first
    for each in (Path(os.path.abspath(path)), path.resolve()):  # noqa: PTH100
        for base in (here, folder.resolve()):
            if each.is_relative_to(base):
                return each.relative_to(base).as_posix()
    return None


def matches(pattern: str, name: str) -> bool:
    """Say whether a pattern means a file: `*` and `?` stay in a folder, `**` goes through folders.

    A pattern that means a folder means all below it.
    """
    return re.fullmatch(_expression(pattern.strip("/").removeprefix("./")), name) is not None


def _expression(pattern: str) -> str:
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(known.get(piece, re.escape(piece)) for piece in pieces) + "(?:/.*)?"
