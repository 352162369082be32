"""Who may take the lease: decided on values, so that every race can be written down as a test."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from migrate_safe.model.errors import TryLater
from migrate_safe.model.journal import Lease


class Claim(Enum):
    """What to do about a lease that is wanted."""

    TAKE = "take"
    """Free, run out, or its holder is provably dead."""
    WAIT = "wait"
    """Its holder no longer beats, but one of its backends still works: wait until that ends or time runs out."""
    HELD = "held"


def claim(lease: Lease | None, now: datetime, alive: frozenset[int]) -> Claim:
    """Decide about a lease; `alive` are those of its backends that still exist on the server.

    The first backend is the heartbeat's: a process that is killed loses it at once, whatever the server
    still runs on its behalf (a CREATE INDEX CONCURRENTLY goes on without its client).
    """
    if lease is None or lease.holder is None or lease.expires <= now:
        return Claim.TAKE
    if not lease.backends or lease.backends[0] in alive:
        return Claim.HELD
    return Claim.WAIT if alive & set(lease.backends) else Claim.TAKE


def held_error(lease: Lease) -> TryLater:
    """Say who holds the lease, and what to do."""
    return TryLater(
        f'lease held by "{lease.holder}" (host {lease.host}, pid {lease.pid}) '
        f"since {lease.acquired:%Y-%m-%d %H:%M:%S %Z}",
        next_move="wait for it to end (migrate-safe status shows it), then run this again",
    )
