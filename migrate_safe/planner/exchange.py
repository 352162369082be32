"""Exchange a column with its successor under one name, in one transaction, and back."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Constraint, Index, Sequence
from migrate_safe.planner.copies import Swap
from migrate_safe.planner.draft import Draft, Rank, column_target, draft, sql
from migrate_safe.planner.mirroring import Follower
from migrate_safe.planner.null_names import NullName, if_constraint, renamed_null
from migrate_safe.planner.recipes.create_index import build_index
from migrate_safe.planner.sequences import described, go_on
from migrate_safe.planner.sync import set_default


class Key(Struct, frozen=True):
    """The primary key over the column: two unique indexes stand ready, one for each direction.

    The old one goes with the constraint, so that a spare is built for the way back. `built` and `spare` are over the
    new and the old column, `statements` build them.
    """

    constraint: Constraint
    built: Index
    spare: Index
    statements: tuple[str, str]


class Numbering(Struct, frozen=True):
    """The identity that moves along: its sequence before and after; `aside` is the old one's name for a moment."""

    kind: str
    before: Sequence
    after: Sequence
    aside: Name

    def move(self, table: Name, source: str, target: str, made: Sequence) -> tuple[str, ...]:
        """Write what gives `target` an identity whose sequence goes on where that of `source` stands, and ends that."""
        alter = f"ALTER TABLE {table} ALTER COLUMN"
        return (
            f"ALTER SEQUENCE {made.name} RENAME TO {quote_ident(self.aside.name)}",
            f"{alter} {quote_ident(target)} ADD GENERATED {self.kind} AS IDENTITY ({described(made, named=True)})",
            go_on(made.name, self.aside),
            f"{alter} {quote_ident(source)} DROP IDENTITY",
        )


class Exchange(Struct, frozen=True):
    """What changes its name when `mirror.copy` takes the place of `mirror.column`, which becomes `hidden`.

    `defaults` are those before and after, as SQL; `null_name` the names of NOT NULL, None where the column is nullable;
    `owned` the sequences that the column owns. `proof` is the helper CHECK by which NOT NULL comes back.
    """

    mirror: Follower
    reverse: Follower
    hidden: str
    swaps: tuple[Swap, ...]
    defaults: tuple[str | None, str | None]
    null_name: NullName | None
    owned: tuple[Name, ...]
    proof: str
    key: Key | None = None
    numbering: Numbering | None = None
    far_tables: tuple[Name, ...] = ()

    def steps(self) -> tuple[Draft, ...]:
        """Make the steps; the undo of the last one takes the indexes for the key along."""
        built = self._indexes()
        column = quote_ident(self.mirror.column)
        made = draft(
            Rank.HIDE,
            "exchange-columns",
            column_target(self.mirror.table, self.mirror.column),
            f"let the new column take the name {column}, and the old one follow it out of sight",
            sql(*self._forward()),
            sql(*self._back()),
            takes_back=built,
        )
        return *built, made

    @property
    def _table(self) -> Name:
        return self.mirror.table

    @property
    def _alter(self) -> str:
        return f"ALTER TABLE {self._table}"

    def _indexes(self) -> tuple[Draft, ...]:
        if self.key is None:
            return ()
        pairs = zip((self.key.built, self.key.spare), self.key.statements, strict=True)
        return tuple(build_index(self._table, index, text, Rank.HIDE) for index, text in pairs)

    def _forward(self) -> tuple[str, ...]:
        name, (before, after), null = self.mirror.column, self.defaults, self.null_name
        hidden = quote_ident(self.hidden)
        return (
            *self.mirror.drop,
            *self._drop_key(),
            self._rename(name, self.hidden),
            *self._number(self.hidden, self.mirror.copy, forward=True),
            *((f"{self._alter} ALTER COLUMN {hidden} DROP NOT NULL",) if null is not None else ()),
            *((set_default(self._table, self.hidden, None),) if before is not None else ()),
            *(text for swap in self.swaps for text in swap.forward()),
            self._rename(self.mirror.copy, name),
            *(renamed_null(self._table, null.chosen_new, null.original) if null is not None else ()),
            *self._add_key(self.key.built if self.key is not None else None),
            *((set_default(self._table, name, after),) if after is not None else ()),
            *self._own(name),
            *self.reverse.create,
        )

    def _back(self) -> tuple[str, ...]:
        name, (before, after), null = self.mirror.column, self.defaults, self.null_name
        return (
            *self.reverse.drop,
            *self._drop_key(),
            *(renamed_null(self._table, null.original, null.chosen_new) if null is not None else ()),
            *((set_default(self._table, name, None),) if after is not None else ()),
            self._rename(name, self.mirror.copy),
            *(text for swap in reversed(self.swaps) for text in swap.back()),
            self._rename(self.hidden, name),
            *((set_default(self._table, name, before),) if before is not None else ()),
            *self._null_again(),
            *self._number(self.mirror.copy, name, forward=False),
            *self._add_key(self.key.spare if self.key is not None else None),
            *self._own(name),
            *self.mirror.create,
        )

    def _null_again(self) -> tuple[str, ...]:
        if self.null_name is None:
            return ()
        drop = f"{self._alter} DROP CONSTRAINT {quote_ident(self.proof)}"
        return (
            f"{self._alter} ALTER COLUMN {quote_ident(self.mirror.column)} SET NOT NULL",
            *renamed_null(self._table, self.null_name.chosen, self.null_name.original),
            if_constraint(self._table, self.proof, drop),
        )

    def _number(self, source: str, target: str, *, forward: bool) -> tuple[str, ...]:
        it = self.numbering
        return () if it is None else it.move(self._table, source, target, it.after if forward else it.before)

    def _rename(self, old: str, new: str) -> str:
        return f"{self._alter} RENAME COLUMN {quote_ident(old)} TO {quote_ident(new)}"

    def _drop_key(self) -> tuple[str, ...]:
        name = None if self.key is None else self.key.constraint.name
        return () if name is None else (f"{self._alter} DROP CONSTRAINT {quote_ident(name)}",)

    def _add_key(self, index: Index | None) -> tuple[str, ...]:
        if self.key is None or index is None:
            return ()
        name, kept = quote_ident(self.key.constraint.name or ""), self.key.constraint
        timing = " DEFERRABLE" * kept.deferrable + " INITIALLY DEFERRED" * kept.deferred
        using = f"PRIMARY KEY USING INDEX {quote_ident(index.name or '')}"
        return (f"{self._alter} ADD CONSTRAINT {name} {using}{timing}",)

    def _own(self, column: str) -> tuple[str, ...]:
        at = f"{self._table}.{quote_ident(column)}"
        return tuple(f"ALTER SEQUENCE {sequence} OWNED BY {at}" for sequence in self.owned)
