"""When to ask for a lock: watch who holds it, learn how long they live, queue only when they will end in time.

Everything here is decided on values; `at` is a monotonic clock in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from migrate_safe.executor.settings import Settings
from migrate_safe.model.names import quote_literal
from migrate_safe.model.values import replace

LEARNED = 200
"""How many lifetimes of holders are remembered."""
CLOSE_LOOKS_MS = 30.0
"""Two looks further apart than this say nothing exact about when a holder ended."""
YOUNG_MS = 20.0
"""Without experience, a holder younger than this is expected to end at once."""
PERCENTILE = 0.7
_LONGEST_PAUSE_MS = 1000.0


class Holder(Struct, frozen=True):
    """A transaction in our way. `age_ms` is None where the role may not see it; `since` describes it for people.

    `key` is the virtual transaction id, which a prepared transaction has as well (it has no pid). `queueable` is false
    for one that holds only what the step locks after its first lock, where it may not wait: a sequence, or a table on
    a standby, which is called `where`. `gid` is the name of a prepared transaction.
    """

    key: str
    pid: int | None
    relation: str
    mode: str
    age_ms: float | None = None
    application: str = ""
    user: str = ""
    state: str = ""
    autovacuum: bool = False
    wraparound: bool = False
    queueable: bool = True
    where: str = ""
    gid: str = ""

    def __str__(self) -> str:
        """Name the holder for people, never with the text of its query."""
        prepared = f"the prepared transaction {quote_literal(self.gid)}" if self.gid else "a prepared transaction"
        who = f"pid {self.pid}" if self.pid is not None else prepared
        about = [f'application "{self.application}"'] if self.application else []
        about += [f"role {self.user}"] if self.user else []
        about += [self.state] if self.state else []
        about += [f"on {self.where}"] if self.where else []
        about += [f"transaction open for {_duration(self.age_ms)}"] if self.age_ms is not None else []
        return f"{who} ({', '.join(about)})" if about else who


class Watch(Struct, frozen=True):
    """What has been seen and tried so far for one acquisition."""

    started: float
    holders: tuple[Holder, ...] = ()
    first_seen: Mapping[str, float] = field(default_factory=dict)
    lived: tuple[float, ...] = ()
    looked: float | None = None
    """When the last look was; None after a pause or a wait of our own, in which ends cannot be dated."""
    queued_at: float | None = None
    queued: int = 0
    kicked_at: float | None = None
    overruns: int = 0
    overran_at: float | None = None
    unseen: int = 0
    """Attempts in a row that were refused for a holder that no look has shown."""
    refused_at: float | None = None

    def age(self, holder: Holder, at: float) -> float:
        """Give a holder's age: what the server says, else the time since it was first seen."""
        return holder.age_ms if holder.age_ms is not None else at - self.first_seen.get(holder.key, at)


class TryNow(Struct, frozen=True):
    """Nobody is in the way: take all locks NOWAIT."""


class Queue(Struct, frozen=True):
    """Wait in the lock queue for so many milliseconds."""

    ms: int


class Kick(Struct, frozen=True):
    """Make autovacuum yield."""


class Pause(Struct, frozen=True):
    """Look again after so many milliseconds."""

    ms: float


class GiveUp(Struct, frozen=True):
    """Stop trying; `holders` are to be named."""

    reason: str
    holders: tuple[Holder, ...]


Decision = TryNow | Queue | Kick | Pause | GiveUp


def observe(watch: Watch, at: float, holders: tuple[Holder, ...]) -> Watch:
    """Take in one look at the holders; a holder that ended between two close looks teaches how long they live."""
    lived = watch.lived
    if watch.looked is not None and at - watch.looked < CLOSE_LOOKS_MS:
        here = {h.key for h in holders}
        since = at - watch.looked
        gone = {h.key: watch.age(h, watch.looked) + since / 2 for h in watch.holders if h.key not in here}
        lived = (*lived, *gone.values())[-LEARNED:]
    first_seen = {h.key: watch.first_seen.get(h.key, at) for h in holders}
    unseen = 0 if holders else watch.unseen
    return replace(watch, holders=holders, first_seen=first_seen, lived=lived, looked=at, unseen=unseen)


def decide(watch: Watch, at: float, settings: Settings, jitter: float) -> Decision:
    """Decide what to do next after a look; `jitter` is a random number from 0 to 1."""
    if at - watch.started >= settings.give_up_after * 1000:
        return GiveUp(f"no lock within the stall budget for {_duration(at - watch.started)}", watch.holders)
    if watch.queued >= settings.max_queued:
        return GiveUp(f"no lock within the stall budget in {watch.queued} attempts", watch.holders)
    if watch.overruns >= settings.max_overruns:
        return GiveUp(
            f"{watch.overruns} attempts took longer than the stall budget of {settings.stall_budget_ms} ms",
            watch.holders,
        )
    if watch.overran_at is not None:
        rest = watch.overran_at + _overrun_pause(watch.overruns) - at
        if rest > 0:
            return Pause(rest)
    if not watch.holders:
        rest = _refused_pause(watch, settings) - at
        return TryNow() if rest <= 0 else Pause(rest)
    if _can_kick(watch, at, settings):
        return Kick()
    oldest = max(watch.age(h, at) for h in watch.holders)
    if oldest > settings.old_holder_ms:
        return Pause(settings.watch_old_every_ms)
    low, high = settings.queue_pause_ms
    rested = watch.queued_at is None or at - watch.queued_at >= low + jitter * (high - low)
    if rested and all(h.queueable for h in watch.holders) and expected_rest(watch, at) <= 0.9 * settings.queue_ms:
        return Queue(settings.queue_ms)
    return Pause(settings.watch_every_ms)


def expected_rest(watch: Watch, at: float) -> float:
    """Give how long the holders are expected to live on: the longest of them, in milliseconds."""
    return max((_rest_of(watch.age(h, at), watch.lived) for h in watch.holders), default=0.0)


def after_queueing(watch: Watch, at: float) -> Watch:
    """Note that an attempt waited in vain; ends that fell into it cannot be dated."""
    return replace(watch, queued=watch.queued + 1, queued_at=at, looked=None)


def after_refusal(watch: Watch, at: float) -> Watch:
    """Note that an attempt that waited for nothing was refused."""
    return replace(watch, unseen=watch.unseen + 1, refused_at=at)


def after_overrun(watch: Watch, at: float) -> Watch:
    """Note that an attempt was cut off while it held its locks."""
    return replace(watch, overruns=watch.overruns + 1, overran_at=at, looked=None)


def after_kick(watch: Watch, at: float) -> Watch:
    """Note that autovacuum was asked to yield."""
    return replace(watch, kicked_at=at, looked=None)


def _rest_of(age: float, lived: tuple[float, ...]) -> float:
    rests = sorted(d - age for d in lived if d > age)
    if not rests:
        return 0.0 if age < YOUNG_MS else age
    return rests[min(len(rests) - 1, int(PERCENTILE * len(rests)))]


def _can_kick(watch: Watch, at: float, settings: Settings) -> bool:
    rested = watch.kicked_at is None or at - watch.kicked_at >= settings.kick_every * 1000
    return rested and any(h.autovacuum and not h.wraparound for h in watch.holders)


def _refused_pause(watch: Watch, settings: Settings) -> float:
    """Give when to try again where no look shows who is in the way; pauses grow, for each attempt takes locks."""
    if watch.refused_at is None or not watch.unseen:
        return 0.0
    return watch.refused_at + min(_LONGEST_PAUSE_MS, settings.watch_every_ms * 2.0 ** (watch.unseen - 1))


def _overrun_pause(overruns: int) -> float:
    """Pauses grow, so that a step that never fits does not hold clients up again and again."""
    return float(500 * 2 ** (overruns - 1))


def _duration(ms: float) -> str:
    seconds = ms / 1000
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
