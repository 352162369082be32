"""Change what is set for an index.

Harm of the plain form: none; storage parameters and statistics targets are metadata, under SHARE UPDATE EXCLUSIVE, and
reach what is written later. (SET TABLESPACE copies the whole index under ACCESS EXCLUSIVE: it is refused.)
Phases: expand, with what was set before as undo.

https://www.postgresql.org/docs/current/sql-alterindex.html
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.planner.draft import Outcome, Rank, draft, sql


class AlterIndex(Struct, frozen=True):
    """A change of an index, and the change back: what follows ALTER INDEX name."""

    table: Name
    index: Name
    change: str
    back: str

    def steps(self) -> Outcome:
        """Plan the change."""
        made = draft(
            Rank.SHAPE,
            "alter-index",
            str(self.index),
            f"{self.change} for {self.index}; pages that are there stay as they are",
            sql(f"ALTER INDEX {self.index} {self.change}"),
            sql(f"ALTER INDEX {self.index} {self.back}"),
        )
        return Outcome((made,), f"{self.change} for index {self.index}", (), (self.table,))
