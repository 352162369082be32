"""Add a serial or identity column.

Harm of the plain form: every row gets a number, so that the whole table is written anew under ACCESS EXCLUSIVE. Phases:
expand adds a plain column whose default draws from a sequence, for new rows only; migrate numbers old rows in batches,
proves it NOT NULL, and makes it an identity column, whose sequence goes on where the other stands.

A default draws with the rights of whoever inserts, an identity column with none: on a sequence that stands in for that
of an identity column everybody may draw, on that of a serial one those who may insert into the table.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-COLUMN
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from migrate_safe.model.names import Name, as_role, quote_ident, quote_literal
from migrate_safe.model.plan import Backfill
from migrate_safe.model.schema import Column, Sequence
from migrate_safe.planner.draft import Draft, Outcome, Rank, column_target, draft, sql
from migrate_safe.planner.identifiers import copied
from migrate_safe.planner.keeping import Keep, let_go
from migrate_safe.planner.proofs import NotNull, prove
from migrate_safe.planner.sequences import created, described, go_on
from migrate_safe.planner.sync import set_default


class AddNumberedColumn(Struct, frozen=True):
    """A column to add that numbers its rows; `sequence` is the one that the plain form makes.

    `word` makes names unique, `keys` find a row, `keep` is what old rows need while they are filled; `writers` are the
    roles that may insert into the table (empty for PUBLIC).
    """

    table: Name
    column: Column
    sequence: Sequence
    word: str
    keys: str
    keep: Keep | None = None
    writers: tuple[str, ...] = ()

    def steps(self) -> Outcome:
        """Plan the column."""
        it = NotNull(self.table, self.column.name, self.word, self.keys)
        drafts = (self._add(), self._fill(), *let_go(self.keep, self._target), *prove(it, Rank.HOLD), *self._identity())
        return Outcome(drafts, f"add column {self._name} to {self.table}", tuple(self._notes()), (self.table,))

    def _notes(self) -> Iterator[str]:
        yield f"{self.table}: going back to baseline drops {self._name} with all its numbers"
        if self.column.identity is None:
            known = f"goes to {', '.join(map(as_role, self.writers))}" if self.writers else "is granted to nobody"
            yield (
                f"whoever inserts into {self.table} but its owner needs USAGE on sequence {self.sequence.name}, which "
                f"{known}: grant it to roles that insert through views, too"
            )

    @property
    def _name(self) -> str:
        return quote_ident(self.column.name)

    @property
    def _alter(self) -> str:
        return f"ALTER TABLE {self.table} ALTER COLUMN {self._name}"

    @property
    def _target(self) -> str:
        return column_target(self.table, self.column.name)

    @property
    def _drawn(self) -> Name:
        """The sequence that numbers rows until the column is what it is to be."""
        if self.column.identity is None:
            return self.sequence.name
        return Name(self.sequence.name.schema, copied(self.sequence.name.name, self.word))

    @property
    def _next(self) -> str:
        return f"nextval({self._literal(self._drawn)}::regclass)"

    def _literal(self, name: Name) -> str:
        return quote_literal(str(name)).strip()

    def _number(self) -> tuple[str, ...]:
        return (
            created(self._drawn, self.sequence),
            *self._granted(),
            set_default(self.table, self.column.name, self._next),
            f"ALTER SEQUENCE {self._drawn} OWNED BY {self.table}.{self._name}",
        )

    def _granted(self) -> Iterator[str]:
        roles = self.writers if self.column.identity is None else ("",)
        if roles:
            yield f"GRANT USAGE ON SEQUENCE {self._drawn} TO {', '.join(map(as_role, roles))}"

    def _add(self) -> Draft:
        kept = ((), ()) if self.keep is None else (self.keep.create(), self.keep.drop())
        return draft(
            Rank.SHAPE,
            "add-column",
            self._target,
            f"add {self._name} with numbers for new rows only; old rows are not written anew",
            sql(f"ALTER TABLE {self.table} ADD COLUMN {self._name} {self.column.type}", *self._number(), *kept[0]),
            sql(*kept[1], f"ALTER TABLE {self.table} DROP COLUMN {self._name}"),
        )

    def _fill(self) -> Draft:
        return draft(
            Rank.FILL,
            "backfill",
            self._target,
            f"number old rows in {self._name}, in batches",
            Backfill(self.table, ((self.column.name, self._next),), f"{self._name} IS NULL"),
        )

    def _identity(self) -> Iterator[Draft]:
        if self.column.identity is None:
            return
        kind = self.column.identity.value.upper()
        yield draft(
            Rank.HOLD,
            "make-identity",
            self._target,
            f"make {self._name} an identity column, whose sequence goes on where the other stands",
            sql(
                f"{self._alter} DROP DEFAULT",
                f"{self._alter} ADD GENERATED {kind} AS IDENTITY ({described(self.sequence, named=True)})",
                go_on(self.sequence.name, self._drawn),
                f"DROP SEQUENCE {self._drawn}",
            ),
            sql(
                created(self._drawn, self.sequence),
                *self._granted(),
                go_on(self._drawn, self.sequence.name),
                f"{self._alter} DROP IDENTITY",
                set_default(self.table, self.column.name, self._next),
                f"ALTER SEQUENCE {self._drawn} OWNED BY {self.table}.{self._name}",
            ),
        )
