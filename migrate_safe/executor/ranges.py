"""Ranges of rows, by key or by place in the table, as SQL."""

from __future__ import annotations

from migrate_safe.executor.compose import text
from migrate_safe.executor.intents import Survey
from migrate_safe.model.names import Name, quote_ident

Cursor = tuple[str, ...]


def bound_query(table: Name, survey: Survey, cursor: Cursor | None, rows: int) -> str:
    """Write the query for the key of the last of the next `rows` rows, and how many they are."""
    keys = _columns(survey)
    # qualified, or ORDER BY would mean the output column of that name: the text, in which '999' comes after '1000'
    down = ", ".join(f"ahead.{k} DESC" for k in keys)
    shown = ", ".join(f"ahead.{k}::text" for k in keys)
    where = "" if cursor is None else f" WHERE {_beyond(survey, cursor, '>')}"
    inner = f"SELECT {', '.join(keys)} FROM {table}{where} ORDER BY {', '.join(keys)} LIMIT {rows}"
    return f"SELECT count(*) OVER (), {shown} FROM ({inner}) AS ahead ORDER BY {down} LIMIT 1"


def key_range(survey: Survey, after: Cursor | None, last: Cursor) -> str:
    """Write the condition of the rows after one key, up to and with another."""
    upper = _beyond(survey, last, "<=")
    return upper if after is None else f"{_beyond(survey, after, '>')} AND {upper}"


def page_range(first: int, pages: int) -> str:
    """Write the condition of the rows that lie in some pages; a TID range scan from PostgreSQL 14."""
    return f"ctid >= '({first},0)'::tid AND ctid < '({first + pages},0)'::tid"


def shown_key(survey: Survey) -> str:
    """Write the expression that names a row for people: `id=7`, or its place where there is no key."""
    if not survey.columns:
        return "'ctid=' || ctid::text"
    return " || ', ' || ".join(
        f"{text(name + '=')} || {column}::text" for name, column in zip(survey.columns, _columns(survey), strict=True)
    )


def _beyond(survey: Survey, key: Cursor, operator: str) -> str:
    values = ", ".join(f"{text(v)}::{t}" for v, t in zip(key, survey.types, strict=True))
    return f"({', '.join(_columns(survey))}) {operator} ({values})"


def _columns(survey: Survey) -> tuple[str, ...]:
    return tuple(quote_ident(c) for c in survey.columns)
