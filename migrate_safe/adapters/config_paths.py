"""What settings say of rules and files: for all of them, and in `[[paths]]` tables for those that match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from migrate_safe.adapters import config_values as values
from migrate_safe.adapters.config_text import PATHS, SettingsText
from migrate_safe.model.errors import UsageError
from migrate_safe.model.preferences import Preferences

Readers = Mapping[str, Callable[[object], object]]


def path_tables(settings: SettingsText, value: object) -> tuple[Preferences, ...]:
    """Read the `[[paths]]` tables."""
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise settings.wrong(PATHS, f'in "{PATHS}": must be tables, not {value!r}', f"write [[{PATHS}]]")
    return tuple(_table(settings, table, number) for number, table in enumerate(value))


def read_value(
    settings: SettingsText,
    readers: Readers,
    key: str,
    value: object,
    *,
    nearest: Callable[[str], str],
    number: int | None = None,
) -> object:
    """Read the value of a key, or raise a UsageError with its place."""
    inside = "" if number is None else f"{PATHS}."
    if key not in readers:
        raise settings.wrong(key, f'unknown key "{inside}{key}"', nearest(key), number=number)
    try:
        return readers[key](value)
    except values.Wrong as wrong:
        where = f"{inside}{key}.{wrong.key}" if wrong.key else f"{inside}{key}"
        message = f'in "{where}": {wrong.message}'
        raise settings.wrong(wrong.key or key, message, wrong.next_move, number=number) from None


def preference_places(settings: SettingsText, given: Mapping[str, Any], number: int | None = None) -> Mapping[str, str]:
    """Find where each rule or theme is named. Raises UsageError for one that is both disabled and given a severity."""
    disabled, severity = given.get("disable", ()), given.get("severity", {})
    for name in severity:
        if name in disabled:
            message = f'"{name}" is both in "disable" and in "severity"'
            place = settings.place("severity", name, number=number)
            raise UsageError(message, place=place, next_move="keep one of them")
    return {
        **{name: settings.place("disable", name, number=number) for name in disabled},
        **{name: settings.place("severity", name, number=number) for name in severity},
    }


def nearest(key: str, valid: Iterable[str]) -> str:
    """Say which key may have been meant."""
    names = list(valid)
    import difflib  # only needed for words that are wrong

    near = difflib.get_close_matches(key, names, n=1)
    return f'did you mean "{near[0]}"?' if near else f"one of: {', '.join(names)}"


def _table(settings: SettingsText, table: Mapping[str, object], number: int) -> Preferences:
    given: dict[str, Any] = {}
    for key, value in table.items():
        given[key] = read_value(
            settings, _READERS, key, value, nearest=lambda name: nearest(name, _READERS), number=number
        )
    if "match" not in given:
        raise settings.wrong("", f'a table of "{PATHS}" without "match"', 'add match = "FOLDER/**"', number=number)
    if len(given) == 1:
        raise settings.wrong(
            "match", f'a table of "{PATHS}" that says nothing', "add a key or remove it", number=number
        )
    places = preference_places(settings, given, number)
    return Preferences(**given, folder=settings.path.parent, places=places)


_READERS: Readers = {
    "match": values.patterns,
    "severity": values.severities,
    "disable": values.texts,
    "wrapping": values.wrapping,
    "framework": values.framework,
    "small_table": values.small_table,
}
