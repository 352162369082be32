"""Add a column.

Harm of the plain form: with a default that gives every row its own value (gen_random_uuid(), nextval()) the whole
table is written anew under ACCESS EXCLUSIVE; a constraint given along with it is checked by a full scan under the
same lock. Phases: nullable, constant and stable defaults are metadata and come in expand as they are; a volatile
default is set for new rows, then old rows are filled in batches; constraints come NOT VALID and are validated.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Backfill, Requirement
from migrate_safe.model.schema import Column
from migrate_safe.planner.draft import Draft, Outcome, Rank, column_target, draft, sql
from migrate_safe.planner.keeping import Keep, let_go
from migrate_safe.planner.proofs import NotNull, prove
from migrate_safe.planner.sync import set_default


class AddColumn(Struct, frozen=True):
    """A column to add. `statement` adds it without constraints other than NOT NULL.

    For a volatile default `bare` is the statement without default and NOT NULL, else None. `word` makes names
    unique, `keys` find a row. `default` is the default's SQL with its names made certain. `keep` is what old rows need
    so that triggers of the user change no other column of them while they are filled.
    """

    table: Name
    column: Column
    statement: str
    word: str
    keys: str
    bare: str | None = None
    default: str | None = None
    keep: Keep | None = None

    def steps(self) -> Outcome:
        """Plan the column."""
        drafts = (self._add(),) if self.bare is None else self._add_and_fill(self.bare)
        lost = f"{self.table}: going back to baseline drops {self._name} with all its values"
        notes = () if self._unused() else (lost,)
        return Outcome(drafts, f"add column {self._name} to {self.table}", notes, (self.table,))

    @property
    def _name(self) -> str:
        return quote_ident(self.column.name)

    @property
    def _drop(self) -> str:
        return f"ALTER TABLE {self.table} DROP COLUMN {self._name}"

    @property
    def _target(self) -> str:
        return column_target(self.table, self.column.name)

    def _add(self) -> Draft:
        does = f"add {self._name}; no row is written anew, and no query of the old app names it"
        return draft(
            Rank.SHAPE, "add-column", self._target, does, sql(self.statement), sql(self._drop, require=self._unused())
        )

    def _unused(self) -> tuple[Requirement, ...]:
        """Keep values that only the new app knows: the way back waits until nobody needs them."""
        column = self.column
        if column.generated is not None or (column.default is not None and not column.default.constant):
            return ()
        given = f"{self._name}::text IS DISTINCT FROM (({column.default})::{column.type})::text"
        where = given if column.default is not None else f"{self._name} IS NOT NULL"
        message = f"{self.table} has rows with values in {self._name} that dropping it would lose: clear them first"
        return (Requirement(f"SELECT {self.keys} FROM {self.table} WHERE {where}", message),)

    def _add_and_fill(self, bare: str) -> tuple[Draft, ...]:
        assert self.default is not None, "only a default can be volatile"
        added = draft(
            Rank.SHAPE,
            "add-column",
            self._target,
            f"add {self._name} with its default for new rows only; old rows are not written anew",
            sql(bare, set_default(self.table, self.column.name, self.default), *self._keep_made),
            sql(*self._keep_dropped, self._drop),
        )
        filled = draft(
            Rank.FILL,
            "backfill",
            self._target,
            f"give {self._name} a value in old rows, in batches",
            Backfill(self.table, ((self.column.name, self.default),), f"{self._name} IS NULL"),
        )
        it = NotNull(self.table, self.column.name, self.word, self.keys)
        return (
            added,
            filled,
            *let_go(self.keep, self._target),
            *(prove(it, Rank.HOLD) if self.column.not_null else ()),
        )

    @property
    def _keep_made(self) -> tuple[str, ...]:
        return () if self.keep is None else self.keep.create()

    @property
    def _keep_dropped(self) -> tuple[str, ...]:
        return () if self.keep is None else self.keep.drop()
