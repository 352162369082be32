"""Where a piece of text stands in a file."""

from __future__ import annotations

from msgspec import Struct


class Span(Struct, frozen=True, order=True):
    """A half-open range of characters in a file.

    `start` and `end` are character offsets into the decoded text; lines and columns count from 1,
    columns in characters. The end position is that of the first character after the range.
    """

    file: str
    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        """Write the place as editors understand it."""
        return f"{self.file}:{self.line}:{self.column}"


class Source(Struct, frozen=True):
    """A decoded migration file: `path` as the user named it, `text` with line ends as in the file."""

    path: str
    text: str
