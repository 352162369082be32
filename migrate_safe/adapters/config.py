"""Settings: migrate-safe.toml, or [tool.migrate_safe] in pyproject.toml; unknown keys are errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from glob import glob
from pathlib import Path
from typing import Any, ClassVar

from msgspec import field

from migrate_safe.adapters import config_values as values
from migrate_safe.adapters.config_paths import nearest, path_tables, preference_places, read_value
from migrate_safe.adapters.config_text import OUR_TABLE, PATHS, PYPROJECT, SettingsText, read_settings
from migrate_safe.adapters.files import is_file
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Severity
from migrate_safe.model.framework import Framework
from migrate_safe.model.preferences import Preferences, SmallTable
from migrate_safe.model.values import PartlyCompared
from migrate_safe.model.wrapping import Wrapping

OWN_FILE = "migrate-safe.toml"


class Config(PartlyCompared, frozen=True, eq=False):
    """What a project says once instead of on every command line; a field that is None was not said.

    `severity` maps rules or themes to severities, `disable` names those that are switched off, `framework` is the
    project's runner, `wrapping` how it sends a file, `paths` says it all for some files. `placeholders` are names in
    migrations with what stands in their place. `stall_budget` is in milliseconds, `releases` are file patterns relative
    to `folder`.
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"places"})

    severity: Mapping[str, Severity] = field(default_factory=dict)
    disable: tuple[str, ...] = ()
    wrapping: Wrapping | None = None
    framework: Framework | None = None
    small_table: SmallTable | None = None
    postgres: int | None = None
    fail_on: Severity | None = None
    rules: str | None = None
    dsn_env: str = "DATABASE_URL"
    standby_envs: tuple[str, ...] = ()
    stall_budget: int | None = None
    environment: str | None = None
    releases: tuple[str, ...] = ()
    baseline: str | None = None
    placeholders: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[Preferences, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    """Where in the file a rule or theme is named, outside of `paths`."""
    file: Path | None = None
    """Where this was read; None for the defaults."""

    @property
    def folder(self) -> Path:
        """The folder that relative names in the settings start from."""
        return self.file.parent if self.file is not None else Path()

    @property
    def preferences(self) -> tuple[Preferences, ...]:
        """Give what is said of all files, then what is said of some; later ones win."""
        return (
            Preferences(
                self.severity, self.disable, self.wrapping, self.framework, self.small_table, places=self.places
            ),
            *self.paths,
        )

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
        named = read_settings(path)
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
    inside = read_settings(project) if is_file(project) else None
    if os.path.lexists(own):
        if inside is not None and inside.table is not None:
            raise UsageError(
                f'settings stand in two places: also in "{PYPROJECT}"', place=str(own), next_move="keep one of them"
            )
        if not is_file(own) and not own.is_symlink():
            raise UsageError("cannot read the settings: no file", place=str(own), next_move="write a TOML file there")
        return _config(read_settings(own))
    return _config(inside) if inside is not None and inside.table is not None else None


def _config(settings: SettingsText) -> Config:
    given: dict[str, Any] = {}
    for key, value in (settings.table or {}).items():
        if key == PATHS:
            given[key] = path_tables(settings, value)
            continue
        given[key] = read_value(settings, _READERS, key, value, nearest=_nearest)
    places = preference_places(settings, given)
    return Config(**given, places=places, file=settings.path)


def _nearest(key: str) -> str:
    if key == OUR_TABLE[0]:
        return f"in {OWN_FILE} the keys stand at the top, without [tool.migrate_safe]"
    return nearest(key, (*_READERS, PATHS))


_READERS: dict[str, Callable[[object], object]] = {
    "severity": values.severities,
    "disable": values.texts,
    "wrapping": values.wrapping,
    "framework": values.framework,
    "small_table": values.small_table,
    "postgres": values.major_version,
    "fail_on": values.severity,
    "rules": values.text,
    "dsn_env": values.text,
    "standby_envs": values.texts,
    "stall_budget": values.milliseconds,
    "environment": values.text,
    "releases": values.texts,
    "baseline": values.text,
    "placeholders": values.placeholders,
}

assert {*_READERS, PATHS} == set(Config.__struct_fields__) - {"file", "places"}
