"""What a database still holds of work that nobody goes on with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import resources

from migrate_safe.adapters.database import Database, Rows
from migrate_safe.model.health import Gravity, Trouble
from migrate_safe.model.names import mentions

_OF_PLANS = ("functions", "columns", "schemas", "retired", "constraints")
_NOTICES = ("unproven",)


def leftovers(db: Database, texts: Iterable[str] = (), indexes: Iterable[str] = ()) -> Iterator[Trouble]:
    """Give what is left over. Open plans own what they name: `texts` are theirs, `indexes` those that they build."""
    texts, indexes = tuple(texts), frozenset(indexes)
    for part, rows in _found(db):
        for name, what, remedy in rows:
            owned = name in indexes if part == "indexes" else any(mentions(text, name) for text in texts)
            if not owned:
                yield Trouble("leftover", Gravity.NOTICE if part in _NOTICES else Gravity.WARNING, what, remedy)


def left_of_plans(db: Database) -> tuple[Trouble, ...]:
    """Give what plans have made and not removed: sync functions with their triggers, retired columns, helpers."""
    found = (row for part, rows in _found(db) if part in _OF_PLANS for row in rows)
    return tuple(Trouble("leftover", Gravity.WARNING, what, remedy) for _, what, remedy in found)


def _found(db: Database) -> list[tuple[str, Rows]]:
    """Ask every query; with an empty search_path, so that all names are told with their schema."""
    text = (resources.files("migrate_safe.adapters") / "leftovers.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- part: (\w+)\n", text, flags=re.MULTILINE)[1:]
    db.query("SELECT pg_catalog.set_config('search_path', '', false)")
    try:
        return [(part, db.query(query)) for part, query in zip(parts[::2], parts[1::2], strict=True)]
    finally:
        db.query("SELECT pg_catalog.set_config('search_path', %s, false)", (db.search_path,))
