"""Two columns that hold one logical value, and how their values are compared and converted."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import TypeName
from migrate_safe.planner.keeping import Keep
from migrate_safe.planner.turns import Turn

VALUE = "$value"
"""Stands for the value of the other side in `forward` and `back`; alone it is the identity."""


class Kind(Enum):
    """How an INSERT tells a side that was given from one that was left out."""

    PLAIN = "A"
    """No default on either side: what is NULL was left out."""
    DEFAULTS = "B"
    """The new default is the converted old one and constant within a transaction: compare with it."""
    MARKER = "C"
    """Otherwise each default leaves a mark when it is evaluated."""


class Side(Struct, frozen=True):
    """One of the two columns; `default` is the SQL of the default that its app version relies on."""

    column: str
    type: TypeName
    default: str | None = None
    collated: bool = False
    """Whether the column has a collation of its own, under which unequal texts may count as equal."""


class Pair(Struct, frozen=True):
    """Two columns to keep in step: new = forward(old), old = back(new).

    `forward` and `back` are expressions over `$value` that are defined for every value.
    """

    old: Side
    new: Side
    kind: Kind
    forward: str = VALUE
    back: str = VALUE

    @property
    def is_identity(self) -> bool:
        """Whether both sides hold the same value."""
        return self.forward == self.back == VALUE


class Sync(Struct, frozen=True):
    """All that is kept in step on one table. `word` makes the names unique.

    `insert_trigger` and `update_trigger` fire last; `keep` fires after them and is None where the user
    has no BEFORE UPDATE trigger. `search_path` is set only where a default calls functions of the user's.
    `turns` are the unique indexes over old columns whose new keys are inserted in turns; `turn_trigger` sees to that,
    after `insert_trigger`.
    """

    table: Name
    pairs: tuple[Pair, ...]
    word: str
    insert_trigger: str
    update_trigger: str
    keep: Keep | None = None
    search_path: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    turn_trigger: str = ""


_EXACT = frozenset(
    """
    smallint integer bigint oid boolean text uuid date bytea inet cidr macaddr macaddr8 bit name
    """.split()
) | {
    "character varying",
    "bit varying",
    "timestamp without time zone",
    "timestamp with time zone",
    "time without time zone",
    "time with time zone",
}


def differ(side: Side, one: str, other: str) -> str:
    """Write that two values of a side differ in any way that a reader could tell, NULL-safe.

    json, xml and point have no equality; numeric, floats, interval, citext, bpchar and boxes call values equal that
    differ: 1.0 and 1.00, 0 and -0, 'a' and 'a  '. Those, and every type not known here, are compared by their bytes:
    their text would depend on settings of the session.
    https://www.postgresql.org/docs/current/functions-comparisons.html#COMPOSITE-TYPE-COMPARISON
    """
    if not _is_exact(side.type):
        return f"record_image_ne(ROW({one}), ROW({other}))"
    collate = ' COLLATE "C"' if side.collated else ""
    return f"{one}{collate} IS DISTINCT FROM {other}{collate}"


def same(side: Side, one: str, other: str) -> str:
    """Write that two values of a side are the same, NULL-safe."""
    if not _is_exact(side.type):
        return f"record_image_eq(ROW({one}), ROW({other}))"
    collate = ' COLLATE "C"' if side.collated else ""
    return f"{one}{collate} IS NOT DISTINCT FROM {other}{collate}"


def _is_exact(type_name: TypeName) -> bool:
    """Say whether what `=` calls equal is the same value, collations apart."""
    return type_name.name in _EXACT and type_name.schema in (None, "pg_catalog") and not type_name.dimensions


def relation(pair: Pair, old: str, new: str) -> str:
    """Write that an old and a new value belong together: new = f(old) or old = g(new)."""
    if pair.is_identity:
        return same(pair.new, new, old)
    forward = same(pair.new, new, f"({apply(pair.forward, old)})::{pair.new.type}")
    back = same(pair.old, old, f"({apply(pair.back, new)})::{pair.old.type}")
    return f"({forward} OR {back})"


def apply(expression: str, value: str) -> str:
    """Put a value into `forward` or `back`; parenthesised, for plpgsql reads IF up to the first THEN."""
    return value if expression == VALUE else f"({expression.replace(VALUE, value)})"


def row_of(record: str, side: Side) -> str:
    """Write a column of a trigger's record, NEW or OLD."""
    return f"{record}.{quote_ident(side.column)}"
