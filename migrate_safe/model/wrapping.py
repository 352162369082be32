"""How migrations reach the server."""

from __future__ import annotations

from enum import StrEnum


class Wrapping(StrEnum):
    """How the migration runner sends a file."""

    STATEMENT = "statement"
    """Each statement commits by itself unless the file says BEGIN (psql -f)."""
    FILE = "file"
    """The runner wraps the whole file in one transaction."""
