"""Markdown for a comment on a pull request: texts that cannot break out, and no more of them than a comment holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from migrate_safe.report.excerpt import printable

LIMIT = 60_000
"""Characters; GitHub takes 65,536 in a comment, GitLab 1,000,000."""

_MARKS = re.compile(r"([\\`*_\[\]<>|~&#])")


def within(head: str, blocks: Sequence[str], limit: int, command: str) -> str:
    """Join blocks until `limit` characters are reached, and say of how many the rest is and which command shows it."""
    room = limit - len(head) - len(_more(len(blocks), command))
    written = [head]
    for number, block in enumerate(blocks):
        room -= len(block) + 1
        if room < 0:
            written.append(_more(len(blocks) - number, command))
            break
        written.append(block)
    return "\n".join(written)


def fenced(sql: str) -> str:
    """Give SQL as a block that ends where it ends."""
    longest = max((len(run) for run in re.findall("`+", sql)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sql\n{sql}\n{fence}\n"


def code(text: str) -> str:
    """Give a text as inline code."""
    return f"`{printable(text).replace('`', chr(39))}`"


def escaped(text: str) -> str:
    """Give a text of which no letter is a mark."""
    return _MARKS.sub(r"\\\1", printable(text))


def _more(count: int, command: str) -> str:
    return f"{count} more had no room here: run `{command}` to see all.\n"
