"""Values of every type, written as SQL over a number: `@g` stands for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from msgspec import Struct, field

Connection = psycopg.Connection[tuple[Any, ...]]

FIRST = 10_001
"""The number of the first row that is made: above those that fixtures of migrations use."""

_TYPE = """
SELECT pg_catalog.format_type(t.oid, %(modifier)s), pg_catalog.format_type(t.oid, NULL), t.typtype::text,
    t.typcategory::text, t.typelem::int8, t.typbasetype::int8, t.typtypmod, t.typnotnull,
    (SELECT count(*) FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid),
    ARRAY(SELECT pg_catalog.pg_get_expr(k.conbin, 0) FROM pg_catalog.pg_constraint AS k
        WHERE k.contypid = t.oid AND k.contype = 'c'),
    (SELECT r.rngsubtype::int8 FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid),
    (SELECT r.rngtypid::int8 FROM pg_catalog.pg_range AS r WHERE r.rngmultitypid = t.oid),
    (SELECT pg_catalog.array_agg(ARRAY[a.atttypid::int8, a.atttypmod] ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'c')
FROM pg_catalog.pg_type AS t WHERE t.oid = %(oid)s
"""
_X = "(@g - 10001)::float8 * 10"
_BY_NAME = {
    "smallint": "((@g + 32768) % 65536 - 32768)::smallint",
    "integer": "(@g)::integer",
    "bigint": "(@g)::bigint",
    "real": "(@g)::real",
    "double precision": "(@g)::float8",
    "money": "(@g)::numeric::money",
    "oid": "(@g)::oid",
    "boolean": "@g % 2 = 0",
    "date": "date '2020-01-01' + (@g - 10001)::int",
    "time without time zone": "time '00:00' + (@g - 10001) * interval '1 second'",
    "time with time zone": "timetz '00:00+00' + (@g - 10001) * interval '1 second'",
    "timestamp without time zone": "timestamp '2020-01-01' + (@g - 10001) * interval '1 minute'",
    "timestamp with time zone": "timestamptz '2020-01-01 00:00+00' + (@g - 10001) * interval '1 minute'",
    "interval": "@g * interval '1 minute'",
    "uuid": "pg_catalog.md5((@g)::text)::uuid",
    "json": "pg_catalog.json_build_object('n', @g)",
    "jsonb": "pg_catalog.jsonb_build_object('n', @g)",
    "jsonpath": "('$.n' || @g)::jsonpath",
    "bytea": "pg_catalog.decode(pg_catalog.md5((@g)::text), 'hex')",
    "xml": "xmlparse(content '<n>' || @g || '</n>')",
    "inet": "inet '10.0.0.0' + @g",
    "cidr": "(inet '10.0.0.0' + @g)::cidr",
    "macaddr": "('08002b' || pg_catalog.lpad(pg_catalog.to_hex(@g % 16777216), 6, '0'))::macaddr",
    "macaddr8": "('08002bfffe' || pg_catalog.lpad(pg_catalog.to_hex(@g % 16777216), 6, '0'))::macaddr8",
    "tsvector": "pg_catalog.to_tsvector('simple', 'word' || @g)",
    "tsquery": "('word' || @g)::tsquery",
    "pg_lsn": "('0/' || pg_catalog.to_hex(@g))::pg_lsn",
    "pg_snapshot": "(@g || ':' || @g || ':')::pg_snapshot",
    "txid_snapshot": "(@g || ':' || @g || ':')::txid_snapshot",
    "xid": "((@g)::text)::xid",
    "xid8": "((@g)::text)::xid8",
    "cid": "((@g)::text)::cid",
    "tid": "('(0,' || @g % 65536 || ')')::tid",
    "name": "('s' || @g)::name",
    '"char"': 'pg_catalog.chr((33 + @g % 94)::int)::"char"',
    "regclass": "'pg_catalog.pg_class'::regclass",
    "regtype": "'pg_catalog.int4'::regtype",
    "regproc": "'pg_catalog.now'::regproc",
    "regprocedure": "'pg_catalog.now()'::regprocedure",
    "regoper": "'pg_catalog.||/'::regoper",
    "regoperator": "'pg_catalog.+(integer,integer)'::regoperator",
    "regnamespace": "'pg_catalog'::regnamespace",
    "regrole": "current_user::regrole",
    "regcollation": "'pg_catalog.\"C\"'::regcollation",
    "regconfig": "'pg_catalog.simple'::regconfig",
    "regdictionary": "'pg_catalog.simple'::regdictionary",
    "int2vector": "((@g % 30000)::text)::int2vector",
    "oidvector": "((@g)::text)::oidvector",
    "point": f"pg_catalog.point({_X}, 0)",
    "line": f"pg_catalog.line(pg_catalog.point(0, 0), pg_catalog.point(1, {_X}))",
    "lseg": f"pg_catalog.lseg(pg_catalog.point({_X}, 0), pg_catalog.point({_X} + 1, 1))",
    "box": f"pg_catalog.box(pg_catalog.point({_X}, 0), pg_catalog.point({_X} + 1, 1))",
    "path": f"('((' || {_X} || ',0),(' || {_X} + 1 || ',1))')::path",
    "polygon": f"pg_catalog.polygon(pg_catalog.box(pg_catalog.point({_X}, 0), pg_catalog.point({_X} + 1, 1)))",
    "circle": f"pg_catalog.circle(pg_catalog.point({_X}, 0), 1)",
}
"""By what format_type() calls the type. Shapes lie side by side, so that none touches another."""

_OTHER_JSON = ("[@g]", '"s@g"', "@g", "true", "null", "{}", "[]")
_UNKNOWN = ("'s' || @g", "(@g)::text", "'n=>' || @g", "'{}'", "'()'", "'(' || @g || ',1)'", "'[' || @g || ',1]'")
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SIZES = (2, 1, 3, 0, 4, 5)
"""Lengths of arrays, the ordinary one first."""


class Type(Struct, frozen=True):
    """A type with its modifier.

    `name` is how SQL writes it with, `plain` without the modifier; `kind` and `category` are pg_type's typtype and
    typcategory; `inner` is its element, base, subtype or range, with the modifier.
    """

    name: str
    plain: str
    kind: str
    category: str
    modifier: int
    inner: tuple[int, int] | None = None
    required: bool = False
    labels: int = 0
    checks: tuple[str, ...] = ()
    attributes: tuple[tuple[int, int], ...] = ()

    @property
    def values(self) -> int | None:
        """The number of its values where that is small."""
        return self.labels or (2 if self.plain == "boolean" else None)

    @property
    def limit(self) -> int | None:
        """The characters that it holds."""
        return self.modifier - 4 if self.plain in ("character varying", "character") and self.modifier > 4 else None

    @property
    def scale(self) -> int:
        """The digits behind the point that a numeric has; two where it does not say."""
        return ((self.modifier - 4) & 2047 ^ 1024) - 1024 if self.plain == "numeric" and self.modifier > 4 else 2


class Types(Struct):
    """Types of a database, each read once."""

    connection: Connection
    _known: dict[tuple[int, int], Type] = field(default_factory=dict)

    def of(self, oid: int, modifier: int) -> Type:
        """Read a type."""
        if (oid, modifier) not in self._known:
            self._known[oid, modifier] = self._read(oid, modifier)
        return self._known[oid, modifier]

    def _read(self, oid: int, modifier: int) -> Type:
        row = self.connection.execute(_TYPE, {"oid": oid, "modifier": modifier}).fetchone()
        assert row is not None
        name, plain, kind, category, element, base, base_modifier, required, labels, checks, sub, range_, parts = row
        inner = None
        match kind:
            case "d":
                inner = (base, base_modifier)
            case "r":
                inner = (sub, -1)
            case "m":
                inner = (range_, -1)
            case _ if category == "A" and element:
                inner = (element, modifier)
        attributes = tuple((int(o), int(m)) for o, m in parts or ())
        return Type(name, plain, kind, category, modifier, inner, required, labels, tuple(checks), attributes)


def expressions(kind: Type) -> Iterator[str]:
    """Write the values of a type that is made of no others, the ordinary ones first; all may be refused."""
    if kind.labels:
        labels = f"pg_catalog.enum_range(NULL::{kind.plain})"
        yield f"({labels})[1 + @g % {kind.labels}]"
    elif kind.plain in _BY_NAME:
        yield _BY_NAME[kind.plain]
        if kind.plain in ("json", "jsonb"):
            yield from (f"{quoted(text)}::{kind.plain}" for text in _OTHER_JSON)
        if kind.plain == "bytea":
            yield "pg_catalog.convert_to((@g)::text, 'UTF8')"
    elif kind.plain == "numeric":
        yield _numeric(kind)
    elif kind.plain in ("bit", "bit varying"):
        yield _bits(kind)
    elif kind.category == "S":
        yield _text(kind)
    elif kind.modifier > 0:
        yield f"('[' || @g || pg_catalog.repeat(',1', {kind.modifier - 1}) || ']')::{kind.name}"
    yield from (f"({text})::{kind.name}" for text in _UNKNOWN if kind.plain not in _BY_NAME and not kind.labels)


def quoted(text: str) -> str:
    """Write a text that holds `@g` as an expression."""
    return "(" + " || @g || ".join(f"'{piece}'" for piece in text.replace("'", "''").split("@g")) + ")"


def made_of(kind: Type, parts: Sequence[str]) -> Iterator[str]:
    """Write the values of a type that is made of others, whose values `parts` write."""
    match kind.kind:
        case "d":
            yield f"({parts[0]})::{kind.name}"
        case "r":
            low, high = parts[0], parts[0].replace("@g", "(@g + 1)")
            yield f'pg_catalog.format(\'["%s","%s")\', {low}, {high})::{kind.plain}'
            low, high = (parts[0].replace("@g", f"(@g * 100 + {more})") for more in (0, 50))
            yield f'pg_catalog.format(\'["%s","%s")\', {low}, {high})::{kind.plain}'
            yield f"'empty'::{kind.plain}"
        case "m":
            yield f"('{{' || ({parts[0]})::text || '}}')::{kind.plain}"
        case "c":
            yield f"ROW({', '.join(parts)})::{kind.plain}"
        case _:
            for size in _SIZES:
                elements = ", ".join(parts[0].replace("@g", f"(@g + {n})") for n in range(size))
                yield f"ARRAY[{elements}]::{kind.name}"


def _numeric(kind: Type) -> str:
    digits = (kind.modifier - 4) >> 16
    if kind.modifier <= 4 or digits - kind.scale >= 6:
        return "(@g)::numeric"
    return f"(@g % {10 ** min(digits, 18)})::numeric * 1e{-kind.scale}"


def _bits(kind: Type) -> str:
    if kind.plain == "bit":
        return f"(@g)::int8::bit({max(kind.modifier, 1)})"
    length = min(kind.modifier, 64) if kind.modifier > 0 else 32
    return f"(@g)::int8::bit({length})::{kind.name}"


def _text(kind: Type) -> str:
    if kind.limit is None or kind.limit > 6:
        return f"('s' || @g)::{kind.name}"
    return f"({letters(kind.limit)})::{kind.name}"


def letters(length: int) -> str:
    """Write a number with all letters and digits, in a text of that length."""
    places = (f"1 + @g / {len(_LETTERS) ** place} % {len(_LETTERS)}" for place in reversed(range(length)))
    return " || ".join(f"pg_catalog.substr('{_LETTERS}', ({place})::int, 1)" for place in places)
