"""Hold the reason for which a refusal was predicted to that which the server gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from migrate_safe.effects.doubts import Rows

_REFUSING: Mapping[Rows, tuple[str, ...]] = MappingProxyType(
    {
        Rows.DUPLICATES: ("23505", "23P01"),
        Rows.NULLS: ("23502",),
        Rows.BREAKING: ("23514",),
        Rows.ORPHANS: ("23503",),
        Rows.ANY: ("23502",),
        Rows.CONVERTED: ("22",),
        Rows.OUTSIDE: ("23514",),
        Rows.REFERRED_TO: ("23503", "XX000"),  # the latter where a rule makes something else of what a key does
        Rows.DISPLACED: ("23514",),
        Rows.VETOED: ("",),
        Rows.UNFOUND: ("42P01", "42883"),
        Rows.LACKED: ("42704", "0A000", "58P01", "22023", "55000"),
        Rows.UNMARKED: ("42704",),
        Rows.HELD: ("2BP01",),
        Rows.PENDING: ("55006",),
    }
)
"""How the SQLSTATE begins with which the server refuses a statement for such rows, or for what else it lacks."""

_TWICE = ("42P03", "42P05", "42P06", "42P07", "42701", "42710", "42723", "23505", "42601")
_KINDS = (
    (r"^(RAISE|ASSERT)\b", ("",)),  # a migration's own, of any SQLSTATE
    (r"is required by the server", ("2BP01", "42704")),
    (r"does not exist as a shell", ("42710",)),
    (r"does not exist", ("42P01", "42703", "42704", "42883", "3F000", "22023", "26000", "34000", "3B001")),
    (r"already exists|given twice|named twice|more than once|would have value", _TWICE),
    (r"^publication .+ depends on column", ("0A000", "2BP01")),
    (r"is the row type of a relation", ("2BP01", "42809")),
    (r" depends on |is not empty: |^table .+ inherits from|is part of index|is the type of typed table", ("2BP01",)),
    (r" requires (sequence|index) |is required by|requires it$|^role .+ cannot be dropped", ("2BP01",)),
    (r"cannot be cast automatically|is of type .+ default", ("42804",)),
    (r"^invalid input|does not fit into type|too long for type", ("22",)),
    (r"would overlap|must be marked IMMUTABLE", ("42P17",)),
    (r"no unique index over exactly", ("42P10",)),
    (r"already has a primary key|multiple primary keys", ("42P16",)),
    (r"is ambiguous", ("42702",)),
    (r"^permission denied", ("42501",)),
    (r"inside a transaction block", ("25001",)),
    (r"needs a transaction", ("25P01",)),
)
"""Words of predicted reasons, the first that fits counts, and how the SQLSTATE begins that belongs to them."""
_OTHERWISE = ("25001", "25P01", "42501", "42702", "42703", "42883", "2BP01")
"""SQLSTATE that belong to no other reason, but to what a major version does not know yet."""


def refuses(reason: str, sqlstate: str) -> bool:
    """Say whether a refusal is the one that was held possible for that reason."""
    return any(
        sqlstate.startswith(states)
        for rows, states in _REFUSING.items()
        if re.fullmatch(".+".join(map(re.escape, rows.split("{}"))), reason, re.DOTALL)
    )


def of_one_kind(predicted: str, said: str, sqlstate: str) -> bool:
    """Say whether two reasons are of one kind: by the words of the one and the SQLSTATE of the other.

    What a major version does not know yet may be any syntax or name for it.
    """
    if "does not know" in predicted:
        return True
    states = next((states for words, states in _KINDS if re.search(words, predicted)), None)
    if states is not None:
        return sqlstate.startswith(states)
    return not sqlstate.startswith(_OTHERWISE) and "does not exist" not in said
