"""A door to a database of a test, through which clients are overheard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrate_safe.adapters.capture import Door, listening


@contextmanager
def door_to(dsn: str) -> Iterator[tuple[Door, str]]:
    """Open a door to a database and give it with the DSN that leads through it."""
    where = conninfo_to_dict(dsn)
    with listening(str(where["host"]), int(str(where.get("port", 5432)))) as door:
        yield door, make_conninfo(dsn, host="127.0.0.1", port=door.port)
