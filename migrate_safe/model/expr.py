"""Expressions as values."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name


class Expr(Struct, frozen=True):
    """An expression: its canonical text and what it refers to.

    `functions` holds every function called (SQL value functions such as CURRENT_DATE under their
    lower-case name, operators not). `constant` is true for a literal, also signed, cast or an array of such.
    """

    sql: str
    columns: frozenset[str] = frozenset()
    functions: frozenset[Name] = frozenset()
    constant: bool = False

    def __str__(self) -> str:
        """Write the expression in SQL."""
        return self.sql
