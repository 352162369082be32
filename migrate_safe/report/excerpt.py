"""A statement as people see it in a report: a window on its first lines, whatever their width."""

from __future__ import annotations

import re
import unicodedata

from migrate_safe.model.source import Span

LINES = 4
"""Lines of a statement that are shown, the one that counts the others among them."""

INDENT = 12
"""A statement that starts further on has other text before it, which is left out."""

_CUT = "..."


def excerpt(span: Span, statement: str, width: int) -> list[str]:
    """Show the first lines of a statement with their numbers, the first one underlined, no line wider than `width`.

    `...` stands for what is left out: text before the statement, the end of a line, further lines with their number.
    """
    lines = printable_lines(statement)
    shown = lines if len(lines) <= LINES else lines[: LINES - 1]
    gutter = len(str(span.line + len(shown) - 1))
    room = max(width - gutter - len("   | "), 2 * INDENT)
    before = " " * (span.column - 1) if span.column <= INDENT else f"{_CUT} "
    first = clip(lines[0], room - len(before))
    underlined = first if first == lines[0] else first.removesuffix(_CUT)
    rows: list[tuple[object, str]] = [(span.line, before + first)]
    rows.append(("", " " * len(before) + "^" * max(1, cells(underlined))))
    rows += [(span.line + i, clip(line, room)) for i, line in enumerate(shown[1:], start=1)]
    if len(shown) < len(lines):
        rows.append(("", f"{_CUT} {len(lines) - len(shown)} more lines"))
    return [f"  {number:>{gutter}} | {text}".rstrip() for number, text in rows]


def clip(line: str, width: int) -> str:
    """Cut a line that takes more terminal cells than `width`, and mark the cut."""
    if cells(line) <= width:
        return line
    used, kept = len(_CUT), 0
    for letter in line:
        used += cells(letter)
        if used > width:
            break
        kept += 1
    return line[:kept] + _CUT


def is_cut(statement: str, width: int) -> bool:
    """Say whether a statement is too long to be shown whole."""
    lines = printable_lines(statement)
    return len(lines) > LINES or any(cells(line) > width for line in lines)


def cells(text: str) -> int:
    """Count the terminal cells of a text: wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def printable(text: str) -> str:
    """Make a text safe to print: no control characters reach the terminal, tabs become spaces."""
    return "".join(c if c.isprintable() else "?" for c in text.replace("\t", "    "))


def printable_lines(statement: str) -> list[str]:
    """Cut a text into lines that are safe to print."""
    return [printable(line.rstrip()) for line in re.split(r"\r\n?|\n", statement)]
