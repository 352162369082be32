"""Change the type of a column where its values stay as they are stored: longer varchar, text, wider numeric.

Harm of the plain form: none by its lock, an instant; but a CHECK over the column would be tested for every row under
it, and statements that were prepared fail once. Phases: expand, with such a CHECK added NOT VALID again and validated
while clients work. The way back is instant only where the old type takes every value of the new one.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DATA-TYPE
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Constraint
from migrate_safe.planner.draft import NOTHING, Draft, Outcome, Rank, column_target, draft, sql
from migrate_safe.planner.sync import set_default


class ChangeType(Struct, frozen=True):
    """A column to change: `statement` changes its type, `old` is the type that it has, with its collation.

    `checks` are the valid CHECKs over it, with certain definitions. `defaults` are those before, and after where the
    migration sets another. `unheld` finds values that the old type cannot hold, None where it holds them all; then
    the way back writes the table anew.
    """

    table: Name
    column: str
    statement: str
    old: str
    checks: tuple[Constraint, ...]
    defaults: tuple[str | None, str | None]
    unheld: Requirement | None = None
    rewrites_back: bool = False

    def steps(self) -> Outcome:
        """Plan the change."""
        summary = f"change the type of {self._name} of {self.table}"
        drafts = (*(self._proof(c) for c in self.checks), self._change(), *(self._validate(c) for c in self.checks))
        return Outcome(drafts, summary, tuple(self._notes()), (self.table,))

    @property
    def _name(self) -> str:
        return quote_ident(self.column)

    @property
    def _alter(self) -> str:
        return f"ALTER TABLE {self.table}"

    def _change(self) -> Draft:
        before, after = self.defaults
        away = tuple(f"{self._alter} DROP CONSTRAINT {quote_ident(c.name or '')}" for c in self.checks)
        again = tuple(
            f"{self._alter} ADD CONSTRAINT {quote_ident(c.name or '')} {c.definition} NOT VALID" for c in self.checks
        )
        back = f"{self._alter} ALTER COLUMN {self._name} TYPE {self.old}"
        bare = (set_default(self.table, self.column, None),) if (before, after) != (None, None) else ()
        return draft(
            Rank.SHAPE,
            "change-type",
            column_target(self.table, self.column),
            f"change the type of {self._name}; no row is written anew",
            sql(
                *away,
                self.statement,
                *((set_default(self.table, self.column, after),) if after is not None else ()),
                *again,
            ),
            sql(
                *away,
                *bare,
                back,
                *((set_default(self.table, self.column, before),) if before is not None else ()),
                *again,
                require=(self.unheld,) if self.unheld is not None else (),
            ),
        )

    def _proof(self, check: Constraint) -> Draft:
        name = quote_ident(check.name or "")
        return draft(
            Rank.SHAPE,
            "restore-constraint",
            f"{self.table}.{name}",
            f"nothing; on the way back, proves {name} of every row, while clients read and write",
            NOTHING,
            sql(f"{self._alter} VALIDATE CONSTRAINT {name}"),
        )

    def _validate(self, check: Constraint) -> Draft:
        name = quote_ident(check.name or "")
        return draft(
            Rank.SHAPE,
            "validate-constraint",
            f"{self.table}.{name}",
            f"prove {name} of every row, while clients read and write",
            sql(f"{self._alter} VALIDATE CONSTRAINT {name}"),
        )

    def _notes(self) -> list[str]:
        again = "fail once per connection after expand, until they are prepared anew"
        notes = [
            f"{self.table}: queries that return {self._name} {again}; drivers retry outside transactions only",
            f"{self.table}: ANALYZE it after expand, for the statistics of {self._name} are gone",
        ]
        if self.rewrites_back:
            notes.append(
                f"{self.table}: going back to baseline writes the whole table anew under an exclusive lock; what takes"
                f" longer than the stall budget is cancelled, and the old app works with the wider {self._name} as well"
            )
        return notes
