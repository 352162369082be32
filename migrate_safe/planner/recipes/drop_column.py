"""Drop a column.

Harm of the plain form: every query of the old app version that names the column fails at once, and the data is gone
before anybody knows whether the release stays. Phases: expand lifts NOT NULL, CHECKs and foreign keys where they would
refuse what the new app writes without the column, here or where a foreign key points; contract, without old readers,
lifts what the old app relies on (unique keys over other columns too, foreign keys that act), and renames the column
out of sight, which one step takes back; purge drops it.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-DROP-COLUMN
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Column, Constraint
from migrate_safe.planner.constraints import loosen
from migrate_safe.planner.draft import PURGE_WINDOW, Draft, Outcome, Rank, column_target, draft, sql
from migrate_safe.planner.identifiers import retired
from migrate_safe.planner.null_names import NullName, renamed_null
from migrate_safe.planner.proofs import NotNull, lift


class DropColumn(Struct, frozen=True):
    """A column to drop. `word` makes names unique, `keys` find a row, `guard` looks for dependents once more.

    `loosened` are the constraints that would refuse writes of the new app. `replaced` says that another column comes
    under its name.
    """

    table: Name
    column: Column
    word: str
    keys: str
    guard: Requirement
    null_name: NullName
    loosened: tuple[Constraint, ...] = ()
    replaced: bool = False
    window: str = PURGE_WINDOW

    def steps(self) -> Outcome:
        """Plan the drop."""
        drafts = (
            *(d for constraint in self.loosened for d in loosen(self.table, constraint, self.keys)),
            *(self._relax() if self._needs_value() else ()),
            self._hide(),
            self._purge(),
        )
        far = (c.references.table for c in self.loosened if c.references is not None)
        return Outcome(drafts, f"drop column {self._name} of {self.table}", self._notes(), (self.table, *far))

    @property
    def _name(self) -> str:
        return quote_ident(self.column.name)

    def _needs_value(self) -> bool:
        column = self.column
        return column.not_null and column.default is None and column.identity is None and column.generated is None

    def _relax(self) -> tuple[Draft, ...]:
        it = NotNull(self.table, self.column.name, self.word, self.keys)
        named = renamed_null(self.table, self.null_name.chosen, self.null_name.original)
        does = f"let the new app insert without {self._name}; the old app must bear to read NULL in those rows"
        return lift(it, Rank.SHAPE, does, named)

    def _hide(self) -> Draft:
        hidden = quote_ident(retired(self.column.name, self.word))
        rename = f"ALTER TABLE {self.table} RENAME COLUMN"
        return draft(
            Rank.HIDE,
            "hide-column",
            column_target(self.table, self.column.name),
            f"rename {self._name} out of sight: a query that still names it fails, and one step brings it back",
            sql(f"{rename} {self._name} TO {hidden}", *self._null_renamed(), require=(self.guard,)),
            sql(*self._null_renamed(back=True), f"{rename} {hidden} TO {self._name}"),
        )

    def _null_renamed(self, *, back: bool = False) -> tuple[str, ...]:
        """Leave the name of its NOT NULL to the column that comes under its own name."""
        if not self.replaced or not self.column.not_null or self._needs_value():
            return ()
        names = (self.null_name.original, retired(self.null_name.original, self.word))
        return renamed_null(self.table, *(reversed(names) if back else names))

    def _purge(self) -> Draft:
        hidden = quote_ident(retired(self.column.name, self.word))
        return draft(
            Rank.DROP,
            "drop-column",
            column_target(self.table, self.column.name),
            f"drop the retired {self._name}",
            sql(f"ALTER TABLE {self.table} DROP COLUMN {hidden}"),
            None,
            not_before=self.window,
            irreversible=f"drops the retired column {hidden} and its data",
        )

    def _notes(self) -> tuple[str, ...]:
        needs = (f"{self.table}: rows of the new app have no {self._name}; before baseline they must be given one",)
        names = ", ".join(quote_ident(c.name or "") for c in self.loosened)
        loose = (f"{self.table}: {names} could refuse writes without {self._name}: off from expand to baseline",)
        return (*(needs if self._needs_value() else ()), *(loose if self.loosened else ()))
