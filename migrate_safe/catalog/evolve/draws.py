"""Calls of nextval() and the like: which sequences they mean, and when the server refuses them."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import CannotApply, need_column
from migrate_safe.catalog.guesses import is_guess
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.presence import need_relation, surely_absent
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.schema import Expr, Schema
from migrate_safe.model.statement import Draw
from migrate_safe.sql.expressions import drawn_sequences as sequences_in


def drawn_sequences(schema: Schema, draw: Draw) -> list[Name]:
    """Give the sequence that a call draws from, if there may be one."""
    full = schema.resolve(draw.name)
    if surely_absent(schema, draw.name):
        return []
    if draw.column is not None:
        return [n for n, s in schema.sequences.items() if s.owner == (full, draw.column)]
    return [] if full not in schema.sequences and relation_exists(schema, full) else [full]


def refuse_draws(schema: Schema, draws: Iterable[Draw]) -> None:
    """Raise CannotApply for a call that is certainly made, of what is no sequence."""
    for draw in draws:
        if not draw.sure:
            continue
        full = need_relation(schema, draw.name)
        known = schema.tables.get(full)
        if draw.column is not None and known is not None:
            need_column(schema, known, draw.column)
        elif draw.column is None and full not in schema.sequences and _is_another(schema, full):
            raise CannotApply(f"{full} is not a sequence")


def _is_another(schema: Schema, name: Name) -> bool:
    return relation_exists(schema, name) and not is_guess(schema, name)


def refuse_absent(schema: Schema, relations: Iterable[Name]) -> None:
    """Raise CannotApply where a relation is not there that a literal names as regclass."""
    for name in relations:
        need_relation(schema, name)


def refuse_absent_sequences(schema: Schema, default: Expr | None) -> None:
    """Raise CannotApply for a default that draws from what is not there."""
    if default is not None and "nextval" in default.sql:
        refuse_absent(schema, (parse_name(n) for n in sequences_in(default.sql) if not n.isdigit()))
