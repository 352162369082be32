"""The settings of a session, as SET, SET LOCAL, RESET and set_config() change them."""

from __future__ import annotations

import re

from msgspec import Struct, field

from migrate_safe.catalog.settings import DEFAULT_SEARCH_PATH, parse_search_path
from migrate_safe.model.effect import Session
from migrate_safe.model.statement import SetVariable
from migrate_safe.model.values import replace

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "min": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0, "": 1.0}
_OFF = frozenset({"off", "of", "false", "fals", "fal", "fa", "f", "no", "n", "0"})
_DURATION = re.compile(r"\s*(-?[\d.]+)\s*(us|ms|s|min|h|d|)\s*\Z")


class Settings(Struct, frozen=True):
    """What is in force now, what stays once the transaction has ended, and the search_path that RESET goes back to."""

    now: Session = field(default_factory=Session)
    lasting: Session = field(default_factory=Session)
    default_path: tuple[str, ...] = DEFAULT_SEARCH_PATH

    def committed(self) -> Settings:
        """Give the settings after COMMIT: SET LOCAL ends."""
        return replace(self, now=self.lasting)


def after(settings: Settings, change: SetVariable, *, in_transaction: bool) -> Settings:
    """Give the settings after a change; SET LOCAL outside of a transaction has no effect (the server warns)."""
    if change.local and not in_transaction:
        return settings
    now = changed(settings.now, change)
    return replace(settings, now=now, lasting=settings.lasting if change.local else changed(settings.lasting, change))


def changed(session: Session, change: SetVariable) -> Session:
    """Give the session with one setting changed; None for a value says that it is as the server has it."""
    value = change.value if change.value is None or change.value.lower() != "default" else None
    match change.variable.lower():
        case "all":
            return Session()
        case "lock_timeout":
            return replace(session, lock_timeout=milliseconds(value))
        case "statement_timeout":
            return replace(session, statement_timeout=milliseconds(value))
        case "timezone" | "time zone":
            return replace(session, time_zone=value)
        case "search_path" | "schema":
            return replace(session, search_path=parse_search_path(value) if value is not None else None)
        case "check_function_bodies":
            return replace(session, checks_bodies=value is None or value.lower() not in _OFF)
        case _:
            return session


def milliseconds(value: str | None) -> int | None:
    """Read a duration as the server does for timeouts; a bare number is milliseconds, the unreadable is None."""
    found = _DURATION.match(value.strip().strip("'")) if value is not None else None
    if found is None:
        return None
    return round(float(found[1]) * _UNITS[found[2]])
