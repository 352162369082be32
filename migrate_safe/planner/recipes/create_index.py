"""Create an index.

Harm of the plain form: CREATE INDEX keeps every writer out until it has read the whole table. Phases: CONCURRENTLY
in expand, for the old app notices nothing; in migrate when a column of it is filled by this plan. A unique index
refuses writes, as does one whose expression may fail: such an index comes in contract unless the old app cannot break
it. Its undo is DROP INDEX CONCURRENTLY.

https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import BuildIndex, DropIndexConcurrently, Requirement
from migrate_safe.model.schema import Index
from migrate_safe.model.values import replace
from migrate_safe.planner.draft import Draft, Outcome, Rank, draft, sql


class CreateIndex(Struct, frozen=True):
    """An index to build: `index` has its final name, `statement` carries CONCURRENTLY.

    `rank` is where the index may be built at the earliest; `kept` says why the old app cannot break a unique one.
    `copy` is the name under which it is built while an index that the migration drops still has its name, with the
    statement that does so.
    """

    table: Name
    index: Index
    statement: str
    rank: Rank = Rank.BUILD
    kept: str | None = None
    copy: tuple[str, str] | None = None

    def steps(self) -> Outcome:
        """Plan the index."""
        name = quote_ident(self.index.name or "")
        if self.copy is not None and self._rank < Rank.HIDE:
            built, *renamed = self._beside(*self.copy)
        else:
            built, renamed = build_index(self.table, self.index, self.statement, self._rank), []
        checks = (
            (self._no_duplicates(),) if self.index.unique and duplicates(self.table, self.index) is not None else ()
        )
        kind = "unique index" if self.index.unique else "index"
        return Outcome((*checks, built, *renamed), f"create {kind} {name} on {self.table}", (), (self.table,))

    @property
    def _rank(self) -> Rank:
        if not self.index.unique:
            return self.rank
        return Rank.ENFORCE if self.kept is None else max(self.rank, Rank.COPY)

    def _beside(self, copy: str, statement: str) -> tuple[Draft, Draft]:
        """Build it under another name, and let it take its own right after that is free."""
        name = quote_ident(self.index.name or "")
        built = build_index(self.table, replace(self.index, name=copy), statement, self._rank)
        here, there = Name(self.table.schema, copy), Name(self.table.schema, self.index.name or "")
        renamed = draft(
            Rank.HIDE,
            "name-index",
            str(there),
            f"let the new index take the name {name}, which the dropped one had",
            sql(f"ALTER INDEX {here} RENAME TO {name}"),
            sql(f"ALTER INDEX {there} RENAME TO {quote_ident(copy)}"),
        )
        return built, renamed

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
