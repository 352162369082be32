"""Fill the tables of a scratch database with typed rows: distinct where they must be, with foreign keys that hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from msgspec import Struct, field

from migrate_safe.adapters.fill_catalog import Family, Table, read_families
from migrate_safe.adapters.fill_part import NO_KEY, ROUNDS, Part, count_of, insertion, numbers_of
from migrate_safe.adapters.fill_pools import Pools
from migrate_safe.adapters.fill_sources import Lacking, Source, sources_of
from migrate_safe.adapters.fill_types import Connection, Types
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.seed import seed

_CIRCLE = 20
"""Rows of a circle of tables that are tried one by one."""
_SETTINGS = """
SET statement_timeout = 0; SET client_min_messages = error;
SET enable_nestloop = off -- nothing is known yet of how many rows there are
"""
_MAY_SEE_ALL = "SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user"
_FORCED = "SELECT oid::regclass::text FROM pg_catalog.pg_class WHERE relforcerowsecurity AND oid = ANY(%s)"


def fill(dsn: str, rows: int) -> Iterator[str]:
    """Bring every table that is empty to `rows` rows; yield what is worth knowing of those that take fewer.

    Values follow from types and from the literals of rules; whether they will do is for the server to say: it weighs
    the rules of a table over many candidates, and keeps some.
    """
    if rows <= 0:
        return
    with connect(dsn, prepare_threshold=None) as connection:
        connection.execute(_SETTINGS)
        families = read_families(connection)
        if not families:
            yield "no rows were made: there is no table yet"
        with _unfettered(connection, families):
            filler = _Filler(dsn, connection, rows, Pools(connection, rows, Types(connection)))
            yield from filler.run(families)
        connection.execute("ANALYZE")


@contextmanager
def _unfettered(connection: Connection, families: Sequence[Family]) -> Iterator[None]:
    """Lift row security that is forced upon the owner, where it would bind this role."""
    forced: list[str] = []
    if connection.execute(_MAY_SEE_ALL).fetchone() == (False,):
        oids = [oid for family in families for oid in family.members]
        forced = [table for (table,) in connection.execute(_FORCED, [oids])]
    for table in forced:
        connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY".encode())
    try:
        yield
    finally:
        for table in forced:
            connection.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY".encode())


class _Filler(Struct):
    dsn: str
    connection: Connection
    rows: int
    pools: Pools
    filled: set[int] = field(default_factory=set)
    """Tables, whole or parts, that have rows."""

    def run(self, families: Sequence[Family]) -> Iterator[str]:
        """Fill what is empty, tables that others refer to first; tables that need each other at once."""
        empty = [family for family in families if not self._known(family)]
        for circle in _parents_first(empty):
            if len(circle) > 1:
                self._begin(circle)
            for family in circle:
                reason = self._fill(family)
                have = self._known(family)
                if have < self.rows:
                    yield f"{family.name} has {have} {'row' if have == 1 else 'rows'}: {reason}"

    def _known(self, family: Family) -> int:
        """Count the rows of a table, and remember which of its parts have any."""
        if not family.parts:
            return 0
        total = 0
        for part in family.parts:
            have = self._count(part)
            total += have
            if have:
                self.filled |= {part.oid, family.root}
        return total

    def _fill(self, family: Family) -> str:
        """Bring a table to the rows wanted, each part to its share, then those that can to more; gives the reason."""
        if not family.parts:
            return "it has no partition that holds rows"
        reason = ""
        counts = {part.oid: self._count(part) for part in family.parts}
        for last in (False, True):
            for place, part in enumerate(family.parts):
                left = self.rows - sum(counts.values())
                share = -(-left // (1 if last else len(family.parts) - place))
                if share > 0:
                    reason = self._fill_part(part, share) or reason
                    counts[part.oid] = self._count(part)
        if not self._known(family):
            seed(self.dsn, (family.name,))
            if self._known(family):
                reason = next(
                    (r for p in family.parts if (r := self._fill_part(p, self.rows - self._known(family)))), ""
                )
        return reason or NO_KEY

    def _fill_part(self, part: Table, more: int) -> str:
        wanted = self._count(part) + more
        filling = Part(self.connection, part, wanted)
        own = any(r.parent in {part.oid, part.root} - self.filled for r in part.references)
        for kinds in (ROUNDS[:4], ROUNDS) if own else (ROUNDS,):  # later rows can refer to those made before
            lacking = Lacking()
            sources = sources_of(part, self.pools, self.filled, {}, lacking)
            if lacking.reasons:
                return lacking.reasons[0]
            filling.rounds(sources, kinds)
            if self._count(part):
                self.filled |= {part.oid, part.root}
            if not filling.missing:
                return ""
        return filling.reason

    def _begin(self, circle: Sequence[Family]) -> None:
        """Give rows to tables that cannot be without each other: keys are checked behind the whole statement."""
        parts = [family.parts[0] for family in circle if family.parts]
        planned: dict[int, Sequence[Source]] = {}
        for _ in circle:  # keys that are themselves foreign keys are known one turn later
            for part in parts:
                sources = sources_of(part, self.pools, self.filled, planned, Lacking())
                planned |= {part.oid: sources, part.root: sources}
        if len(planned) and not self._at_once(parts, planned, 0, self.rows):
            for number in range(_CIRCLE):
                self._at_once(parts, planned, number, 1)

    def _at_once(self, parts: Sequence[Table], planned: Mapping[int, Sequence[Source]], first: int, rows: int) -> bool:
        inserts = [
            f"step{number} AS ({insertion(part, sources, numbers_of(sources, 'aligned', first), rows)})"
            for number, (part, sources) in enumerate((part, planned[part.oid]) for part in parts)
        ]
        try:
            self.connection.execute(f"WITH {', '.join(inserts)} SELECT".encode())
        except psycopg.Error:
            return False
        return True

    def _count(self, table: Table) -> int:
        return count_of(self.connection, table)


def _parents_first(families: Sequence[Family]) -> Iterator[tuple[Family, ...]]:
    """Give tables behind those that they refer to; where they cannot be without each other, all of them at once."""
    waiting = {member: family for family in families for member in family.members}

    def among(oids: Collection[int]) -> dict[int, Family]:
        return {waiting[oid].root: waiting[oid] for oid in oids if oid in waiting}

    while waiting:
        left = {family.root: family for family in waiting.values()}.values()
        free = [family for family in left if not among(family.parents)]
        chosen: list[tuple[Family, ...]] = [(family,) for family in free]
        chosen = chosen or [_fewest(left, lambda family: among(family.needs).values())]
        for circle in chosen:
            for family in circle:
                for member in family.members:
                    del waiting[member]
            yield circle


def _fewest(families: Iterable[Family], needs: Callable[[Family], Iterable[Family]]) -> tuple[Family, ...]:
    """Give the smallest set of tables that need none beside them."""

    def reach(family: Family) -> tuple[Family, ...]:
        found, todo = {family.root: family}, [family]
        while todo:
            for other in needs(todo.pop()):
                if other.root not in found:
                    found[other.root] = other
                    todo.append(other)
        return tuple(found.values())

    return min(map(reach, families), key=len)
