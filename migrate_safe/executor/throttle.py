"""When to hold back: what else goes on at the server, and what somebody has asked for from another process."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from migrate_safe.executor.intents import Gauge, Intent, Pressure, Result, Wait
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import TryLater
from migrate_safe.model.values import replace

MB = 1024 * 1024
TUNABLE = ("stall_budget_ms", "batch_max", "max_lag_mb", "workers")
"""Settings that may change while a plan runs."""


def clear(plan: str, given: Settings, *, loads: bool) -> Generator[Intent, Result, Settings]:
    """Wait until nothing speaks against going on, and give the settings that rule then.

    A pause that somebody has asked for is waited out, on the way forward. What `loads` the server waits for its
    replicas, slots and archive too: raises TryLater when they have not followed for `give_up_after`.
    """
    waited = 0.0
    while True:
        pressure = yield Gauge(plan)
        assert isinstance(pressure, Pressure)
        settings = tuned(given, pressure.tuned)
        if pressure.paused_by and settings.heeds_pause:
            yield Wait(settings.poll, f"paused by {pressure.paused_by} (migrate-safe resume {plan} lets it go on)")
            continue
        reason = overload(pressure, settings) if loads else None
        if reason is None:
            return settings
        if waited >= settings.give_up_after:
            raise TryLater(
                f"no room for more load: {reason}",
                next_move="see why it does not follow, then run this again: it goes on where it stopped; "
                f"or allow more: migrate-safe tune {plan} --max-lag MB",
            )
        waited += settings.poll
        yield Wait(settings.poll, reason)


def tuned(settings: Settings, wanted: Mapping[str, int]) -> Settings:
    """Give the settings with what somebody has tuned; names that this program does not know are left out."""
    known: dict[str, Any] = {name: value for name, value in wanted.items() if name in TUNABLE}
    return replace(settings, **known)


def overload(pressure: Pressure, settings: Settings) -> str | None:
    """Say what does not follow: the replica or slot that is furthest behind, or the archive."""
    behind = max(pressure.lags, key=lambda lag: lag.bytes, default=None)
    if behind is not None and behind.bytes > settings.max_lag_mb * MB:
        return f"{behind} (limit {settings.max_lag_mb} MB)"
    return pressure.archive or None
