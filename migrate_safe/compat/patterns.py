r"""Texts that match a pattern: the numbers from 0 upwards, each written in the digits that the pattern allows.

Enough of POSIX regular expressions and LIKE to satisfy the rules that people write on text columns. What is not
understood (look-around, back references) yields texts that do not match: whoever asks lets the server judge them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

_Writer = Callable[[int], tuple[str, int]]
"""Takes a number, gives the text of its last digits, and the number that is left."""

_DIGITS, _LOWER, _UPPER = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WORD = _LOWER + _DIGITS + _UPPER + "_"
_VISIBLE = _LOWER + _DIGITS + _UPPER + "".join(chr(n) for n in range(33, 127) if not chr(n).isalnum()) + " "
_ESCAPES = {"d": _DIGITS, "w": _WORD, "s": " ", "n": "\n", "t": "\t", "r": "\r"}
_CLASSES = {
    "alpha": _LOWER + _UPPER,
    "digit": _DIGITS,
    "alnum": _LOWER + _DIGITS + _UPPER,
    "lower": _LOWER,
    "upper": _UPPER,
    "space": " ",
    "blank": " ",
    "xdigit": _DIGITS + "abcdefABCDEF",
    "punct": "".join(c for c in _VISIBLE if not c.isalnum() and c != " "),
}
_NOTHING = "AbBmMyYzZ"
"""Escapes that stand between characters."""
_MORE = 5
"""Repetitions beyond the least where a pattern sets no end."""


def matching(pattern: str, count: int) -> Iterator[str]:
    """Give up to `count` distinct texts that a regular expression should match; none where it cannot be read."""
    try:
        write = _Reader(pattern).whole()
    except (IndexError, ValueError):
        return
    for number in range(count):
        text, left = write(number)
        if left:
            return
        yield text


def like(pattern: str) -> str:
    """Write a LIKE pattern as a regular expression."""
    parts = {"%": "[0-9a-z]{1,12}", "_": "[a-z0-9]"}
    pieces = re.findall(r"\\.|.", pattern, re.S)
    return "".join(parts.get(p) or re.escape(p[-1]) for p in pieces)


class _Reader(Struct):
    """Reads a regular expression from left to right; ValueError or IndexError where it is none."""

    pattern: str
    place: int = 0

    def whole(self) -> _Writer:
        """Read it to its end."""
        if self.pattern.startswith("***:"):
            self.place = 4
        if self.pattern.startswith("(?", self.place) and self.pattern[self.place + 2] in "bceimnpqstwx":
            self.place = self.pattern.index(")") + 1
        writer = self._branches()
        if self.place < len(self.pattern):
            raise ValueError(self.pattern)
        return writer

    def _branches(self) -> _Writer:
        found = [self._branch()]
        while self._takes("|"):
            found.append(self._branch())
        return _one_of(found)

    def _branch(self) -> _Writer:
        parts = []
        while self.place < len(self.pattern) and self.pattern[self.place] not in "|)":
            parts.append(self._repeated(self._atom()))
        return _in_a_row(parts)

    def _atom(self) -> _Writer:
        match self._next():
            case "(":
                if self._takes("?") and self._next() != ":":
                    raise ValueError(self.pattern)
                inner = self._branches()
                if not self._takes(")"):
                    raise ValueError(self.pattern)
                return inner
            case "[":
                return _digit(self._bracket())
            case ".":
                return _digit(_VISIBLE)
            case "^" | "$":
                return _digit("")
            case "\\":
                return _digit(self._escape())
            case character:
                return _digit(character)

    def _escape(self) -> str:
        character = self._next()
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character in "DWS":
            return "".join(c for c in _VISIBLE if c not in _ESCAPES[character.lower()])
        return "" if character in _NOTHING else character

    def _bracket(self) -> str:
        negated, found, first = self._takes("^"), "", True
        while first or not self._takes("]"):
            first = False
            if self._takes("[:"):
                end = self.pattern.index(":]", self.place)
                found += _CLASSES.get(self.pattern[self.place : end], "")
                self.place = end + 2
                continue
            low = self._escape() if self._takes("\\") else self._next()
            if len(low) == 1 and self.pattern[self.place] == "-" and self.pattern[self.place + 1] != "]":
                self.place += 1
                high = self._escape() if self._takes("\\") else self._next()
                low = "".join(map(chr, range(ord(low), min(ord(high), ord(low) + 300) + 1)))
            found += low
        return "".join(c for c in _VISIBLE if c not in found) if negated else "".join(dict.fromkeys(found))

    def _repeated(self, writer: _Writer) -> _Writer:
        while self.place < len(self.pattern):
            least, most = 1, 1
            if self._takes("*"):
                least, most = 0, _MORE
            elif self._takes("+"):
                least, most = 1, 1 + _MORE
            elif self._takes("?"):
                least, most = 0, 1
            elif bounds := re.compile(r"\{(\d+)(,(\d*))?\}").match(self.pattern, self.place):
                self.place = bounds.end()
                least = int(bounds[1])
                most = least if bounds[2] is None else int(bounds[3]) if bounds[3] else least + _MORE
            else:
                return writer
            self._takes("?")
            writer = _repeated(writer, least, most)
        return writer

    def _next(self) -> str:
        self.place += 1
        return self.pattern[self.place - 1]

    def _takes(self, what: str) -> bool:
        found = self.pattern.startswith(what, self.place)
        self.place += len(what) * found
        return found


def _digit(characters: str) -> _Writer:
    if not characters:
        return lambda number: ("", number)
    return lambda number: (characters[number % len(characters)], number // len(characters))


def _in_a_row(parts: list[_Writer]) -> _Writer:
    def write(number: int) -> tuple[str, int]:
        texts = []
        for part in reversed(parts):  # the last one counts fastest, as in numbers
            text, number = part(number)
            texts.append(text)
        return "".join(reversed(texts)), number

    return write


def _one_of(branches: list[_Writer]) -> _Writer:
    if len(branches) == 1:
        return branches[0]
    return lambda number: branches[number % len(branches)](number // len(branches))


def _repeated(writer: _Writer, least: int, most: int) -> _Writer:
    """Repeat as often as is needed for the number, never less than `least` times."""

    def write(number: int) -> tuple[str, int]:
        texts: list[str] = []
        while len(texts) < least or (number and len(texts) < most):
            text, number = writer(number - (len(texts) >= least))
            texts.append(text)
        return "".join(reversed(texts)), number

    return write
