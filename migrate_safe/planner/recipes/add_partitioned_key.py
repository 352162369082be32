"""Add a unique constraint or a primary key to a partitioned table.

Harm of the plain form: it builds an index on every partition under ACCESS EXCLUSIVE on all of them. Phases: each
partition gets its index CONCURRENTLY; then, in one transaction, the partitioned table gets the constraint alone and
takes those of its partitions over, an instant. Writes of the old app may break it, so it comes in contract unless
the old app cannot.

https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.catalog.definition import constraint_definition, index_definition
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Constraint, Index
from migrate_safe.planner.draft import Draft, Outcome, Rank, draft, sql
from migrate_safe.planner.recipes.create_index import build_index, duplicates
from migrate_safe.planner.recipes.set_not_null import SetNotNull


class AddPartitionedKey(Struct, frozen=True):
    """A key to add to `table`: `constraint` has its final name, `index` is that of the key.

    `leaves` are its partitions with the index that each gets, under the name that the plain form gives it.
    `nullable` are columns that may be NULL so far, for a primary key. `kept` says why the old app cannot break it.
    """

    table: Name
    constraint: Constraint
    index: Index
    leaves: tuple[tuple[Name, Index], ...]
    nullable: tuple[SetNotNull, ...] = ()
    kept: str | None = None

    def steps(self) -> Outcome:
        """Plan the key."""
        proofs = tuple(d for column in self.nullable for d in column.steps().drafts)
        rank = Rank.ENFORCE if self.kept is None else Rank.HOLD
        built = tuple(
            build_index(leaf, index, index_definition(leaf, index, concurrently=True), rank)
            for leaf, index in self.leaves
        )
        summary = f"add {self.constraint.kind} {self._name} to {self.table}"
        drafts = (*proofs, self._look(rank), *built, self._gather(rank, built))
        return Outcome(drafts, summary, (), (self.table, *(leaf for leaf, _ in self.leaves)))

    @property
    def _name(self) -> str:
        return quote_ident(self.constraint.name or "")

    def _look(self, rank: Rank) -> Draft:
        found = duplicates(self.table, self.index)
        does = "find duplicates before the long builds do"
        at = f"{self.table}.{self._name}"
        return draft(rank, "check-duplicates", at, does, sql(require=(found,) if found is not None else ()))

    def _gather(self, rank: Rank, built: tuple[Draft, ...]) -> Draft:
        parent = Name(self.table.schema, self.constraint.name or "")
        return draft(
            rank,
            "gather-key",
            f"{self.table}.{self._name}",
            f"make the indexes of all partitions the constraint {self._name}",
            sql(
                f"ALTER TABLE ONLY {self.table} ADD CONSTRAINT {self._name} {constraint_definition(self.constraint)}",
                *(text for leaf, index in self.leaves for text in self._attached(parent, leaf, index)),
                require=(self._all_known(),),
            ),
            sql(f"ALTER TABLE {self.table} DROP CONSTRAINT {self._name}"),
            takes_back=built,
        )

    def _attached(self, parent: Name, leaf: Name, index: Index) -> tuple[str, str]:
        name, kind = quote_ident(index.name or ""), self.constraint.kind.upper()
        return (
            f"ALTER TABLE {leaf} ADD CONSTRAINT {name} {kind} USING INDEX {name}",
            f"ALTER INDEX {parent} ATTACH PARTITION {Name(leaf.schema, index.name or '')}",
        )

    def _all_known(self) -> Requirement:
        """Require that no partition has come since: the key would not be valid without an index on it."""
        known = ", ".join(f"{quote_literal(str(leaf)).strip()}::regclass" for leaf, _ in self.leaves)
        query = (
            f"SELECT inhrelid::regclass AS partition FROM pg_inherits\n"
            f"WHERE inhparent = {quote_literal(str(self.table)).strip()}::regclass AND inhrelid <> ALL (ARRAY[{known}])"
        )
        return Requirement(query, f"{self.table} has partitions that this plan does not know: plan again")
