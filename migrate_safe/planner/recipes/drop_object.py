"""Drop a view, a sequence, a routine, a type or a statistics object.

Harm of the plain form: what the old app reads or calls is gone at once, and its definition with it. Phases: contract
moves it into a schema that nobody may look into, with grants, indexes and comments; one step brings it back; purge
drops it there.

https://www.postgresql.org/docs/current/sql-dropview.html
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.planner.draft import PURGE_WINDOW, Outcome
from migrate_safe.planner.gone import Gone
from migrate_safe.planner.leaving import Leaving, hide, purge


class DropObject(Struct, frozen=True):
    """Objects of one kind to drop; `touches` are the tables that they read."""

    leaving: tuple[Leaving, ...]
    word: str
    touches: tuple[Name, ...] = ()
    gone: Gone = Gone()
    window: str = PURGE_WINDOW

    def steps(self) -> Outcome:
        """Plan the drop."""
        kind = self.leaving[0].kind.lower()
        names = ", ".join(item.full for item in self.leaving)
        does = f"move {kind} {names} out of sight: what still names it fails, and one step brings it back"
        drafts = (
            hide(self.leaving, self.word, names, does, self.gone),
            purge(self.leaving, self.word, names, self.window, f"drops {kind} {names}"),
        )
        return Outcome(drafts, f"drop {kind} {names}", (), self.touches)
