"""How the values of a column become those of another type, and back: as expressions over `ms_value`.

What depends on settings of a session (TimeZone, DateStyle, extra_float_digits) is refused: triggers run in sessions of
the app, backfills in those of the deployment.
"""

from __future__ import annotations

import re

from msgspec import Struct

from migrate_safe.model.names import quote_ident
from migrate_safe.model.schema import Expr, TypeName
from migrate_safe.planner.draft import CannotPlan
from migrate_safe.sql.parse import parse_expression
from migrate_safe.sql.rewrite import rename_columns

_CAST = re.compile(r'::([\w ."]+(?:\([\d, ]+\))?)')
GIVEN = "ms_value"
"""Stands for the value that is converted."""

WHOLE = ("smallint", "integer", "bigint")
NUMBERS = (*WHOLE, "numeric")
TEXTS = ("character varying", "text", "citext", "character", "bpchar")
_ZONED = ("timestamp with time zone", "time with time zone")
_TIMES = (*_ZONED, "timestamp without time zone", "time without time zone", "date")
_SHOWN_BY_SETTINGS = (*_TIMES, "interval", "real", "double precision", "bytea", "money")
_ALWAYS = {
    "smallint": ("integer", "bigint", "numeric", "real", "double precision"),
    "integer": ("bigint", "numeric", "double precision"),
    "bigint": ("numeric",),
    "real": ("double precision",),
    "date": ("timestamp without time zone",),
    "character varying": ("text",),
    "json": ("text",),
    "jsonb": ("json", "text"),
    **dict.fromkeys(("uuid", "boolean", "inet", "cidr"), ("text",)),
}


class Conversion(Struct, frozen=True):
    """An expression over GIVEN of type `source`, assigned to a column of type `target`.

    `total` says that it fails for no value.
    """

    source: TypeName
    target: TypeName
    expression: str
    total: bool


def conversions(
    column: str, old: TypeName, new: TypeName, using: Expr | None, back: str | None
) -> tuple[Conversion, Conversion]:
    """Give the ways there and back; raises CannotPlan where one is not known or would depend on a session."""
    forward = GIVEN if using is None else _over_given(column, using.sql)
    plain = using is None or is_cast(column, using.sql)
    _refuse_settings(column, old, new, using)
    there = Conversion(old, new, forward, plain and _is_total(old, new))
    if back is not None:
        return there, Conversion(new, old, _over_given(column, back), False)
    if using is not None and using.functions and _is_shift(column, using.sql):
        return there, Conversion(new, old, forward, False)
    if not plain:
        raise CannotPlan(
            f"how the old values of {quote_ident(column)} follow from the new ones is not known",
            f"add it above: -- migrate-safe: back {column} = <the old value, by the new {column}>",
        )
    return there, Conversion(new, old, _cast_back(old, using), _is_total(new, old))


def is_cast(column: str, using: str) -> bool:
    """Say whether an expression is the column itself, or casts of it and nothing else."""
    names = rf"(?:{re.escape(column)}|{re.escape(quote_ident(column))})"
    return re.fullmatch(rf"\(*{names}\)*(?:{_CAST.pattern}\)*)*", using.strip()) is not None


def keeps_apart(old: TypeName, new: TypeName) -> bool:
    """Say whether different values stay different in both directions, and compare alike."""
    return any(old.name in family and new.name in family for family in (WHOLE, TEXTS[:2]))


def alike(old: TypeName, new: TypeName) -> bool:
    """Say whether the operators of both types say the same of the same values."""
    return any(old.name in family and new.name in family for family in (NUMBERS, TEXTS[:2]))


def _is_shift(column: str, using: str) -> bool:
    """Say whether an expression is `column AT TIME ZONE 'zone'`, which is its own inverse."""
    names = rf"\(?(?:{re.escape(column)}|{re.escape(quote_ident(column))})\)?"
    return re.fullmatch(rf"\(?{names} AT TIME ZONE '[^']*'\)?", using.strip(), re.IGNORECASE) is not None


def _is_total(old: TypeName, new: TypeName) -> bool:
    if old.dimensions or new.dimensions:
        return False
    if old.name in WHOLE and new.name == "text" and new.schema is None:
        return True
    return not new.modifiers and new.name in _ALWAYS.get(old.name, ())


def _cast_back(old: TypeName, using: Expr | None) -> str:
    """Write the cast to a type without its length, which the assignment then holds the value to.

    It goes by the types between, as the way there did: an enum becomes another one by text only.
    """
    bare = TypeName(old.name, (), old.dimensions, old.schema)
    passed = _CAST.findall(using.sql)[-2::-1] if using is not None else []
    return "".join([GIVEN, *(f"::{name.strip()}" for name in passed), f"::{bare}"])


def _over_given(column: str, expression: str) -> str:
    found = parse_expression(expression)
    if found.columns - {column}:
        others = ", ".join(map(quote_ident, sorted(found.columns - {column})))
        raise CannotPlan(
            f"the value of {quote_ident(column)} would follow from other columns too: {others}",
            "add a column, fill it, and let the app move to it",
        )
    return rename_columns(expression, {column: GIVEN})


def _refuse_settings(column: str, old: TypeName, new: TypeName, using: Expr | None) -> None:
    """Raise CannotPlan for what each session would convert in its own way."""
    names = {old.name.partition("(")[0], new.name.partition("(")[0]}
    called = {f.name for f in using.functions} if using is not None else set()
    shifted = "timezone" in called or (using is not None and "AT TIME ZONE" in using.sql.upper())
    if names <= set(_TIMES) and names & set(_ZONED) and not names <= set(_ZONED) and not shifted:
        raise CannotPlan(
            f"the TimeZone of each session would decide what {quote_ident(column)} means",
            f"say which it is: USING {quote_ident(column)} AT TIME ZONE 'UTC'",
        )
    if names & set(_SHOWN_BY_SETTINGS) and names & set(TEXTS) and not called and not shifted:
        raise CannotPlan(
            f"settings of each session would decide how {quote_ident(column)} is written as text",
            "say it with USING and a function: to_char(...), to_date(...), to_timestamp(...)",
        )
