"""Rows for one table: candidates whose values meet in ever other ways, of which the server keeps what rules allow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from math import prod

import psycopg
from msgspec import Struct

from migrate_safe.adapters.fill_catalog import Table
from migrate_safe.adapters.fill_sources import Source
from migrate_safe.adapters.fill_types import FIRST, Connection
from migrate_safe.model.names import quote_ident, quote_literal

_CANDIDATES = 100_000
"""Rows that are made at most in one round, of which the rules of a table keep some."""
_WITH_NULLS = 20
"""Candidates for each row that there can be, where values are null by chance."""
_ONE_BY_ONE = 20_000
"""Rows that are tried one by one in a round where the server refuses one of them."""
_REFUSALS = 300
"""Refusals without a row between them that end such a round."""
ROUNDS = "aligned odometer hashed nulls copied shifted hashed nulls".split()
"""Ways in which the values of columns meet. What is copied is all but what must be distinct or is a key elsewhere."""
_NO_ROW = "no row was found that its constraints and partition bounds accept"
_TURNED_AWAY = "its triggers or rules let no row in"
NO_KEY = "their keys do not allow for more"
_PLACE = '"~place"'
_INSERT_EACH = """
DO $migrate_safe$
#variable_conflict use_variable
DECLARE one record; done bigint := 0; now_done bigint; refused bigint := 0; said text := '';
BEGIN
    FOR one IN EXECUTE {query} LOOP
        BEGIN
            INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({values});
            GET DIAGNOSTICS now_done = ROW_COUNT;
            SET CONSTRAINTS ALL IMMEDIATE;
            done := done + now_done;
            refused := CASE WHEN now_done = 0 THEN refused + 1 ELSE 0 END;
        EXCEPTION WHEN OTHERS THEN
            refused := refused + 1;
            said := CASE SQLSTATE WHEN 'P0001' THEN 'a trigger refuses rows: ' ELSE '' END || SQLERRM;
        END;
        EXIT WHEN done >= {missing} OR refused >= {refusals};
    END LOOP;
    PERFORM pg_catalog.set_config('migrate_safe.said', said, false);
END $migrate_safe$
"""


class Part(Struct):
    """A table that holds rows itself, on its way to `wanted` of them; `reason` is why there are no more."""

    connection: Connection
    table: Table
    wanted: int
    reason: str = _NO_ROW
    _turn: int = 0
    _used: int = 0

    @property
    def missing(self) -> int:
        """Count the rows that it lacks."""
        return self.wanted - count_of(self.connection, self.table)

    def rounds(self, sources: Sequence[Source], kinds: Sequence[str]) -> None:
        """Make rows in one way after the other, until there are enough or none of them brings any more."""
        idle = 0
        for kind in cycle(kinds):
            before = self.missing
            if before <= 0 or idle == len(kinds):
                return
            if before < self.wanted:
                self.reason = NO_KEY
            self._round(sources, kind, before)
            idle = idle + 1 if self.missing == before else 0

    def _round(self, sources: Sequence[Source], kind: str, missing: int) -> None:
        have = self.wanted - missing
        if kind == "copied" and not have:
            return
        plain = kind == "aligned" and not self.table.checks
        candidates = missing if plain else min(20 * missing + 2000 + have, _CANDIDATES)
        if any(source.unique for source in sources) and all(source.size is not None for source in sources):
            candidates = min(candidates, _WITH_NULLS * prod(source.size or 1 for source in sources))
        numbers = numbers_of(sources, kind, self._used, self._turn)
        self._turn += 1
        self._used += candidates
        statement = insertion(self.table, sources, numbers, candidates, kind, missing)
        try:
            made = self.connection.execute(f"{statement} ON CONFLICT DO NOTHING".encode()).rowcount
        except psycopg.Error as error:
            self.reason = error.diag.message_primary or str(error)
            self._one_by_one(sources, numbers, candidates, kind, missing)
        else:
            if made:
                self.reason = NO_KEY
            elif self.reason == _NO_ROW:
                query = _select(self.table, sources, numbers, candidates, kind)
                accepted = self.connection.execute(f"{query} LIMIT 1".encode()).rowcount
                self.reason = _TURNED_AWAY if accepted else _NO_ROW

    def _one_by_one(
        self, sources: Sequence[Source], numbers: Sequence[str], candidates: int, kind: str, missing: int
    ) -> None:
        columns = [name for source in sources for name in source.values]
        for filtered in (True, False):
            query = _select(self.table, sources, numbers, min(candidates, _ONE_BY_ONE), kind, filtered=filtered)
            statement = _INSERT_EACH.format(
                query=quote_literal(query).lstrip(),
                table=self.table.name,
                names=", ".join(map(quote_ident, columns)),
                values=", ".join(f"one.{quote_ident(name)}" for name in columns),
                missing=missing,
                refusals=_REFUSALS,
            )
            try:
                self.connection.execute(statement.encode())
            except psycopg.Error as error:  # a rule that cannot be weighed by itself
                self.reason = error.diag.message_primary or str(error)
                continue
            (said,) = self.connection.execute("SELECT current_setting('migrate_safe.said')").fetchone() or ("",)
            self.reason = said or self.reason
            return


def numbers_of(sources: Sequence[Source], kind: str, used: int, turn: int = 0) -> tuple[str, ...]:
    """Write for each source the number whose value a candidate `x.g` gets, so that values meet in ever other ways."""
    fresh = f"({FIRST + used} + x.g)"
    found, radix = [], 1
    for place, source in enumerate(sources):
        salt = turn * 7919 + place * 104_729
        if source.size is None or kind == "aligned":
            found.append(fresh)
        elif kind == "odometer":
            found.append(f"({FIRST} + x.g / {radix})")
            radix = min(radix * source.size, _CANDIDATES)
        elif kind == "shifted" or source.unique:
            found.append(f"({FIRST + salt % max(source.size, 1)} + x.g)")
        else:
            found.append(f"({FIRST}::bigint + (pg_catalog.hashint8(x.g + {salt}) & 2147483647))")
    return tuple(found)


def insertion(
    table: Table, sources: Sequence[Source], numbers: Sequence[str], candidates: int, kind: str = "", most: int = 0
) -> str:
    """Write the INSERT of candidates, each source under its number; `most` of those that keep to the table's rules."""
    names = ", ".join(quote_ident(name) for source in sources for name in source.values)
    limit = f" LIMIT {most}" if most else ""
    into = f"INSERT INTO {table.name} ({names}) OVERRIDING SYSTEM VALUE"
    if not names:
        return f"INSERT INTO {table.name} SELECT FROM pg_catalog.generate_series(1, {most})"
    return f"{into} {_select(table, sources, numbers, candidates, kind)}{limit}"


def _select(
    table: Table,
    sources: Sequence[Source],
    numbers: Sequence[str],
    candidates: int,
    kind: str,
    *,
    filtered: bool = True,
) -> str:
    """Write the query of candidates for which the rules of the table hold."""
    copied = kind == "copied"
    kept = {name for s in sources for name in s.values} - _varied(table, sources) if copied else frozenset[str]()
    columns = [
        f"{f'one.{quote_ident(name)}' if name in kept else _value(name, expression, source, number, kind)}"
        f" AS {quote_ident(name)}"
        for source, number in zip(sources, numbers, strict=True)
        for name, expression in source.values.items()
    ]
    numbered = f"SELECT *, pg_catalog.row_number() OVER () - 1 AS {_PLACE} FROM ONLY {table.name}"
    turn = f"x.g % (SELECT count(*) FROM ONLY {table.name})"
    one = f" JOIN ({numbered}) AS one ON one.{_PLACE} = {turn}" if copied else ""
    rows = f"SELECT {', '.join(columns)} FROM pg_catalog.generate_series(0, {candidates - 1}) AS x(g){one}"
    names = {name for source in sources for name in source.values}
    rules = [f"({c.expression}) IS NOT FALSE" for c in table.checks if filtered and c.columns <= names]
    if kind not in ("", "aligned"):
        rules += [_is_new(table, key) for key in table.keys if names.issuperset(key)]
    where = f" WHERE {' AND '.join(rules)}" if rules else ""
    listed = ", ".join(f"s.{quote_ident(name)}" for source in sources for name in source.values)
    return f"SELECT {listed} FROM ({rows}) AS s{where}"


def _varied(table: Table, sources: Sequence[Source]) -> frozenset[str]:
    """Choose what is not copied from rows that are there: foreign keys, and enough to tell rows apart."""
    alone = {name for key in table.keys for name in key}
    varied = [s for s in sources if s.far or any(table.column(n).unique and n not in alone for n in s.values)]
    for key in sorted(table.keys, key=len):
        among = [source for source in sources if not source.values.keys().isdisjoint(key)]
        if among and not any(source in varied for source in among):
            varied.append(max(among, key=lambda source: source.size or float("inf")))
    return frozenset(name for source in varied for name in source.values)


def _is_new(table: Table, key: Sequence[str]) -> str:
    same = " AND ".join(f"t.{quote_ident(name)} = s.{quote_ident(name)}" for name in key)
    return f"NOT EXISTS (SELECT FROM {table.name} AS t WHERE {same})"


def _value(name: str, expression: str, source: Source, number: str, kind: str) -> str:
    value = expression.replace("@g", number)
    if kind == "nulls" and name in source.loose:
        return "NULL"
    if kind == "nulls" and source.optional:
        salt = sum(map(ord, min(source.values)))
        value = f"CASE WHEN pg_catalog.hashint8({number} + {salt}) & 1 = 0 THEN {value} END"
    return value


def count_of(connection: Connection, table: Table) -> int:
    """Count the rows that a table holds itself."""
    row = connection.execute(f"SELECT count(*) FROM ONLY {table.name}".encode()).fetchone()
    return int(row[0]) if row is not None else 0
