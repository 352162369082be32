"""Change or end the expression of a generated column.

Harm of the plain form: SET EXPRESSION of a stored column writes the table anew under ACCESS EXCLUSIVE, of a virtual one
it is an instant, but the old app reads other values at once. DROP EXPRESSION is an instant, and cannot be taken back
without writing the table anew. Phases: a virtual column changes in contract; an expression is dropped in purge only.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-EXPRESSION
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.planner.draft import PURGE_WINDOW, Draft, Outcome, Rank, column_target, draft, sql


class ChangeExpression(Struct, frozen=True):
    """A generated column; `before` and `after` are its expressions, `after` None where it becomes a plain column."""

    table: Name
    column: str
    before: str
    after: str | None = None
    window: str = PURGE_WINDOW

    def steps(self) -> Outcome:
        """Plan the change."""
        name = quote_ident(self.column)
        if self.after is None:
            note = f"{self.table}: {name} is computed until purge, so that no app version can write it before"
            return Outcome((self._drop(),), f"make {name} of {self.table} a plain column", (note,), (self.table,))
        made = draft(
            Rank.ENFORCE,
            "set-expression",
            column_target(self.table, self.column),
            f"compute {name} in another way; the old app would read what it does not expect",
            sql(f"{self._alter} SET EXPRESSION AS ({self.after})"),
            sql(f"{self._alter} SET EXPRESSION AS ({self.before})"),
        )
        return Outcome((made,), f"compute {name} of {self.table} in another way", (), (self.table,))

    @property
    def _alter(self) -> str:
        return f"ALTER TABLE {self.table} ALTER COLUMN {quote_ident(self.column)}"

    def _drop(self) -> Draft:
        name = quote_ident(self.column)
        return draft(
            Rank.DROP,
            "drop-expression",
            column_target(self.table, self.column),
            f"make {name} a plain column, which keeps the values that it has",
            sql(f"{self._alter} DROP EXPRESSION"),
            None,
            not_before=self.window,
            irreversible=f"{name} can be computed again only by writing the whole table anew",
        )
