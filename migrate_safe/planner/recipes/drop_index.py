"""Drop an index.

Harm of the plain form: DROP INDEX waits for, and then keeps out, everybody who uses the table; and when a query turns
out to need the index, building it again takes hours. Phases: contract renames it, which nobody notices, and it is
maintained until purge drops it, so that taking it back is an instant. A unique index must go in contract, for the new
app may write what it refuses: taking it back looks for duplicates and builds it again.

https://www.postgresql.org/docs/current/sql-dropindex.html
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.catalog.definition import index_definition
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import BuildIndex, DropIndexConcurrently, Work
from migrate_safe.model.schema import Index
from migrate_safe.planner.draft import NOTHING, PURGE_WINDOW, Draft, Outcome, Rank, draft, sql
from migrate_safe.planner.identifiers import retired
from migrate_safe.planner.recipes.create_index import duplicates


class DropIndex(Struct, frozen=True):
    """An index to drop. `word` makes its hidden name unique; `parted` says that its table is partitioned.

    `doubled` says that the migration makes another one that serves the same ON CONFLICT: then it goes after that.
    """

    table: Name
    index: Index
    word: str
    parted: bool = False
    doubled: bool = False
    window: str = PURGE_WINDOW

    def steps(self) -> Outcome:
        """Plan the drop."""
        drafts = self._give_up() if self.index.unique else (self._hide(), self._purge())
        kind = "unique index" if self.index.unique else "index"
        return Outcome(drafts, f"drop {kind} {self._name} of {self.table}", (), (self.table,))

    @property
    def _name(self) -> str:
        return quote_ident(self.index.name or "")

    @property
    def _full(self) -> Name:
        return Name(self.table.schema, self.index.name or "")

    @property
    def _hidden(self) -> Name:
        return Name(self.table.schema, retired(self.index.name or "", self.word))

    @property
    def _rank(self) -> Rank:
        return Rank.RETIRE if self.doubled else Rank.QUIET

    def _hide(self) -> Draft:
        hidden = quote_ident(self._hidden.name)
        return draft(
            Rank.HIDE,
            "hide-index",
            str(self._full),
            f"rename {self._name}; it is maintained until purge, and one step brings its name back",
            sql(f"ALTER INDEX {self._full} RENAME TO {hidden}"),
            sql(f"ALTER INDEX {self._hidden} RENAME TO {self._name}"),
        )

    def _purge(self) -> Draft:
        work: Work = DropIndexConcurrently(self.table, self._hidden)
        return draft(
            Rank.DROP,
            "drop-index",
            str(self._full),
            f"drop the retired index {self._name}",
            sql(f"DROP INDEX {self._hidden}") if self.parted else work,
            None,
            not_before=self.window,
            irreversible=f"drops the index {self._name}; building it again reads the whole table",
        )

    # ---- unique ----

    def _give_up(self) -> tuple[Draft, ...]:
        """Drop a unique index; the undo goes from the last of these steps to the first."""
        built = index_definition(self.table, self.index, concurrently=True)
        dropped = draft(
            self._rank,
            "drop-unique-index",
            str(self._full),
            f"drop {self._name}, which refuses what the new app may write; on the way back, build it again",
            DropIndexConcurrently(self.table, self._full),
            BuildIndex(self.table, self._full, built),
        )
        found = duplicates(self.table, self.index)
        look = draft(
            self._rank,
            "look-for-duplicates",
            str(self._full),
            "nothing; on the way back, looks for duplicates before the long build does",
            NOTHING,
            sql(require=(found,) if found is not None else ()),
        )
        return (*self._said(), dropped, *((look,) if found is not None else ()))

    def _said(self) -> tuple[Draft, ...]:
        """Give the index its comment and its statistics targets again."""
        texts = [f"ALTER INDEX {self._full} ALTER COLUMN {at} SET STATISTICS {n}" for at, n in self.index.statistics]
        if self.index.comment is not None:
            texts.append(f"COMMENT ON INDEX {self._full} IS {quote_literal(self.index.comment).strip()}")
        if not texts:
            return ()
        does = f"nothing; on the way back, gives {self._name} its comment and settings again"
        return (draft(self._rank, "restore-index", str(self._full), does, NOTHING, sql(*texts)),)
