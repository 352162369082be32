"""Create an index on a partitioned table.

Harm of the plain form: CREATE INDEX keeps the writers of every partition out until all of them are read; CONCURRENTLY
is refused by the server. Phases: an index ON ONLY the partitioned table, an instant, invalid as yet; one on each
partition CONCURRENTLY; then each is attached, and the last makes the whole valid. The undo of the last step drops
them all, for an index cannot be detached. As with other tables: in migrate where a column is filled, a unique one in
contract.

https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Index
from migrate_safe.planner.draft import Draft, Outcome, Rank, draft, sql
from migrate_safe.planner.recipes.create_index import build_index, duplicates


class Part(Struct, frozen=True):
    """The index of one partition: `statement` builds it, `parent` is the index that it belongs to.

    `parted` says that the partition has partitions of its own.
    """

    table: Name
    index: Index
    statement: str
    parent: Name
    parted: bool


class CreatePartitionedIndex(Struct, frozen=True):
    """An index of a partitioned table: `statement` makes it ON ONLY that table; `parts` are ordered from the top."""

    table: Name
    index: Index
    statement: str
    parts: tuple[Part, ...]
    rank: Rank = Rank.BUILD

    def steps(self) -> Outcome:
        """Plan the index."""
        found = duplicates(self.table, self.index) if self.index.unique else None
        look = [self._look()] if found is not None else []
        shells = self._shells()
        built = tuple(build_index(p.table, p.index, p.statement, self.rank) for p in self.parts if not p.parted)
        attached = self._attach((shells, *built))
        touched = (self.table, *(p.table for p in self.parts))
        return Outcome((*look, shells, *built, attached), f"create index {self._name} on {self.table}", (), touched)

    @property
    def _name(self) -> str:
        return quote_ident(self.index.name or "")

    @property
    def _full(self) -> Name:
        return Name(self.table.schema, self.index.name or "")

    def _look(self) -> Draft:
        found = duplicates(self.table, self.index)
        assert found is not None
        does = "find duplicates before the long build does"
        return draft(self.rank, "check-duplicates", str(self._full), does, sql(require=(found,)))

    def _shells(self) -> Draft:
        """Make the indexes of all tables that have partitions: each without rows, and invalid as yet."""
        below = [p for p in self.parts if p.parted]
        drops = [f"DROP INDEX {Name(p.table.schema, p.index.name or '')}" for p in reversed(below)]
        return draft(
            self.rank,
            "create-index-shell",
            str(self._full),
            f"make {self._name} on the partitioned table alone: it has no rows of its own to read",
            sql(self.statement, *(p.statement for p in below)),
            sql(*drops, f"DROP INDEX {self._full}"),
        )

    def _attach(self, before: tuple[Draft, ...]) -> Draft:
        """Attach from the bottom: a part that has parts is whole when it is attached."""
        statements = (
            f"ALTER INDEX {p.parent} ATTACH PARTITION {Name(p.table.schema, p.index.name or '')}"
            for p in reversed(self.parts)
        )
        return draft(
            self.rank,
            "attach-index-partitions",
            str(self._full),
            f"attach the index of each partition, which makes {self._name} valid",
            sql(*statements),
            sql(f"DROP INDEX {self._full}"),
            takes_back=before,
        )
