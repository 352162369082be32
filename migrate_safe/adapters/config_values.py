"""Single values in a settings file: each reader gives the value, or says what is wrong with it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

from migrate_safe.model.finding import Severity
from migrate_safe.model.framework import Framework
from migrate_safe.model.postgres import MAJORS
from migrate_safe.model.preferences import SmallTable
from migrate_safe.model.wrapping import Wrapping

SHORTEST_BUDGET = 10
"""Milliseconds; a shorter stall budget leaves no time for any work."""
LONGEST_BUDGET = 60_000
"""Milliseconds; nobody who waits for longer thinks of a stall."""


class Wrong(Exception):
    """What is wrong with a value, and with which key of it."""

    def __init__(self, message: str, *, next_move: str = "", key: str = "") -> None:
        super().__init__(message)
        self.message, self.next_move, self.key = message, next_move, key


def text(value: object) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise Wrong(f"must be a text, not {value!r}")
    return value


def texts(value: object) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(value, list):
        raise Wrong(f"must be a list of texts, not {value!r}")
    return tuple(text(v) for v in value)


def patterns(value: object) -> tuple[str, ...]:
    """Read one pattern of files, or a list of them."""
    found = texts(value) if isinstance(value, list) else (text(value),)
    if not found:
        raise Wrong("must name files, not []")
    for pattern in found:
        if ".." in pattern.split("/") or "\\" in pattern:
            raise Wrong(f'"{pattern}" can match no file', next_move="patterns go down from the settings file, with /")
    return found


def choice(value: object, allowed: Collection[str]) -> str:
    """Read one of some words."""
    if value in allowed:
        return str(value)
    near = difflib.get_close_matches(str(value), allowed, n=1)
    raise Wrong(
        f"unknown value {value!r}", next_move=f'did you mean "{near[0]}"?' if near else f"one of: {', '.join(allowed)}"
    )


def severity(value: object) -> Severity:
    """Read a severity."""
    return Severity(choice(value, [str(s) for s in Severity]))


def wrapping(value: object) -> Wrapping:
    """Read how a runner sends a file."""
    return Wrapping(choice(value, [str(w) for w in Wrapping]))


def framework(value: object) -> Framework:
    """Read the name of a migration runner."""
    return Framework(choice(value, [str(f) for f in Framework]))


def small_table(value: object) -> SmallTable:
    """Read "1MB", "500 kB" or "10000 rows"."""
    found = re.fullmatch(r"([0-9]{1,15})\s*(rows|kB|MB|GB)", value, re.IGNORECASE) if isinstance(value, str) else None
    if found is None:
        raise Wrong(f'must be a size such as "1MB" or "10000 rows", not {value!r}')
    number, unit = int(found[1]), found[2].lower()
    if unit == "rows":
        return SmallTable(rows=number)
    return SmallTable(bytes=number * 1024 ** (1 + ("kb", "mb", "gb").index(unit)))


def severities(value: object) -> Mapping[str, Severity]:
    """Read severities by the names of rules and themes."""
    if not isinstance(value, dict):
        raise Wrong("must be a table of RULE or THEME = SEVERITY")
    found = {}
    for name, said in value.items():
        try:
            found[name] = severity(said)
        except Wrong as wrong:
            raise Wrong(wrong.message, next_move=wrong.next_move, key=name) from None
    return found


def placeholders(value: object) -> Mapping[str, str]:
    """Read what stands in the place of names."""
    if not isinstance(value, dict):
        raise Wrong("must be a table of NAME = VALUE")
    for name, said in value.items():
        if not isinstance(said, str) or "\n" in said:
            raise Wrong(f"must be a text of one line, not {said!r}", key=name)
    return dict(value)


def major_version(value: object) -> int:
    """Read a major version of the server."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in MAJORS:
        raise Wrong(f"must be a major version from {MAJORS[0]} to {MAJORS[-1]}, not {value!r}")
    return value


def milliseconds(value: object) -> int:
    """Read 250, "250ms" or "2s"."""
    found = re.fullmatch(r"([0-9]{1,9})\s*(ms|s)?", str(value)) if not isinstance(value, bool) else None
    if found is None:
        raise Wrong(f'must be a time such as "100ms" or "2s", not {value!r}')
    budget = int(found[1]) * (1000 if found[2] == "s" else 1)
    if not SHORTEST_BUDGET <= budget <= LONGEST_BUDGET:
        raise Wrong(f"must be {SHORTEST_BUDGET} ms or more, and at most {LONGEST_BUDGET}, not {value!r}")
    return budget
