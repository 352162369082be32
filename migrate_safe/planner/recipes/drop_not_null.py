"""Let a column be NULL.

Harm of the plain form: none by its lock, an instant. But the old app meets NULL as soon as the new one writes it, and
SET NOT NULL on the way back would read the whole table under ACCESS EXCLUSIVE. Phases: expand lifts it, for the new app
could not write otherwise; on the way back it is proven by a CHECK first, and rows that are NULL are shown.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.planner.draft import Outcome, Rank
from migrate_safe.planner.null_names import NullName, renamed_null
from migrate_safe.planner.proofs import NotNull, lift


class DropNotNull(Struct, frozen=True):
    """A column that may be NULL from now on. `word` makes helper names unique, `keys` find a row."""

    table: Name
    column: str
    word: str
    keys: str
    null_name: NullName

    def steps(self) -> Outcome:
        """Plan the change."""
        name = quote_ident(self.column)
        named = renamed_null(self.table, self.null_name.chosen, self.null_name.original)
        it = NotNull(self.table, self.column, self.word, self.keys)
        drafts = lift(it, Rank.SHAPE, f"let {name} be NULL; nothing changes before the new app writes one", named)
        note = (
            f"{self.table}: the old app must bear to read NULL in {name} from the first row that the new app writes so"
        )
        return Outcome(drafts, f"let {name} of {self.table} be NULL", (note,), (self.table,))
