"""Cut a migration file into pieces: statements, psql commands, data that COPY reads.

A piece ends at a semicolon outside quotes, comments, parentheses and SQL function bodies, as in psql, and at the
markers by which goose, sql-migrate and dbmate cut a file.
Its text starts at the first token that is not a comment and ends at the last one before the semicolon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct, field

from migrate_safe.sql.lexer import COMMENTS, WHITE_SPACE, Kind, Token, starts_line, tokens


class PieceKind(StrEnum):
    """What a piece is."""

    SQL = "sql"
    PSQL = "psql"
    NOTHING = "nothing"
    """Only comments, up to the end of the text."""


class Piece(Struct, frozen=True):
    """A piece: `text[start:end]`; the next one is looked for from `after` on."""

    kind: PieceKind
    start: int
    end: int
    after: int
    comments: tuple[Token, ...] = ()


_LINE = re.compile(r"[^\r\n]*")
_COMMAND = re.compile(r"\\(?:[A-Za-z!?][^\r\n]*|\.(?=[ \t]*(?:[\r\n]|\Z)))")
_DATA_END = re.compile(r"^\\\.[ \t]*$", re.MULTILINE)
_REST_OF_LINE = re.compile(r"[ \t]*(?:--[^\r\n]*)?(?:\r\n|\r|\n)")
_COPY_COMMAND = re.compile(r"\\copy\b.*\bfrom\s+p?stdin\b", re.IGNORECASE)
# Runners cut files at their markers, so the statement before one needs no semicolon.
_BOUNDARY = re.compile(
    r"--[ \t]*(?:\+(?:goose|migrate)[ \t]+(?:up|down|statement)|migrate:(?:up|down)\b)", re.IGNORECASE
)
_PLAIN = frozenset({Kind.WORD, Kind.OTHER, Kind.NUMBER, Kind.OPEN, Kind.CLOSE, Kind.STRING, Kind.QUOTED})
"""Most tokens: they end nothing."""
_ENCLOSING = (*COMMENTS, Kind.STRING, Kind.QUOTED, Kind.DOLLAR)
_STATEMENT_END_IN_LINE = re.compile(r";(?=[ \t]*(?:--[^\r\n]*)?(?:\r|\n|\Z))")


class _Reader(Struct):
    """What is known of a piece while its tokens come in."""

    start: int | None = None
    end: int = 0
    depth: int = 0
    atomic: int = 0
    words: list[str] = field(default_factory=list)
    last_word: str = ""
    data_follows: bool = False
    counts_words: bool = True
    """Whether further words can matter: they do in COPY and in a routine's body."""

    def take(self, token: Token, text: str) -> None:
        """Take a token that is no comment and no end."""
        if self.start is None:
            self.start = token.start
        self.end = token.end
        if token.kind is Kind.UNCLOSED:
            self.end = token.start + len(text[token.start :].rstrip(WHITE_SPACE))
        if token.kind is Kind.WORD:
            if self.counts_words:
                self._take_word(text[token.start : token.end].lower())
            return
        self.last_word = ""
        if token.kind is Kind.OPEN:
            self.depth += 1
        elif token.kind is Kind.CLOSE:
            self.depth = max(self.depth - 1, 0)

    @property
    def may_end(self) -> bool:
        """Whether a semicolon here ends the statement."""
        return self.depth == 0 and self.atomic == 0

    def _take_word(self, word: str) -> None:
        if len(self.words) < 4:
            self.words.append(word)
            self.counts_words = len(self.words) < 4 or self.words[0] == "copy" or _makes_routine(self.words)
        if self.words[0] == "copy" and self.last_word == "from" and word == "stdin":
            self.data_follows = True
        if word == "atomic" and self.last_word == "begin" and _makes_routine(self.words):
            self.atomic = 1
        elif self.atomic and word == "case":
            self.atomic += 1
        elif self.atomic and word == "end":
            self.atomic -= 1
        self.last_word = word


def read_piece(text: str, position: int) -> Piece:
    """Read the piece that starts at or after a position."""
    reader, comments = _Reader(), list[Token]()
    for token in tokens(text, position, spaces=False):
        if token.kind in _PLAIN:
            reader.take(token, text)
        elif token.kind in COMMENTS:
            if reader.start is not None and _BOUNDARY.match(text, token.start) and starts_line(text, token.start):
                return Piece(PieceKind.SQL, reader.start, reader.end, token.start, tuple(comments))
            comments.append(token)
        elif token.kind is Kind.SEMICOLON and reader.start is None:
            continue
        elif token.kind is Kind.SEMICOLON and reader.may_end:
            after = _after_data(text, token.end) if reader.data_follows else token.end
            return Piece(PieceKind.SQL, reader.start or 0, reader.end, after, tuple(comments))
        elif token.kind is Kind.BACKSLASH and (command := _COMMAND.match(text, token.start)):
            if reader.start is not None:
                return Piece(PieceKind.SQL, reader.start, reader.end, token.start, tuple(comments))
            return _psql_piece(text, command, comments)
        else:
            reader.take(token, text)
    if reader.start is None:
        return Piece(PieceKind.NOTHING, len(text), len(text), len(text), tuple(comments))
    return Piece(PieceKind.SQL, reader.start, reader.end, len(text), tuple(comments))


def cuts_in(text: str, piece: Piece) -> Iterator[int]:
    """Yield places where a piece that is no statement may hold the end of one: after semicolons at the end of a line.

    An unclosed quote or parenthesis swallows the statements behind it; these are the places to look for them. Where
    all is closed nothing was swallowed. What stands in quotes or comments is no statement, as far as one can tell where
    they begin and end: an unclosed one has paired with the next, so that the last one of the file is left open.
    """
    reader, unclosed, closed = _Reader(), "", list[Token]()
    for token in tokens(text, piece.start, spaces=False):
        if token.start >= piece.end:
            break
        if token.kind not in COMMENTS:
            reader.take(token, text)
        unclosed = unclosed or (text[token.start] if token.kind is Kind.UNCLOSED else "")
        closed += [token] if token.kind in _ENCLOSING else []
    if any(token.kind is Kind.DOLLAR for token in closed):
        unclosed = unclosed or _left_open(text)
    if unclosed:
        closed = [token for token in closed if token.kind is Kind.DOLLAR and unclosed != "$"]
    if unclosed or not reader.may_end:
        for found in _STATEMENT_END_IN_LINE.finditer(text, piece.start, piece.end):
            if not any(token.start < found.start() < token.end for token in closed):
                yield found.end()


@lru_cache(maxsize=1)
def _left_open(text: str) -> str:
    """Give the dollar that opens a quote which the end of the text cuts off, empty where all are closed."""
    found = (text[token.start] for token in tokens(text, spaces=False) if token.kind is Kind.UNCLOSED)
    return "$" if "$" in found else ""


def cut(piece: Piece, text: str, place: int) -> Piece:
    """Give the part of a piece before a place found by cuts_in."""
    end = len(text[: place - 1].rstrip(WHITE_SPACE))
    inside = tuple(comment for comment in piece.comments if comment.start < place)
    return Piece(PieceKind.SQL, piece.start, max(end, piece.start), place, inside)


def _makes_routine(words: list[str]) -> bool:
    kinds = {"function", "procedure"}
    return words[0] == "create" and (words[1] in kinds or (words[1:3] == ["or", "replace"] and words[3] in kinds))


def _psql_piece(text: str, command: re.Match[str], comments: list[Token]) -> Piece:
    end = command.start() + len(command.group().rstrip())
    after = _after_data(text, command.end()) if _COPY_COMMAND.match(command.group()) else command.end()
    return Piece(PieceKind.PSQL, command.start(), end, after, tuple(comments))


def _after_data(text: str, position: int) -> int:
    r"""Skip the lines that COPY reads, up to the line `\.`; without such a line nothing is taken for data."""
    rest = _REST_OF_LINE.match(text, position)
    if rest is None:
        return position
    found = _DATA_END.search(text, rest.end())
    return found.end() if found else position


def takes_data(copy_text: str) -> bool:
    """Say whether a COPY takes its data from the client: FROM STDIN, whatever stands between the words."""
    reader = _Reader()
    for token in tokens(copy_text, spaces=False):
        if token.kind not in COMMENTS:
            reader.take(token, copy_text)
    return reader.data_follows
