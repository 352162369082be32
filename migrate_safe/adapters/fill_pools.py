"""Pools of values that rules accept: candidates are made, and the server keeps those for which the rules hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import psycopg
from msgspec import Struct, field
from msgspec.structs import replace

from migrate_safe.adapters.fill_types import FIRST, Connection, Type, Types, expressions, letters, made_of, quoted
from migrate_safe.compat.patterns import like, matching
from migrate_safe.compat.samples import SampleType, substitutes
from migrate_safe.model.names import quote_ident, quote_literal

_ENOUGH = 1000
"""Values that a pool has when they need not be distinct for each row."""
_SOME = 100
"""Values that are enough of those."""
_FEW = 6
"""Values of each kind where a rule weighs several columns against each other."""
_MOST_TRIED = 1_000_000
"""Candidates of one kind."""
_ONE_BY_ONE = 150
"""Candidates that are tried one by one where one of them is refused with an error."""
_LITERALS = 16
"""Literals of rules whose surroundings are tried."""
_LONGEST = 10_000
"""Characters of the longest text that is made to satisfy a rule on length."""
_MORE = "[0-9a-z]{1,9}"
"""What patterns that leave their end open are given more."""
_SHORT = 6
"""Characters of texts that are too short to hold a number for each row."""
_OTHER_TEXTS = ("'S' || @g", "@g", "pg_catalog.md5((@g)::text)::uuid", "date '2020-01-01' + (@g)::int")
_STEPS = {"date": ("1 day",), "interval": ("1 minute",)}
_TEXTS = re.compile(r"(E?)'((?:[^']|'')*)'|(?<![\w.])(-?\d+(?:\.\d+)?)")
_DECIMAL = re.compile(r"-?\d+(\.\d+)?\Z")

_TRY_EACH = """
DO $migrate_safe$
DECLARE one record; tried int := 0;
BEGIN
    FOR one IN SELECT x.g FROM {items} LOOP
        tried := tried + 1;
        EXIT WHEN tried > {most};
        BEGIN
            EXECUTE {statement} USING one.g;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $migrate_safe$
"""
_RAW = "CREATE TEMPORARY TABLE {raw} (place serial, v {type}, text text UNIQUE)"
_NUMBERED = """
CREATE TEMPORARY TABLE {pool} AS
SELECT pg_catalog.row_number() OVER (ORDER BY r.place) - 1 AS n, r.v FROM pg_temp.{raw} AS r
"""


class Rules(Struct, frozen=True):
    """What values must satisfy.

    `filters` are expressions over the value under the name `name`; `text` is where literals are looked for.
    """

    name: str
    filters: tuple[str, ...] = ()
    text: str = ""

    @property
    def literals(self) -> tuple[str, ...]:
        """Texts and numbers that the rules write down."""
        return tuple(dict.fromkeys(map(_literal, _TEXTS.finditer(self.text))))


class Values(Struct, frozen=True):
    """An expression over `@g`, and how many values it has where that is known."""

    expression: str
    size: int | None = None


class _Candidates(Struct, frozen=True):
    """An expression over `@g`, which comes from `items`: a FROM entry `x(g)`."""

    items: str
    expression: str


class Pools(Struct):
    """Values for the types of a database, up to `rows` distinct ones."""

    connection: Connection
    rows: int
    types: Types
    _refused: dict[str, str] = field(default_factory=dict)
    _made: dict[tuple[int, int], Values | None] = field(default_factory=dict)
    _count: int = 0

    def of_type(self, oid: int, modifier: int) -> Values | None:
        """Give values of a type; None where the server takes none of those that are known."""
        if (oid, modifier) not in self._made:
            self._made[oid, modifier] = self._of_type(self.types.of(oid, modifier))
        return self._made[oid, modifier]

    def under(self, oid: int, modifier: int, rules: Rules, *, distinct: bool, few: bool) -> Values | None:
        """Give values of a type that satisfy rules: as many as there are rows where they are to be `distinct`.

        `few` of each kind are enough where what counts is how values of several columns go together.
        """
        kind = self.types.of(oid, modifier)
        most = self.rows if distinct else min(self.rows, _ENOUGH)
        raw = self._new("raw")
        self.connection.execute(_RAW.format(raw=raw, type=kind.name).encode())
        have = 0
        made = self._candidates(kind, rules, most, lambda some: bool(self._gather(raw, kind, rules, some, _FEW)))
        for number, candidates in enumerate(made):
            wanted = most if not few or (distinct and number == 0) else _FEW
            self._gather(raw, kind, rules, candidates, wanted)
            have = self._size(raw)
            if have >= (most if distinct else min(most, _SOME)) and not few:
                break
        return self._numbered(raw) if have else None

    def table(self, query: str) -> tuple[str, int]:
        """Keep the rows of a query in a numbered table; `query` gives them a column `n` from 0."""
        pool = self._new("pool")
        self.connection.execute(f"CREATE TEMPORARY TABLE {pool} AS {query}".encode())
        return pool, self._finished(pool)

    def refusal(self, oid: int, modifier: int) -> str:
        """Give what the server says of a type of which it takes no value, or of one that it is made of."""
        kind = self.types.of(oid, modifier)
        inner = kind.attributes or ((kind.inner,) if kind.inner is not None else ())
        return self._refused.get(kind.name) or next(filter(None, (self.refusal(*one) for one in inner)), "")

    # ---- below -----------------------------------------------------------------------------------

    def _of_type(self, kind: Type) -> Values | None:
        if kind.checks or (kind.kind == "d" and kind.required):
            assert kind.inner is not None
            rules = Rules("value", kind.checks, " ".join(kind.checks))
            found = self.under(*kind.inner, rules, distinct=True, few=False)
            return replace(found, expression=f"({found.expression})::{kind.name}") if found is not None else None
        said = []
        for expression in self._plain(kind):
            try:
                self.connection.execute(f"SELECT {expression.replace('@g', str(FIRST))}".encode())
            except psycopg.Error as error:
                said.append(error.diag.message_primary or str(error))
            else:
                return Values(expression, kind.values)
        self._refused |= {kind.name: said[0]} if said else {}
        return None

    def _plain(self, kind: Type) -> Iterator[str]:
        """Write the values of a type by those of the types that it is made of."""
        inner = kind.attributes or ((kind.inner,) if kind.inner is not None else ())
        if not inner:
            yield from expressions(kind)
            return
        parts = [self.of_type(*one) for one in inner]
        if all(part is not None for part in parts):
            yield from made_of(kind, [part.expression for part in parts if part is not None])

    def _candidates(
        self, kind: Type, rules: Rules, most: int, rules_accept: Callable[[_Candidates], bool]
    ) -> Iterator[_Candidates]:
        """Give candidates: first the ordinary values of the type, then those that the rules speak of."""
        plain = list(self._plain(kind))
        if plain:
            yield _series(plain[0], FIRST, kind.values or 4 * most + _ENOUGH)
        literals = rules.literals[:_LITERALS]
        yield _listed(_texts(kind, literals), kind)
        for pattern in literals if kind.category == "S" or kind.kind == "d" else ():
            for regex in (pattern, f"(?:{pattern}){_MORE}", like(pattern), f"(?:{like(pattern)}){_MORE}"):
                if rules_accept(_listed(tuple(matching(regex, _FEW)), kind)):
                    yield _listed(tuple(matching(regex, most)), kind)
        for expression in self._near(kind, literals, most):
            yield _series(expression, 0, 2 * most + _ENOUGH)
        for expression in plain[1:]:
            yield _series(expression, FIRST, most)
        if plain and not kind.values:
            yield _series(plain[0], FIRST + 4 * most + _ENOUGH, min(100 * most, _MOST_TRIED))

    def _near(self, kind: Type, literals: Sequence[str], most: int) -> Iterator[str]:
        """Write values at and around literals."""
        inner = kind.attributes[0] if kind.attributes else kind.inner
        if inner is not None:
            for expression in self._near_parts(self.types.of(*inner), literals, most):
                parts = [self.of_type(*one) for one in kind.attributes[1:]]
                if all(part is not None for part in parts):
                    yield from made_of(kind, [expression, *(part.expression for part in parts if part is not None)])
            return
        yield from _around(kind, literals, most)

    def _near_parts(self, part: Type, literals: Sequence[str], most: int) -> Iterator[str]:
        listed = self._pool_of(_listed(_texts(part, literals), part), part)
        if listed is not None:
            yield listed.expression
        yield from self._near(part, literals, most)

    def _pool_of(self, candidates: _Candidates, kind: Type) -> Values | None:
        raw = self._new("raw")
        self.connection.execute(_RAW.format(raw=raw, type=kind.name).encode())
        return self._numbered(raw) if self._gather(raw, kind, Rules("v"), candidates, _ENOUGH) else None

    def _gather(self, raw: str, kind: Type, rules: Rules, candidates: _Candidates, most: int) -> int:
        """Add the candidates that the rules accept, all at once, or one by one where one makes the server complain."""
        name = quote_ident(rules.name)
        filters = "".join(f" AND ({one}) IS NOT FALSE" for one in rules.filters)

        def adding(source: str, g: str) -> str:
            made = f"SELECT ({candidates.expression.replace('@g', g)})::{kind.name} AS {name} FROM {source}"
            rows = f"({made} OFFSET 0) AS s WHERE s.{name} IS DISTINCT FROM NULL{filters} LIMIT {most}"
            kept = f"SELECT s.{name}, pg_catalog.md5(s.{name}::text) FROM {rows}"
            return f"INSERT INTO pg_temp.{raw} (v, text) {kept} ON CONFLICT DO NOTHING"

        try:
            return self.connection.execute(adding(candidates.items, "x.g").encode()).rowcount
        except psycopg.Error:
            before = self._size(raw)
            each = quote_literal(adding("(SELECT $1 AS g) AS x", "x.g"))
            self.connection.execute(_TRY_EACH.format(items=candidates.items, most=_ONE_BY_ONE, statement=each).encode())
            return self._size(raw) - before

    def _numbered(self, raw: str) -> Values:
        pool = self._new("pool")
        self.connection.execute(_NUMBERED.format(pool=pool, raw=raw).encode())
        self.connection.execute(f"DROP TABLE pg_temp.{raw}".encode())
        size = self._finished(pool)
        return Values(lookup(pool, "v", size), size)

    def _finished(self, pool: str) -> int:
        self.connection.execute(f"ALTER TABLE pg_temp.{pool} ADD PRIMARY KEY (n)".encode())
        return self._size(pool)

    def _size(self, table: str) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM pg_temp.{table}".encode()).fetchone()
        return int(row[0]) if row is not None else 0

    def _new(self, what: str) -> str:
        self._count += 1
        return f"migrate_safe_{what}_{self._count}"


def _literal(found: re.Match[str]) -> str:
    escaped, text, number = found.groups()
    if text is None:
        return str(number)
    text = text.replace("''", "'")
    return text.replace("\\\\", "\\") if escaped else text


def lookup(pool: str, column: str, size: int) -> str:
    """Write the value that a pool has under the number `@g`, in turn."""
    return f"(SELECT p.{quote_ident(column)} FROM pg_temp.{pool} AS p WHERE p.n = (@g) % {max(size, 1)})"


def _series(expression: str, first: int, count: int) -> _Candidates:
    return _Candidates(f"pg_catalog.generate_series({first}::bigint, {first + count - 1}) AS x(g)", expression)


def _listed(texts: Sequence[str], kind: Type) -> _Candidates:
    listed = ", ".join(quote_literal(text).lstrip() for text in texts if "\0" not in text)
    return _Candidates(f"pg_catalog.unnest(ARRAY[{listed}]::text[]) AS x(g)", f"(@g)::{kind.name}")


def _texts(kind: Type, literals: Sequence[str]) -> tuple[str, ...]:
    """Give candidates in the text form of a type."""
    sample = SampleType(kind.plain, "S" if kind.kind in "dc" else kind.category, limit=kind.limit)
    made = (text for number in (9001, 9002) for text in substitutes(sample, tuple(literals), number))
    return tuple(dict.fromkeys((*literals, *made)))


def _around(kind: Type, literals: Sequence[str], most: int) -> Iterator[str]:
    numbers = [x for x in literals if _DECIMAL.match(x)]
    match kind.category:
        case "N":
            for x in numbers:
                for step in ("@g", f"@g * 1e{-kind.scale}"):
                    yield from (f"({x} {sign} {step})::{kind.name}" for sign in "+-")
                yield f"({x} + (1 + @g) / {most + 2}.0)::{kind.name}"
        case "D" | "T":
            for x in ("now", *literals):
                for step in _STEPS.get(kind.plain, ("1 minute", "1 day")):
                    for sign in "+-":
                        yield f"({quote_literal(x)}::{kind.plain} {sign} @g * interval '{step}')::{kind.name}"
        case "I":
            yield from (f"({quote_literal(x)}::inet + @g)::{kind.name}" for x in literals)
        case "S":
            yield from (f"({text})::{kind.name}" for text in _OTHER_TEXTS)
            for length in _lengths(numbers):
                yield f"pg_catalog.lpad((@g)::text, {length}, 'x')::{kind.name}"
                if length <= _SHORT:
                    yield f"({letters(length)})::{kind.name}"
        case _ if kind.plain == "bytea":
            for length in _lengths(numbers):
                yield f"pg_catalog.decode(pg_catalog.lpad(pg_catalog.to_hex(@g), {2 * length}, '0'), 'hex')"
        case _ if kind.plain in ("json", "jsonb"):
            yield from _objects(kind, literals)


def _lengths(numbers: Sequence[str]) -> Iterator[int]:
    whole = [int(x) for x in numbers if x.isdecimal() and int(x) <= _LONGEST]
    yield from dict.fromkeys(n + d for n in whole for d in (0, 1, -1) if n + d > 0)


def _objects(kind: Type, literals: Sequence[str]) -> Iterator[str]:
    """Write JSON objects whose keys, and perhaps values, are literals of rules."""
    keys = [x.replace("\\", "\\\\").replace('"', '\\"') for x in literals if "@g" not in x]
    for form in ("@g", '"s@g"', "[@g]", "{}", "true"):
        inner = ", ".join(f'"{key}": {form}' for key in keys)
        yield f"{quoted('{' + inner + '}')}::{kind.plain}"
    for key in keys[:_FEW]:
        for value in keys[:_FEW]:
            pair = f'{{"{key}": "{value}", "n": @g}}'
            yield f"{quoted(pair)}::{kind.plain}"
    yield f"pg_catalog.to_jsonb(@g)::{kind.plain}"
