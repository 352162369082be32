"""Sequences as SQL: the options of one that is known."""

from __future__ import annotations

from migrate_safe.model.names import Name, quote_literal
from migrate_safe.model.schema import Sequence


def described(it: Sequence, *, named: bool = False) -> str:
    """Write the options of a sequence, with its name as those of an identity column have it."""
    low = "NO MINVALUE" if it.minimum is None else f"MINVALUE {it.minimum}"
    high = "NO MAXVALUE" if it.maximum is None else f"MAXVALUE {it.maximum}"
    name = f"SEQUENCE NAME {it.name} " if named else ""
    words = f"{name}START WITH {it.start} INCREMENT BY {it.increment} {low} {high} CACHE {it.cache}"
    return words + (" CYCLE" if it.cycle else "")


def created(name: Name, like: Sequence) -> str:
    """Write the statement that makes a sequence of that name, like another."""
    return f"CREATE SEQUENCE {name} AS {like.type} {described(like)}"


def go_on(sequence: Name, other: Name) -> str:
    """Write what lets a sequence go on where another stands."""
    return f"SELECT pg_catalog.setval({quote_literal(str(sequence)).strip()}, last_value, is_called) FROM {other}"
