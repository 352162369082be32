"""Recordings: the queries that an app was seen to send, one on each line, to be read, compared and kept."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from migrate_safe.model.errors import UsageError
from migrate_safe.model.release import AppQuery

FORMAT = "migrate-safe/queries/1"


class Recorded(Struct, frozen=True, omit_defaults=True):
    """A query: how often it came, types of its parameters ("" where the server infers one), and the tests it is of."""

    sql: str
    count: int
    types: tuple[str, ...] = ()
    at: tuple[str, ...] = ()


class LeftOut(Struct, frozen=True):
    """What was sent and is not kept as a query: why, how often, and the first of it."""

    reason: str
    count: int
    example: str


class Recording(Struct, frozen=True):
    """What was recorded: `of` names the command or the view that told."""

    format: str
    of: str
    normalised: bool
    queries: tuple[Recorded, ...]
    left_out: tuple[LeftOut, ...] = ()


def recording_text(recording: Recording) -> str:
    """Write a recording as JSON, each query on a line of its own."""
    head = {"format": recording.format, "of": recording.of, "normalised": recording.normalised}
    lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    lines += [f'  "queries": {_list(recording.queries)}', f'  "left_out": {_list(recording.left_out)}']
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_recording(text: str, file: str) -> tuple[AppQuery, ...]:
    """Give the queries of a recording; each has the place of its first test, else its line in the file.

    Raises UsageError for what is no recording.
    """
    try:
        found = msgspec.json.decode(text, type=Recording)
    except msgspec.DecodeError as error:
        raise UsageError(
            f"is no recording: {error}", place=file, next_move="make it with migrate-safe capture"
        ) from None
    if found.format != FORMAT:
        raise UsageError(
            f'cannot have the format "{found.format}"', place=file, next_move=f"this version reads {FORMAT}"
        )
    lines = _lines(text)
    return tuple(
        AppQuery(
            query.sql,
            query.at[0] if query.at else f"{file}:{lines.get(number, 1)}",
            types=query.types,
            recorded=True,
            normalised=found.normalised,
        )
        for number, query in enumerate(found.queries)
    )


def _list(items: Iterable[Struct]) -> str:
    lines = ",\n".join(f"    {msgspec.json.encode(item).decode()}" for item in items)
    return f"[\n{lines}\n  ]" if lines else "[]"


def _lines(text: str) -> dict[int, int]:
    """Give the line of each query, as `recording_text` writes them."""
    starts = [line for line, words in enumerate(text.splitlines(), 1) if words.lstrip().startswith('{"sql"')]
    return dict(enumerate(starts))
