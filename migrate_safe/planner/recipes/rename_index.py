"""Rename an index.

Harm of the plain form: none for a plain index, whose name no query uses; it takes SHARE UPDATE EXCLUSIVE on the index
alone. The name of a constraint's index is also the constraint's, which ON CONFLICT ON CONSTRAINT and the app's handling
of errors may use. Phases: expand; contract for the index of a constraint.

https://www.postgresql.org/docs/current/sql-alterindex.html
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.planner.draft import Outcome, Rank, draft, sql


class RenameIndex(Struct, frozen=True):
    """An index to rename. `constrains` says that a constraint bears the same name."""

    table: Name
    index: Name
    to: str
    constrains: bool = False

    def steps(self) -> Outcome:
        """Plan the rename."""
        old, new = quote_ident(self.index.name), quote_ident(self.to)
        made = draft(
            Rank.ENFORCE if self.constrains else Rank.SHAPE,
            "rename-index",
            str(self.index),
            f"rename {old} to {new}"
            + ("; the old app may name its constraint" if self.constrains else "; no query names an index"),
            sql(f"ALTER INDEX {self.index} RENAME TO {new}"),
            sql(f"ALTER INDEX {Name(self.index.schema, self.to)} RENAME TO {old}"),
        )
        renamed = (
            f"{self.table}: a query of the new app that says ON CONFLICT ON CONSTRAINT {new} fails before contract"
        )
        return Outcome((made,), f"rename index {old} to {new}", (renamed,) if self.constrains else (), (self.table,))
