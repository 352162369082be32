"""Take renamed columns out of sight and bring them back, each in one transaction; in the end drop them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.planner.copies import Swap
from migrate_safe.planner.draft import Draft, Rank, column_target, draft, sql
from migrate_safe.planner.identifiers import retired
from migrate_safe.planner.null_names import NullName, renamed_null
from migrate_safe.planner.pairs import Kind, Sync
from migrate_safe.planner.sync import create_reverse, create_sync, drop_reverse, drop_sync, set_default


class Hiding(Struct, frozen=True):
    """What changes its name when the old columns of a table are hidden.

    `swaps` are indexes and constraints that change places with their copies, `null_names` NOT NULL constraints that do,
    `owned` the sequences that the old columns own. The column is renamed between dropping the triggers that name it and
    making those of the other direction, so that no client ever meets one without the other.
    """

    sync: Sync
    swaps: tuple[Swap, ...]
    null_names: tuple[NullName, ...]
    owned: tuple[tuple[Name, str], ...]

    @property
    def renames(self) -> dict[str, str]:
        """Old names to new names."""
        return {pair.old.column: pair.new.column for pair in self.sync.pairs}

    @property
    def _table(self) -> Name:
        return self.sync.table

    def hide(self) -> Draft:
        """Make the step that hides the columns; its undo brings both names back into step."""
        hidden = {old: retired(old, self.sync.word) for old in self.renames}
        away = tuple(self._rename(old, new) for old, new in hidden.items())
        back = tuple(self._rename(new, old) for old, new in hidden.items())
        swapped = tuple(text for swap in self.swaps for text in swap.forward())
        unswapped = tuple(text for swap in reversed(self.swaps) for text in swap.back())
        listed = ", ".join(quote_ident(c) for c in self.renames)
        return draft(
            Rank.HIDE,
            "hide-column",
            column_target(self.sync.table, *self.renames),
            f"rename {listed} out of sight, go on filling it from the new name, and give indexes and constraints"
            " their final names",
            sql(
                *drop_sync(self.sync),
                *away,
                *swapped,
                *self._null_names(forward=True),
                *self._final_defaults(hidden),
                *self._ownership("new"),
                *create_reverse(self.sync, hidden),
            ),
            sql(
                *drop_reverse(self.sync),
                *self._null_names(forward=False),
                *unswapped,
                *back,
                *self._ownership("old"),
                *create_sync(self.sync),
            ),
        )

    def _rename(self, old: str, new: str) -> str:
        return f"ALTER TABLE {self._table} RENAME COLUMN {quote_ident(old)} TO {quote_ident(new)}"

    def _null_names(self, *, forward: bool) -> tuple[str, ...]:
        """Exchange the names of NOT NULL constraints: a plain rename keeps the old column's."""
        pairs = [(n.chosen_new, n.original) if forward else (n.original, n.chosen_new) for n in self.null_names]
        return tuple(text for old, new in pairs for text in renamed_null(self._table, old, new))

    def _final_defaults(self, hidden: Mapping[str, str]) -> tuple[str, ...]:
        marked = [p for p in self.sync.pairs if p.kind is Kind.MARKER]
        return tuple(
            text
            for p in marked
            for text in (
                set_default(self._table, hidden[p.old.column], None),
                set_default(self._table, p.new.column, p.new.default),
            )
        )

    def _ownership(self, side: str) -> tuple[str, ...]:
        names = self.renames
        return tuple(
            f"ALTER SEQUENCE {sequence} OWNED BY {self._table}.{quote_ident(names[old] if side == 'new' else old)}"
            for sequence, old in self.owned
        )

    def purge(self, window: str) -> Draft:
        """Make the step that drops the columns for good, after a waiting time."""
        hidden = [retired(old, self.sync.word) for old in self.renames]
        return draft(
            Rank.DROP,
            "drop-column",
            column_target(self.sync.table, *self.renames),
            f"drop the retired {', '.join(quote_ident(c) for c in self.renames)} with its triggers",
            sql(*drop_reverse(self.sync), *(f"ALTER TABLE {self._table} DROP COLUMN {quote_ident(h)}" for h in hidden)),
            None,
            not_before=window,
            irreversible=f"drops the retired column {', '.join(map(quote_ident, hidden))} and its data",
        )
