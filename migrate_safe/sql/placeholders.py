"""Placeholders of drivers and frameworks turned into the server's own `$1`, `$2`.

| style | of |
|---|---|
| `%s`, `%(name)s`, `%%` for `%` | psycopg, Django, SQLAlchemy's drivers |
| `$1` | the server, asyncpg, pgx, sqlx, node-postgres |
| `:name` | SQLAlchemy text(), JPA, many templates |
| `?`, `??` for the operator `?` | JDBC, knex, Rails |

Strings, quoted names and comments are left alone. A query has one style; the first one found in the order of this
table rules, so that `?` stays the jsonb operator beside `%s` or `$1`.
"""

from __future__ import annotations

import re
from itertools import count

from msgspec import Struct

from migrate_safe.sql.lexer import COMMENTS, Kind, tokens

_PERCENT = re.compile(r"%(?:\((?P<name>[^)]+)\))?[sbt](?!\w)")
_COLON = re.compile(r"(?<![:\w\\]):(?P<name>[A-Za-z0-9_]+)")
_DOLLAR = re.compile(r"\$(?P<number>[0-9]+)")
_QUESTION = re.compile(r"(?<![@?|&])\?(?![|&?])")
_IN = re.compile(r"\bin\s*\Z", re.IGNORECASE)
_LAST_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_QUOTED = "\x01"
_HIDDEN = frozenset({Kind.STRING, Kind.QUOTED, Kind.DOLLAR, Kind.UNCLOSED})
# Words after which an operand is expected, not an operator.
_BEFORE_OPERAND = frozenset(
    """
    all and any array as between by case distinct else from having ilike in is like limit not offset on or returning
    select set similar some then to using values when where
    """.split()
)


class Bound(Struct, frozen=True):
    """A query with `$n` placeholders; `parameters` holds the name of each, empty where it has none."""

    sql: str
    parameters: tuple[str, ...] = ()


def numbered(sql: str) -> tuple[str, ...]:
    """Give the parameters `$1`, `$2`, ... of a query, none of which has a name."""
    return ("",) * max((int(found.group("number")) for found in _DOLLAR.finditer(_code(sql))), default=0)


def bind(sql: str) -> Bound:
    """Turn the placeholders of a query into `$1`, `$2`, ...; one that stands alone after IN gets parentheses."""
    code = _code(sql)
    found = list(_PERCENT.finditer(code))
    if found or "%%" in code:
        return _numbered(sql, code, found, percent=True)
    if _DOLLAR.search(code):
        return Bound(sql, numbered(sql))
    if found := list(_COLON.finditer(code)):
        return _numbered(sql, code, found)
    if found := [m for m in _QUESTION.finditer(code) if _is_question_mark(code, m)]:
        return _numbered(sql, code, found)
    return Bound(_unescaped(sql, code))


def _code(sql: str) -> str:
    """Give the query, as long as before, with comments blanked and quoted text hidden."""
    parts = []
    for token in tokens(sql):
        length = token.end - token.start
        if token.kind in COMMENTS:
            parts.append(" " * length)
        else:
            parts.append(_QUOTED * length if token.kind in _HIDDEN else sql[token.start : token.end])
    return "".join(parts)


def _numbered(sql: str, code: str, found: list[re.Match[str]], *, percent: bool = False) -> Bound:
    """Put `$n` in the place of each placeholder; the same name gets the same number."""
    numbers: dict[str, int] = {}
    unnamed = count()
    parts, position = [], 0
    for place in found:
        name = place.groupdict().get("name") or ""
        number = numbers.setdefault(name or f"?{next(unnamed)}", len(numbers) + 1)
        parts += [_between(sql, code, position, place.start(), percent), _spaced(code, place, number)]
        position = place.end()
    parts.append(_between(sql, code, position, len(sql), percent))
    return Bound("".join(parts), tuple("" if name.startswith("?") else name for name in numbers))


def _between(sql: str, code: str, start: int, end: int, percent: bool) -> str:
    """Give the text between placeholders, escapes undone: `%%` also in strings, as the driver does."""
    if percent:
        return sql[start:end].replace("%%", "%")
    return _unescaped(sql[start:end], code[start:end])


def _unescaped(sql: str, code: str) -> str:
    """Turn `??` in code into the operator `?`."""
    parts, position = [], 0
    while (place := code.find("??", position)) >= 0:
        parts += [sql[position:place], "?"]
        position = place + 2
    return "".join([*parts, sql[position:]])


def _spaced(code: str, place: re.Match[str], number: int) -> str:
    before, after = code[: place.start()], code[place.end() : place.end() + 1]
    text = f"(${number})" if _IN.search(before) else f"${number}"
    left = " " if before[-1:].isalnum() or before[-1:] in {"_", "$"} else ""
    right = " " if after.isalnum() or after == "_" else ""
    return f"{left}{text}{right}"


def _is_question_mark(code: str, place: re.Match[str]) -> bool:
    """Say whether a `?` stands where an operand is expected; behind an operand it is the jsonb operator."""
    before = code[: place.start()].rstrip()
    if word := _LAST_WORD.search(before):
        return word.group().lower() in _BEFORE_OPERAND
    return bool(before) and not before[-1].isdigit() and before[-1] not in {")", "]", _QUOTED}
