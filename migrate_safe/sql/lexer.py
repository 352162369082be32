"""Split text into the tokens of PostgreSQL's scanner, never failing, whatever the text.

The server's own scanner stops at an unclosed quote; this one marks it and reaches the end of the text.
https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a token is; the value is the name of its group in the scanner's pattern."""

    SPACE = "space"
    LINE_COMMENT = "line_comment"
    BLOCK_COMMENT = "block_comment"
    STRING = "string"
    QUOTED = "quoted"
    DOLLAR = "dollar"
    PARAMETER = "parameter"
    WORD = "word"
    NUMBER = "number"
    OPEN = "open"
    CLOSE = "close"
    SEMICOLON = "semicolon"
    BACKSLASH = "backslash"
    OTHER = "other"
    UNCLOSED = "unclosed"
    """A quote or comment that the end of the text cuts off."""


class Token(NamedTuple):
    """A token: `text[start:end]`, in characters."""

    kind: Kind
    start: int
    end: int


COMMENTS = frozenset({Kind.LINE_COMMENT, Kind.BLOCK_COMMENT})
BLANK = COMMENTS | {Kind.SPACE}
WHITE_SPACE = " \t\n\r\f\v"
"""What the server skips between tokens."""

# Every non-ASCII character is a letter to the server, also a no-break space; letters are told by what is none, for a
# class of all that is not ASCII takes Python several milliseconds to compile. A string after white space with a line
# end continues the one before it, by the rules of that one: only an E string makes a difference here.
_PATTERN = re.compile(
    r"""
    [ \t\n\r\f\v]*+
    (?:
      (?P<line_comment>--[^\n\r]*+)
    | (?P<block_comment>/\*)
    | (?P<string>
          [eE]'(?:[^'\\]++|\\.|'')*+'(?:[ \t\f\v]*+[\n\r][ \t\n\r\f\v]*+'(?:[^'\\]++|\\.|'')*+')*+
        | (?:[bBxXnN]|[uU]&)?+'(?:[^']++|'')*+'
      )
    | (?P<quoted>(?:[uU]&)?+"(?:[^"]++|"")*+")
    | (?P<unclosed>(?:[eEbBxXnN]|[uU]&)?+'|(?:[uU]&)?+")
    | (?P<dollar>\$(?:[^\x00-@\[-^`{-\x7f][^\x00-/:-@\[-^`{-\x7f]*+)?+\$)
    | (?P<parameter>\$[0-9]++)
    | (?P<word>[^\x00-@\[-^`{-\x7f][^\x00-#%-/:-@\[-^`{-\x7f]*+)
    | (?P<number>[0-9][A-Za-z0-9_]*+)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<semicolon>;)
    | (?P<backslash>\\)
    | (?P<other>.)
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {kind.value: kind for kind in Kind}
_BLOCK_EDGE = re.compile(r"/\*|\*/")


def tokens(text: str, start: int = 0, *, spaces: bool = True) -> Iterator[Token]:
    """Yield the tokens of a text from `start` on; together they cover it without a gap, unless `spaces` is false."""
    match = _PATTERN.match
    position, length = start, len(text)
    while found := match(text, position):
        group = found.lastgroup
        assert group is not None, "each alternative is a group"
        kind, begin, end = _KINDS[group], found.start(group), found.end()
        if spaces and begin > position:
            yield Token(Kind.SPACE, position, begin)
        if kind is Kind.BLOCK_COMMENT:
            kind, end = _close(kind, _block_end(text, end), length)
        elif kind is Kind.DOLLAR:
            kind, end = _close(kind, _dollar_end(text, begin, end), length)
        elif kind is Kind.UNCLOSED:
            end = length
        yield Token(kind, begin, end)
        position = end
    if spaces and position < length:
        yield Token(Kind.SPACE, position, length)


def starts_line(text: str, offset: int) -> bool:
    """Say whether nothing but blanks stands before an offset on its line."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset].rpartition("\r")[2]
    return not line.strip(" \t\f\v\ufeff")


def _close(kind: Kind, end: int | None, length: int) -> tuple[Kind, int]:
    return (Kind.UNCLOSED, length) if end is None else (kind, end)


def _block_end(text: str, position: int) -> int | None:
    """Find the end of a block comment; PostgreSQL's nest."""
    depth = 1
    while edge := _BLOCK_EDGE.search(text, position):
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
        if depth == 0:
            return position
    return None


def _dollar_end(text: str, start: int, opened: int) -> int | None:
    tag = text[start:opened]
    closing = text.find(tag, opened)
    return None if closing < 0 else closing + len(tag)
