"""Ask a server for all parts of its catalog at once: the texts of the `.sql` files, sent without waiting in between."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = Mapping[str, Any]


def read_parts(
    connection: psycopg.Connection[Any], file: str, words: Mapping[str, str], skip: Collection[str] = ()
) -> dict[str, list[Row]]:
    """Give the rows of each part of a file by its name; `words` fill its gaps, and what is in `skip` has no rows."""
    texts = _texts(file, tuple(sorted(words.items())))
    with connection.pipeline():
        asked = {n: connection.cursor(row_factory=dict_row).execute(t) for n, t in texts.items() if n not in skip}
        return {name: list(asked[name].fetchall()) if name in asked else [] for name in texts}


@lru_cache(maxsize=16)
def _texts(file: str, words: tuple[tuple[str, str], ...]) -> Mapping[str, bytes]:
    text = (files("migrate_safe.adapters") / file).read_text(encoding="utf-8")
    parts = re.split(r"^-- part: (\w+)\n", text, flags=re.MULTILINE)[1:]
    given = dict(words)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {name: query.format(**given).replace("%%", "%").encode() for name, query in pairs}
