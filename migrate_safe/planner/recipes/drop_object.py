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
from migrate_safe.planner.leaving import Leaving, hide, purge, purge_in_place


class DropObject(Struct, frozen=True):
    """Objects of one kind to drop; `touches` are the tables that they read.

    `stays` says that they keep their place until purge: triggers of a column that goes with it name them.
    """

    leaving: tuple[Leaving, ...]
    word: str
    touches: tuple[Name, ...] = ()
    gone: Gone = Gone()
    window: str = PURGE_WINDOW
    stays: bool = False

    def steps(self) -> Outcome:
        """Plan the drop."""
        kind = self.leaving[0].kind.lower()
        names = ", ".join(item.full for item in self.leaving)
        if self.stays:
            note = f"{names}: it stays until purge, for a column that this plan retires is of it"
            dropped = purge_in_place(self.leaving, names, self.window, f"drops {kind} {names}")
            return Outcome((dropped,), f"drop {kind} {names}", (note,), self.touches)
        does = f"move {kind} {names} out of sight: what still names it fails, and one step brings it back"
        drafts = (
            hide(self.leaving, self.word, names, does, self.gone),
            purge(self.leaving, self.word, names, self.window, f"drops {kind} {names}"),
        )
        return Outcome(drafts, f"drop {kind} {names}", (), self.touches)
