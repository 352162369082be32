"""Settings: migrate-safe.toml, or [tool.migrate_safe] in pyproject.toml; unknown keys are errors."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from glob import glob
from pathlib import Path
from typing import Any

from migrate_safe.adapters.files import decode, is_file
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Severity, Unanalysed
from migrate_safe.model.postgres import MAJORS
from migrate_safe.model.wrapping import Wrapping

OWN_FILE = "migrate-safe.toml"
PYPROJECT = "pyproject.toml"
_OUR_TABLE = ("tool", "migrate_safe")
SHORTEST_BUDGET = 10
"""Milliseconds; a shorter stall budget leaves no time for any work."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a project says once instead of on every command line; a field that is None was not said.

    `severity` maps rules to severities, `disable` names rules or themes, `wrapping` is how the project's
    runner sends a file, `stall_budget` is in milliseconds, `releases` are file patterns relative to `folder`.
    """

    severity: Mapping[str, Severity] = field(default_factory=dict)
    disable: tuple[str, ...] = ()
    wrapping: Wrapping | None = None
    postgres: int | None = None
    fail_on: Severity | None = None
    rules: str | None = None
    dsn_env: str = "DATABASE_URL"
    stall_budget: int | None = None
    environment: str | None = None
    releases: tuple[str, ...] = ()
    baseline: str | None = None
    file: Path | None = None
    """Where this was read; None for the defaults."""

    @property
    def folder(self) -> Path:
        """The folder that relative names in the settings start from."""
        return self.file.parent if self.file is not None else Path()

    def release_files(self, *, but: Collection[Path] = ()) -> tuple[Path, ...]:
        """Give the files that `releases` names, in order, without some; raises UsageError for a pattern of none."""
        left_out = {path.resolve() for path in but}
        found: dict[Path, None] = {}
        for pattern in self.releases:
            names = glob(pattern, root_dir=self.folder, recursive=True)  # noqa: PTH207 - may be absolute
            files = sorted(self.folder / name for name in names)
            if not files:
                raise UsageError(f'in "releases": no file "{pattern}"', place=str(self.file), next_move="correct it")
            found.update(dict.fromkeys(f for f in files if f.resolve() not in left_out))
        return tuple(found)


def load_config(path: Path | None = None, start: Path | None = None) -> Config:
    """Read the settings file that the user names, else the nearest one from `start` upwards, else the defaults.

    The search stops at the top of the repository. Raises UsageError with file and key path.
    """
    if path is not None:
        named = _read(path)
        if named.table is None:
            raise UsageError('no table "tool.migrate_safe"', place=str(path), next_move="add [tool.migrate_safe]")
        return _config(named)
    here = (start or Path()).resolve()
    for folder in (here, *here.parents):
        found = _in_folder(folder)
        if found is not None:
            return found
        if (folder / ".git").exists():
            break
    return Config()


def _in_folder(folder: Path) -> Config | None:
    own, project = folder / OWN_FILE, folder / PYPROJECT
    inside = _read(project) if is_file(project) else None
    if os.path.lexists(own):
        if inside is not None and inside.table is not None:
            raise UsageError(
                f'settings stand in two places: also in "{PYPROJECT}"', place=str(own), next_move="keep one of them"
            )
        if not is_file(own) and not own.is_symlink():
            raise UsageError("cannot read the settings: no file", place=str(own), next_move="write a TOML file there")
        return _config(_read(own))
    return _config(inside) if inside is not None and inside.table is not None else None


@dataclass(frozen=True, slots=True)
class _Settings:
    """The text of a settings file, and the table in it that is ours; None where a pyproject.toml has none."""

    path: Path
    text: str
    table: Mapping[str, Any] | None

    def wrong(self, key: str, message: str, next_move: str = "") -> UsageError:
        return UsageError(message, place=self._place(key), next_move=next_move)

    def _place(self, key: str) -> str:
        """Give file and line of a key, as well as it can be told: the first place, in our part, where it is set."""
        begin = max(0, self.text.find("[tool.migrate_safe")) if self.path.name == PYPROJECT else 0
        name = re.escape(key.rpartition(".")[2])
        found = re.compile(rf"""(?:^|[\s{{,.["'])({name})["']?\s*[]=.]""", re.MULTILINE).search(self.text, begin)
        return str(self.path) if found is None else f"{self.path}:{self.text.count(chr(10), 0, found.start(1)) + 1}"


def _read(path: Path) -> _Settings:
    try:
        source = decode(str(path), path.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read the settings: {reason}", place=str(path)) from None
    if isinstance(source, Unanalysed):
        raise UsageError(source.reason, place=f"{path}:{source.line}", next_move="save it as UTF-8")
    try:
        data = tomllib.loads(source.text)
    except (ValueError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        raise UsageError(f"not valid TOML: {error}", place=f"{path}:{line[1]}" if line else str(path)) from None
    whole = _Settings(path, source.text, data)
    return whole if path.name != PYPROJECT else replace(whole, table=_ours(whole))


def _ours(whole: _Settings) -> Mapping[str, Any] | None:
    """Find [tool.migrate_safe] in a pyproject.toml."""
    found: Mapping[str, Any] | None = whole.table
    for at, key in enumerate(_OUR_TABLE, start=1):
        value = (found or {}).get(key)
        if value is not None and not isinstance(value, dict):
            name = ".".join(_OUR_TABLE[:at])
            raise whole.wrong(key, f'in "{name}": must be a table, not {value!r}', "write [tool.migrate_safe]")
        found = value
    return found


def _config(settings: _Settings) -> Config:
    given: dict[str, Any] = {}
    for key, value in (settings.table or {}).items():
        if key not in _READERS:
            raise settings.wrong(key, f'unknown key "{key}"', _nearest(key))
        try:
            given[key] = _READERS[key](value)
        except _Wrong as wrong:
            where = f"{key}.{wrong.key}" if wrong.key else key
            raise settings.wrong(wrong.key or key, f'in "{where}": {wrong.message}', wrong.next_move) from None
    return Config(**given, file=settings.path)


def _nearest(key: str) -> str:
    if key == _OUR_TABLE[0]:
        return f"in {OWN_FILE} the keys stand at the top, without [tool.migrate_safe]"
    near = difflib.get_close_matches(key, _READERS, n=1)
    return f'did you mean "{near[0]}"?' if near else f"one of: {', '.join(_READERS)}"


# ---- readers of single values ----------------------------------------------------------------


class _Wrong(Exception):
    def __init__(self, message: str, *, next_move: str = "", key: str = "") -> None:
        super().__init__(message)
        self.message, self.next_move, self.key = message, next_move, key


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _Wrong(f"must be a text, not {value!r}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _Wrong(f"must be a list of texts, not {value!r}")
    return tuple(_text(v) for v in value)


def _choice(value: object, allowed: list[str]) -> str:
    if value in allowed:
        return str(value)
    near = difflib.get_close_matches(str(value), allowed, n=1)
    raise _Wrong(
        f"unknown value {value!r}", next_move=f'did you mean "{near[0]}"?' if near else f"one of: {', '.join(allowed)}"
    )


def _severity(value: object) -> Severity:
    return Severity(_choice(value, [str(s) for s in Severity]))


def _wrapping(value: object) -> Wrapping:
    return Wrapping(_choice(value, [str(w) for w in Wrapping]))


def _severities(value: object) -> Mapping[str, Severity]:
    if not isinstance(value, dict):
        raise _Wrong("must be a table of RULE = SEVERITY")
    found = {}
    for rule, severity in value.items():
        try:
            found[rule] = _severity(severity)
        except _Wrong as wrong:
            raise _Wrong(wrong.message, next_move=wrong.next_move, key=rule) from None
    return found


def _version(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in MAJORS:
        raise _Wrong(f"must be a major version from {MAJORS[0]} to {MAJORS[-1]}, not {value!r}")
    return value


def _milliseconds(value: object) -> int:
    """Read 250, "250ms" or "2s"."""
    found = re.fullmatch(r"([0-9]{1,9})\s*(ms|s)?", str(value)) if not isinstance(value, bool) else None
    if found is None:
        raise _Wrong(f'must be a time such as "100ms" or "2s", not {value!r}')
    budget = int(found[1]) * (1000 if found[2] == "s" else 1)
    if budget < SHORTEST_BUDGET:
        raise _Wrong(f"must be {SHORTEST_BUDGET} ms or more, not {value!r}")
    return budget


_READERS: dict[str, Callable[[object], object]] = {
    "severity": _severities,
    "disable": _texts,
    "wrapping": _wrapping,
    "postgres": _version,
    "fail_on": _severity,
    "rules": _text,
    "dsn_env": _text,
    "stall_budget": _milliseconds,
    "environment": _text,
    "releases": _texts,
    "baseline": _text,
}

assert set(_READERS) == {f.name for f in fields(Config)} - {"file"}
