"""Every wait, timeout and batch size of the executor, with its one default."""

from __future__ import annotations

from msgspec import Struct

LONGEST_BATCH_MS = 400.0
"""Half of what PostgreSQL's default of deadlock_timeout leaves a batch: clients look for deadlocks after a second."""


class Settings(Struct, frozen=True):
    """How patient and how gentle the executor is. Milliseconds end in `_ms`, the rest is seconds or rows.

    `stall_budget_ms` bounds what one attempt may cost a client: lock waits plus the time the lock is held.
    """

    stall_budget_ms: int = 100
    give_up_after: float = 60.0
    """Seconds of watching for one lock, or of being refused one batch, before giving up for now."""
    max_queued: int = 40
    """Attempts that waited in the lock queue before giving up."""
    max_overruns: int = 6
    """Attempts that ran out of the budget while they held the lock before giving up."""
    old_holder_ms: int = 1000
    """A holder older than this is never queued behind."""
    watch_every_ms: int = 5
    watch_old_every_ms: int = 20
    queue_pause_ms: tuple[int, int] = (50, 150)
    """Bounds of the pause between two queued attempts; the point between them is random."""
    kick_every: float = 10.0
    """Seconds between two requests that make autovacuum yield."""
    weak_lock_ms: int = 1500
    """Wait for locks that block neither reads nor writes: deadlock_timeout and a half, so that autovacuum yields."""
    batch_rows: int = 1000
    batch_min: int = 1
    batch_max: int = 50_000
    workers: int = 1
    """Sessions that fill batches at once."""
    max_lag_mb: int = 64
    """Megabytes of WAL that a replica, a replication slot or the archive may be behind; beyond it a backfill waits."""
    verify_rows: int = 10_000
    verify_ms: int = 500
    """Target time of one batch of a verification, which locks no row."""
    poll: float = 0.5
    """Seconds between two looks at a build that another backend runs."""
    max_losses: int = 5
    """Lost connections within one step before giving up for now."""
    lease_ttl: float = 20.0
    """Seconds without heartbeat after which a lease may be taken over."""
    heeds_pause: bool = True
    """Whether a pause holds what is done: the way back does not wait for somebody to resume it."""
    keys_shown: int = 5
    overdue_after: float = 14 * 86400.0
    """Seconds that an open plan may wait for its next phase, or for a purge that is due, without complaint."""

    @property
    def queue_ms(self) -> int:
        """How long one attempt waits in the lock queue: 0.8 of the budget, the rest is for the work."""
        return max(1, self.stall_budget_ms * 8 // 10)

    @property
    def batch_ms(self) -> float:
        """Target time of one backfill batch: writers wait for its row locks, so half the budget, and not long."""
        return min(self.stall_budget_ms / 2, LONGEST_BATCH_MS)


DEFAULTS = Settings()
"""What every command uses unless told otherwise."""
