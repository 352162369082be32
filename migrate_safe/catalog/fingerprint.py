"""A digest of what a plan rests on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from migrate_safe.catalog.describe import parts_of
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema


def fingerprint(schema: Schema, tables: Iterable[Name]) -> str:
    """Give `sha256:<hex>` over the tables and what hangs on them; one that is absent counts as absent.

    It says the same of a schema folded from files and of the live database that they made, whatever the formatting
    of expressions, the order of columns, the numbers of rows, and the other tables.
    """
    lines: list[str] = []
    for name in sorted({schema.resolve(t) for t in tables}):
        parts = [f"{p.key}: {json.dumps(_plain(p.meaning), default=str)}" for p in parts_of(schema, name) if p.rests]
        lines.extend(sorted(parts) or [f"table {name}: absent"])
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _plain(value: object) -> object:
    """Write names as SQL does: JSON would take them for lists."""
    if isinstance(value, Name):
        return str(value)
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value
