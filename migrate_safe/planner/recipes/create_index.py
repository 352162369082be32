"""Create an index.

Harm of the plain form: CREATE INDEX keeps every writer out until it has read the whole table. Phases: CONCURRENTLY
in expand, for the old app notices nothing; in migrate when a column of it is filled by this plan. A unique index
refuses writes, so it comes in contract unless the old app cannot break it. Its undo is DROP INDEX CONCURRENTLY.

https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import BuildIndex, DropIndexConcurrently, Requirement
from migrate_safe.model.schema import Index
from migrate_safe.planner.draft import Draft, Outcome, Rank, draft, sql


class CreateIndex(Struct, frozen=True):
    """An index to build: `index` has its final name, `statement` carries CONCURRENTLY.

    `rank` is where the index may be built at the earliest; `kept` says why the old app cannot break a unique one.
    """

    table: Name
    index: Index
    statement: str
    rank: Rank = Rank.BUILD
    kept: str | None = None

    def steps(self) -> Outcome:
        """Plan the index."""
        name = quote_ident(self.index.name or "")
        built = build_index(self.table, self.index, self.statement, self._rank)
        checks = (
            (self._no_duplicates(),) if self.index.unique and duplicates(self.table, self.index) is not None else ()
        )
        kind = "unique index" if self.index.unique else "index"
        return Outcome((*checks, built), f"create {kind} {name} on {self.table}", (), (self.table,))

    @property
    def _rank(self) -> Rank:
        if not self.index.unique:
            return self.rank
        return Rank.ENFORCE if self.kept is None else max(self.rank, Rank.COPY)

    def _no_duplicates(self) -> Draft:
        found = duplicates(self.table, self.index)
        assert found is not None
        name = f"{self.table}.{quote_ident(self.index.name or '')}"
        return draft(
            self._rank, "check-duplicates", name, "find duplicates before the long build does", sql(require=(found,))
        )


def duplicates(table: Name, index: Index) -> Requirement | None:
    """Find keys that several rows share, None where an expression hides them; NULLs in a key count as different."""
    if any(k.column is None for k in index.keys):
        return None
    columns = [quote_ident(k.column) for k in index.keys if k.column is not None]
    given = [] if index.nulls_not_distinct else [f"{c} IS NOT NULL" for c in columns]
    where = " AND ".join([*given, *([f"({index.predicate})"] if index.predicate is not None else [])])
    listed = ", ".join(columns)
    rows = f"{table} WHERE {where}" if where else str(table)
    query = f"SELECT {listed} FROM {rows} GROUP BY {listed} HAVING count(*) > 1"
    return Requirement(query, f"{table} has several rows with the same {listed}: merge them first")


def build_index(table: Name, index: Index, statement: str, rank: Rank) -> Draft:
    """Make the step that builds an index while clients write."""
    name = Name(table.schema, index.name or "")
    return draft(
        rank,
        "build-index",
        str(name),
        f"build {quote_ident(name.name)} on {table} while clients read and write",
        BuildIndex(table, name, statement),
        DropIndexConcurrently(table, name),
    )
