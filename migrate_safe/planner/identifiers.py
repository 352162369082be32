"""Names of the objects that a plan makes: unique, stable from run to run, never longer than the server allows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from migrate_safe.catalog.retired import RETIRED
from migrate_safe.model.names import MAX_IDENTIFIER_BYTES, Name, shorten

HOME = "migrate_safe"
"""The schema of the journal and of sync functions."""

_TAG_LENGTH = 8
_MAX_TILDES = 8


def tag(*parts: str) -> str:
    """Give a short word that stands for the parts; equal parts give equal words on every machine."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_TAG_LENGTH]


def fitted(identifier: str) -> str:
    """Give the identifier, or, when it is too long, its beginning with a hash of the whole at the end.

    The server cuts at 63 bytes without a word, so two long names could silently become one.
    """
    if len(identifier.encode()) <= MAX_IDENTIFIER_BYTES:
        return identifier
    return f"{shorten(identifier, MAX_IDENTIFIER_BYTES - _TAG_LENGTH - 1)}_{tag(identifier)}"


def copied(name: str, word: str) -> str:
    """Name the new-side copy of an index or constraint until it takes over the original's name."""
    return fitted(f"_ms_new_{word}_{name}")


def retired(name: str, word: str) -> str:
    """Name what a contract step hides until purge."""
    return fitted(f"{RETIRED}{word}_{name}")


def proof(column: str, word: str) -> str:
    """Name the helper CHECK that proves NOT NULL of a column."""
    return fitted(f"_ms_not_null_{word}_{column}")


def function(kind: str, word: str) -> Name:
    """Name a sync function."""
    return Name(HOME, f"{kind}_{word}")


def last_trigger(base: str, others: Iterable[str]) -> str | None:
    """Prefix a trigger name with so many `~` that it fires after all others; None when nothing sorts last enough.

    Triggers of one kind fire in the byte order of their names.
    https://www.postgresql.org/docs/current/trigger-definition.html
    """
    latest = max((name.encode() for name in others), default=b"")
    names = ("~" * count + base for count in range(1, _MAX_TILDES + 1))
    return next((name for name in names if name.encode() > latest), None)
