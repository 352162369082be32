"""Rebuild an index.

Harm of the plain form: REINDEX keeps every writer out until it has read the whole table, and every query that plans to
use the index. Phases: expand builds a new index beside it CONCURRENTLY and exchanges their names, an instant; purge
drops the old one. Indexes of constraints cannot change places: REINDEX them CONCURRENTLY by hand.

https://www.postgresql.org/docs/current/sql-reindex.html
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.catalog.definition import index_definition
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import DropIndexConcurrently
from migrate_safe.model.schema import Index
from migrate_safe.model.values import replace
from migrate_safe.planner.draft import PURGE_WINDOW, Draft, Outcome, Rank, draft, sql
from migrate_safe.planner.identifiers import copied, retired
from migrate_safe.planner.recipes.create_index import build_index


class Reindex(Struct, frozen=True):
    """An index to rebuild; `word` makes the names of its copies unique."""

    table: Name
    index: Index
    word: str
    window: str = PURGE_WINDOW

    def steps(self) -> Outcome:
        """Plan the rebuild."""
        copy = replace(self.index, name=copied(self._name, self.word), valid=True)
        statement = index_definition(self.table, copy, concurrently=True)
        built = build_index(self.table, copy, statement, Rank.BUILD)
        return Outcome(
            (built, self._swap(), self._purge()), f"rebuild index {quote_ident(self._name)}", (), (self.table,)
        )

    @property
    def _name(self) -> str:
        return self.index.name or ""

    def _full(self, name: str) -> Name:
        return Name(self.table.schema, name)

    def _swap(self) -> Draft:
        name, new, old = self._name, copied(self._name, self.word), retired(self._name, self.word)
        said = [
            f"ALTER INDEX {self._full(new)} ALTER COLUMN {at} SET STATISTICS {n}" for at, n in self.index.statistics
        ]
        if self.index.comment is not None:
            said.append(f"COMMENT ON INDEX {self._full(new)} IS {quote_literal(self.index.comment).strip()}")
        return draft(
            Rank.BUILD,
            "swap-index",
            str(self._full(name)),
            f"let the new index take the name of {quote_ident(name)}",
            sql(*said, self._renamed(name, old), self._renamed(new, name)),
            sql(self._renamed(name, new), self._renamed(old, name)),
        )

    def _renamed(self, old: str, new: str) -> str:
        return f"ALTER INDEX {self._full(old)} RENAME TO {quote_ident(new)}"

    def _purge(self) -> Draft:
        return draft(
            Rank.DROP,
            "drop-index",
            str(self._full(self._name)),
            "drop the old index",
            DropIndexConcurrently(self.table, self._full(retired(self._name, self.word))),
            None,
            not_before=self.window,
            irreversible="drops the old index; the new one has its name",
        )
