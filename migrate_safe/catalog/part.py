"""One part of what a schema holds, in words and in a canonical form."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.schema import Expr
from migrate_safe.sql.canonical import canonical


class Part(Struct, frozen=True):
    """One part of a table: `key` names it (`column public.t.a`), `text` is for people, `meaning` for comparing.

    `rests` says that plans rest on it: it counts in fingerprints, and its change is drift.
    """

    key: str
    text: str
    meaning: tuple[object, ...]
    rests: bool = True


def meaning_of(expression: Expr | None) -> str | None:
    """Give the canonical form of an expression."""
    return canonical(expression.sql) if expression is not None else None
