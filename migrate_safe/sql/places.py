"""Turn offsets into places: characters, lines and columns of a file."""

from __future__ import annotations

import re
from bisect import bisect_right

from msgspec import Struct

from migrate_safe.model.source import Span

BOM = "\ufeff"

_LINE_END = re.compile(r"\r\n|\n|\r")


class Places(Struct, frozen=True):
    """Where the lines of a file start; a byte order mark belongs to no line."""

    file: str
    starts: tuple[int, ...]

    def position(self, offset: int) -> tuple[int, int]:
        """Give line and column, from 1, of a character offset."""
        line = max(bisect_right(self.starts, offset), 1)
        return line, max(offset - self.starts[line - 1], 0) + 1

    def span(self, start: int, end: int) -> Span:
        """Give the span of a range of characters."""
        return Span(self.file, start, end, *self.position(start), *self.position(end))


def places_of(text: str, file: str) -> Places:
    r"""Index the lines of a text; a line ends at `\n`, `\r\n` or `\r`, as it does for the server's scanner."""
    first = 1 if text.startswith(BOM) else 0
    return Places(file, (first, *(found.end() for found in _LINE_END.finditer(text))))


def characters(text: str, byte_offset: int) -> int:
    """Turn an offset in bytes of the UTF-8 form into one in characters."""
    if text.isascii():
        return byte_offset
    return len(text.encode()[:byte_offset].decode(errors="ignore"))
