"""Whether an expression gives every row its own value."""

from __future__ import annotations

import re

from msgspec import Struct

from migrate_safe.effects.builtin_functions import NOT_VOLATILE, OF_EXTENSIONS, VOLATILE
from migrate_safe.effects.doubts import Doubt
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Expr, Function, Schema

_SQL_VALUES = frozenset(
    """
    current_date current_time current_timestamp localtime localtimestamp current_role current_user user session_user
    current_catalog current_schema
    """.split()
)
"""SQL value functions: stable, written without parentheses."""

_CALLS_VOLATILE = re.compile(rf"\b({'|'.join(sorted(VOLATILE))})\s*\(", re.IGNORECASE)


class Volatility(Struct, frozen=True):
    """Whether an expression is volatile; `depends` names the functions of which that is only assumed."""

    volatile: bool
    depends: tuple[str, ...] = ()


def volatility(schema: Schema, expression: Expr) -> Volatility:
    """Judge an expression by the functions that it calls; a function that nobody knows counts as volatile.

    The volatile ones decide: one certain of them makes the whole certain.
    """
    if expression.constant:
        return Volatility(False)
    unknown: list[Name] = []
    for function in sorted(expression.functions, key=str):
        judged = _function_is_volatile(schema, function)
        if judged:
            return Volatility(True)
        if judged is None:
            unknown.append(function)
    return Volatility(bool(unknown), tuple(Doubt.VOLATILE.because(f) for f in unknown))


def is_known_function(schema: Schema, function: Name) -> bool:
    """Say whether calling a function certainly changes no schema: built in, or declared not volatile.

    Nobody but the server makes functions in pg_catalog; that others begin with `pg_` nobody does in earnest.
    """
    builtin = function.schema == "pg_catalog" or (function.schema is None and function.name.startswith("pg_"))
    named = function.schema is None and function.name in VOLATILE
    return builtin or named or _function_is_volatile(schema, function) is False


def _function_is_volatile(schema: Schema, function: Name) -> bool | None:
    """Say whether a function is volatile; None when it is not known."""
    if function.schema in (None, "pg_catalog"):
        if function.name in VOLATILE:
            return True
        if function.name in NOT_VOLATILE or function.name in _SQL_VALUES:
            return False
    places = (function.schema,) if function.schema is not None else schema.search_path
    for namespace in places:
        found = schema.functions.get(Name(namespace, function.name))
        if found:
            return _any_is_volatile(found)
    return OF_EXTENSIONS.get(function.name)


def _any_is_volatile(functions: tuple[Function, ...]) -> bool | None:
    """Say whether one of the functions of a name is volatile, whatever they are declared.

    The server puts the body of a simple SQL function in its place: then that decides.
    """
    declared = [f for f in functions if f.volatility == "volatile"]
    if any(f.language != "sql" or _CALLS_VOLATILE.search(f.body) for f in declared):
        return True
    return None if declared else False
