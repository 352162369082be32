"""How the tables of a plan look now, and how they looked after its last step: read, kept in the journal, compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.database import Connection, Database
from migrate_safe.catalog.describe import parts_of
from migrate_safe.catalog.describe_programs import own_trigger_parts
from migrate_safe.executor.compose import text
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.seen import Seen, SeenPart

PATIENCE_MS = 1000
"""Longest wait for the lock of whoever changes a table or view while it is read."""

_OIDS = """
SELECT DISTINCT unnest(ARRAY[c.oid, w.ev_class])::bigint
FROM unnest(%s::text[]) AS n
JOIN pg_class AS c ON c.oid = to_regclass(n)
LEFT JOIN pg_depend AS d
    ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.classid = 'pg_rewrite'::regclass
LEFT JOIN pg_rewrite AS w ON w.oid = d.objid
"""
_READ = "SELECT plan, seq, described_by, parts FROM migrate_safe.seen WHERE plan = %s"
_KEEP = """
INSERT INTO migrate_safe.seen AS s (plan, seq, described_by, parts) VALUES ({plan}, {seq}, {by}, {parts}::jsonb)
    ON CONFLICT (plan) DO UPDATE SET seq = excluded.seq, described_by = excluded.described_by,
        parts = excluded.parts, at = excluded.at;
"""
_DESCRIBERS = (("catalog", ".py"), ("sql", ".py"), ("adapters", ".sql"))
"""Folders and endings of the files that decide how a table is described."""


def look(db: Database, tables: Iterable[Name]) -> tuple[SeenPart, ...]:
    """Describe tables as they are; raises Busy when somebody holds one locked for long."""
    names = sorted(set(tables))

    def read(connection: Connection) -> Schema:
        connection.execute(f"SET lock_timeout = {PATIENCE_MS}")
        try:
            oids = [row[0] for row in connection.execute(_OIDS, ([str(n) for n in names],)) if row[0] is not None]
            return read_schema(connection, only=oids)
        finally:
            if not connection.closed:
                connection.execute("SET lock_timeout = 0")

    schema = db.read(read)
    return tuple(part for name in names for part in _parts(schema, name))


def read_seen(db: Database, plan: str) -> Seen | None:
    """Read how the tables of a plan looked after its last step; None when that was not kept."""
    if db.query("SELECT to_regclass('migrate_safe.seen')") == [(None,)]:
        return None
    found = [Seen(name, seq, by, tuple(map(_part, parts))) for name, seq, by, parts in db.query(_READ, (plan,))]
    return found[0] if found else None


def keep_message(seen: Iterable[Seen], token: int) -> str:
    """Write the message that keeps what was seen, unless the lease has passed to another."""
    kept = "".join(
        _KEEP.format(plan=text(s.plan), seq=s.seq, by=text(s.by), parts=text(json.dumps(s.parts))) for s in seen
    )
    return f"BEGIN;\nSELECT migrate_safe.fence({token});{kept}COMMIT;"


def forget_seen(db: Database, plan: str) -> None:
    """Forget how the tables of a plan looked: the next run takes them as they are."""
    db.query("DELETE FROM migrate_safe.seen WHERE plan = %s", (plan,))


@cache
def described_by(server_major: int) -> str:
    """Give a word for the code that describes tables here, and the server's major version."""
    digest = hashlib.sha256()
    for folder, ending in _DESCRIBERS:
        files = (resources.files("migrate_safe") / folder).iterdir()
        for file in sorted((f for f in files if f.name.endswith(ending)), key=lambda f: f.name):
            digest.update(file.read_bytes())
    return f"{digest.hexdigest()[:16]} on {server_major}"


def _parts(schema: Schema, name: Name) -> Iterable[SeenPart]:
    table = schema.tables.get(schema.resolve(name))
    own = own_trigger_parts(table) if table is not None else ()
    for part in (*parts_of(schema, schema.resolve(name)), *own):
        if part.rests:
            yield part.key, part.text, json.dumps(part.meaning, default=str)


def _part(row: list[Any]) -> SeenPart:
    key, words, meaning = row
    return key, words, meaning
