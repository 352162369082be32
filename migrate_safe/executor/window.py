"""The waiting time before purge."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_WAIT = re.compile(r"([1-9][0-9]*)([mhd])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def waiting_time(text: str | None) -> timedelta:
    """Read a waiting time as plans write it: `30m`, `12h`, `7d`; None means none. Raises ValueError for others."""
    if text is None:
        return timedelta()
    found = _WAIT.match(text)
    if found is None:
        raise ValueError(f"no waiting time: {text}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def due(not_before: str | None, contracted: datetime | None) -> datetime | None:
    """Give the moment from which a purge step may run; None while contract has not ended."""
    return None if contracted is None else contracted + waiting_time(not_before)
