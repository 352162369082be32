"""Sample values of every type, distinct and never NULL, in the text form that the server reads."""

from __future__ import annotations

import re
from datetime import date, timedelta

from msgspec import Struct

SEED = 9001
"""Number behind the values of the first seeded row; the second has the next one. It fits a smallint."""

FRESH = 101
"""Number behind the value of the first parameter where no row has it yet; each further parameter has the next."""

SEED_ROWS = 2

LONGEST = 300
"""Characters of the longest text that is made to satisfy a rule about length."""

LONGEST_HINTED = 20_000
"""Characters of the longest text that is made to break a rule about length that the migration writes down."""

MOST_DIGITS = 30
"""Digits of the largest number that is tried."""

MOST_HINTS = 24
"""Literals of a migration that are tried as values."""


class SampleType(Struct, frozen=True):
    """A type as sampling needs it. `category` is pg_type.typcategory; domains are given as their base type.

    `limit` is the number of characters, or of digits before the point, that a column of it holds; None for no limit.
    """

    name: str
    category: str = "S"
    labels: tuple[str, ...] = ()
    element: SampleType | None = None
    limit: int | None = None

    @property
    def pool(self) -> str:
        """The name under which values of this type and of those that take the same ones are kept."""
        return self.category if self.category in ("S", "N") else self.name


def seed_value(kind: SampleType, row: int) -> str:
    """Give the value that the seeded row of that number (from 1) has in every column of the type."""
    return value(kind, SEED + row - 1)


def fresh_value(kind: SampleType, parameter: int, turn: int = 0) -> str:
    """Give a value that no seeded row has, another for each parameter (from 0) and turn."""
    return value(kind, fresh_number(parameter, turn))


def fresh_number(parameter: int, turn: int = 0) -> int:
    """Give the number behind a fresh value."""
    return FRESH + parameter + 100 * turn


def value(kind: SampleType, number: int) -> str:
    """Write the value of the type that belongs to a number; other numbers give other values where the type can."""
    if kind.labels:
        return kind.labels[number % len(kind.labels)]
    if kind.element is not None:
        return _of_element(kind, kind.element, number)
    by_name = _BY_NAME.get(kind.name)
    if by_name is not None:
        return by_name.format(n=number, day=_day(number), low=number % 256, hex=f"{number:08x}")
    match kind.category:
        case "N":
            return str(number if kind.limit is None else number % 10**kind.limit)
        case "B":
            return "true" if number % 2 else "false"
        case "D":
            return _day(number)
        case "T":
            return f"{number} minutes"
        case "I":
            return f"10.0.{number // 256 % 256}.{number % 256}"
        case "V":
            return "1"
        case _:
            return f"s{number}" if kind.limit is None else f"s{number}"[-kind.limit :]


def odd_values(kind: SampleType) -> tuple[str, ...]:
    """Give values that a lax column takes and a new CHECK or a narrower type may refuse."""
    if kind.labels or kind.element is not None:
        return kind.labels
    match kind.category:
        case "N" if kind.name not in ("oid", "regclass"):
            return ("-7", "0")
        case "S":
            return ("",)
        case "D" if not kind.name.startswith("time "):
            return ("1900-01-01",)
        case "B":
            return ("true", "false")
        case _:
            return ()


def hinted_values(kind: SampleType, hints: tuple[str, ...]) -> tuple[str, ...]:
    """Give values at and beside the literals that a migration writes down: a new rule is likely to turn there."""
    if kind.labels or kind.element is not None:
        return ()
    match kind.category:
        case "N" if kind.name not in ("oid", "regclass"):
            return tuple(str(n + d) for n in _whole(hints) for d in (0, 1, -1))
        case "S":
            longer = (long_value(kind, n + 1) for n in _whole(hints) if LONGEST <= n < LONGEST_HINTED)
            return (*hints, *(text for text in longer if text is not None))
        case "D":
            return hints
        case _:
            return ()


def large_value(kind: SampleType, digits: int) -> str | None:
    """Give a number of that many digits, None for types that are no number."""
    if kind.element is not None or kind.category != "N" or kind.name in ("oid", "regclass"):
        return None
    return "9" * digits


def literals_in(sql: str) -> tuple[str, ...]:
    """Give the texts and numbers that SQL writes down, each once."""
    found = (m[2] if m[1] is None else m[1].replace("''", "'") for m in _LITERAL.finditer(sql))
    return tuple(dict.fromkeys(found))


def long_value(kind: SampleType, length: int) -> str | None:
    """Give a text of that many characters, None for types that are no text."""
    if kind.labels or kind.element is not None or kind.category != "S" or kind.name == '"char"':
        return None
    return ("long " * (length // 5 + 1))[: length - 1] + "g"


def substitutes(kind: SampleType, literals: tuple[str, ...], number: int) -> tuple[str, ...]:
    """Give other values to try when the server refuses the first: `literals` come from the constraint itself."""
    if kind.labels:
        return kind.labels
    if kind.element is not None:
        return tuple("{" + _quoted(x) + "}" for x in substitutes(kind.element, literals, number))
    match kind.category:
        case "N":
            near = [str(n + d) for n in _whole(literals) for d in (0, 1, -1)]
            return (*near, *(str(n) for n in (number % 100, number % 10, 1, 0, -1)))
        case "S":
            lengths = ["a" * n for n in _whole(literals) if 0 < n <= LONGEST]
            alike = [x.replace("%", str(number)) for x in literals if "%" in x]
            return (*alike, *literals, *lengths, *_words(number))
        case "D":
            return (*literals, "2020-01-01", "2030-01-01")
        case "B":
            return ("true", "false")
        case _:
            return (*literals, *_OTHERS)


def _words(number: int) -> tuple[str, ...]:
    """Give texts of the forms that rules on text columns ask for most."""
    first, second = (chr(ord("a") + digit) for digit in divmod(number % 676, 26))
    return (
        f"a{number}@example.org",
        first + second,
        (first + second).upper(),
        second,
        f"https://example.org/{number}",
        f"+1555{number:07d}",
        f"{number:08d}",
        f"Aa1!aaaaaaaa{number}",
        str(number % 10),
    )


_BY_NAME = {
    "uuid": "00000000-0000-4000-8000-{n:012d}",
    "json": '{{"n": {n}}}',
    "jsonb": '{{"n": {n}}}',
    "bytea": "\\x{hex}",
    "date": "{day}",
    "time without time zone": "10:00:00.{n:06d}",
    "time with time zone": "10:00:00.{n:06d}+00",
    "timestamp without time zone": "{day} 10:00:00",
    "timestamp with time zone": "{day} 10:00:00+00",
    "macaddr": "08:00:2b:01:02:{low:02x}",
    "macaddr8": "08:00:2b:ff:fe:01:02:{low:02x}",
    "money": "{n}.00",
    "xml": "<n>{n}</n>",
    "regclass": "pg_class",
    '"char"': "c",
    "point": "({n},1)",
    "line": "{{1,1,{n}}}",
    "lseg": "[({n},0),(1,1)]",
    "box": "({n},1),(0,0)",
    "path": "[({n},0),(1,1)]",
    "polygon": "(({n},0),(1,1),(0,1))",
    "circle": "<(0,0),{n}>",
    "int4range": "[{n},{n}]",
    "int8range": "[{n},{n}]",
    "numrange": "[{n},{n}]",
    "daterange": "[{day},{day}]",
    "tsrange": '["{day} 10:00","{day} 11:00"]',
    "tstzrange": '["{day} 10:00+00","{day} 11:00+00"]',
    "pg_lsn": "0/{hex}",
    "tsvector": "word{n}",
    "tsquery": "word{n}",
    "hstore": "n=>{n}",
}
"""Type names as format_type() spells them; every other type is written by its category."""

_LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w.])(-?\d+(?:\.\d+)?)")

_OTHERS = ("1", "a", "{}", "()", "[1,2,3]")


def _whole(literals: tuple[str, ...]) -> list[int]:
    """Give the whole numbers among literals."""
    return [int(x) for x in literals if x.lstrip("-").isdecimal() and len(x) < 10]


def _of_element(kind: SampleType, element: SampleType, number: int) -> str:
    inner = value(element, number)
    if kind.category == "A":
        return "{" + _quoted(inner) + "}"
    return inner


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _day(number: int) -> str:
    return (date(2000, 1, 1) + timedelta(days=number)).isoformat()
