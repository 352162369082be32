"""App releases and the verdicts on them."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.effect import BreakKind
from migrate_safe.model.plan import Phase


class AppQuery(Struct, frozen=True):
    """One query of an app version, as the app sends it. `place` (file:line): where it stands, or which test sends it.

    `types` are those that its driver declares for `$n`, "" where it leaves them to the server. `recorded` says that it
    was overheard on its way to the server, so that it holds no placeholder of a driver; `normalised` that the server
    has put `$n` in the place of constants, also where nobody can bind one.
    """

    sql: str
    place: str
    types: tuple[str, ...] = ()
    recorded: bool = False
    normalised: bool = False


class AppRelease(Struct, frozen=True):
    """What one app version asks of the database; `search_path` is that of its sessions, empty for the default."""

    app: str
    version: str
    queries: tuple[AppQuery, ...]
    search_path: tuple[str, ...] = ()


class Verdict(Struct, frozen=True):
    """Whether one query of one app version works at one schema state.

    `state` is a short id (`baseline`, or the step id after which it holds); `object` names what is
    missing or in the way; `reason` is the server's message, or "". `alive` says that this version may run
    while this state holds: only then is `works` false a break. `kind` says how it breaks.
    """

    state: str
    phase: Phase | None
    after_step: str | None
    version: str
    query: str
    place: str
    works: bool
    reason: str = ""
    object: str = ""
    alive: bool = True
    kind: BreakKind | None = None

    @property
    def breaks(self) -> bool:
        """Whether a query of a version that may be running fails."""
        return self.alive and not self.works
