"""Columns that a statement names and that certainly are not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from migrate_safe.catalog.change import SYSTEM_COLUMNS, CannotApply
from migrate_safe.catalog.shapes import source_columns
from migrate_safe.model.query import Scope, Source
from migrate_safe.model.schema import Schema

_OF_ROWS = frozenset(
    """
    any_value array_agg concat count cume_dist dense_rank first_value hash_record hstore json_agg json_agg_strict
    json_build_array json_build_object jsonb_agg jsonb_agg_strict jsonb_build_array jsonb_build_object lag last_value
    lead max min mode num_nonnulls num_nulls percent_rank pg_collation_for pg_column_compression pg_column_size
    pg_column_toast_chunk_id pg_typeof quote_literal quote_nullable rank record_out record_send row_to_json to_json
    to_jsonb
    """.split()
)
"""The functions that take a row of any type: `t.count` is count(t) where t has no such column."""

_CONSTANTS_WITHOUT_NAME = 15
"""From this major version on nobody calls the constants true and false `bool`."""

Offered = tuple[Source, frozenset[str] | None]
"""An item of FROM with its columns, None where these are not known."""


def refuse_unknown_columns(schema: Schema, scopes: Sequence[Scope], others: frozenset[str] = frozenset()) -> None:
    """Raise CannotApply for a name that nothing in its scope, nor in those around it, can have.

    What comes before another item of FROM is taken to be seen by it, LATERAL or not. `others` are names that mean
    something outside of the statement: parameters, and the function that has them.
    """
    offered = [tuple(_offered(schema, s) for s in scope.sources) for scope in scopes]
    for number, scope in enumerate(scopes):
        seen = [o for level in _around(scopes, number) for o in offered[level]]
        for path in scope.references if not others else [p for p in scope.references if not others & set(p[:2])]:
            _refuse_reference(schema, path, seen)
        _refuse_ambiguous(scope, offered[number])
        for column in scope.joined:
            if sum(_may_have(o, column) for o in offered[number]) < 2:
                raise CannotApply(f"column {column!r} of USING does not exist on both sides")


def _refuse_ambiguous(scope: Scope, offered: Sequence[Offered]) -> None:
    """Refuse a plain name that columns of two sources have, where those of all are known."""
    if not scope.settled or any(columns is None for _, columns in offered):
        return
    held = Counter(c for source, columns in offered if not source.qualified for c in columns or ())
    several = [c for c in scope.settled if held[c] > 1 and c not in scope.joined]
    if several:
        raise CannotApply(f"column reference {several[0]!r} is ambiguous")


def _around(scopes: Sequence[Scope], number: int) -> Iterator[int]:
    level: int | None = number
    while level is not None:
        yield level
        level = scopes[level].above


def _offered(schema: Schema, source: Source) -> Offered:
    columns = source_columns(schema, source)
    if columns is None:
        return source, None
    names = frozenset(c.name for c in columns)
    return source, names | {
        "bool"
    } if "?column?" in names and schema.server_version < _CONSTANTS_WITHOUT_NAME else names


def _may_have(offered: Offered, column: str) -> bool:
    return offered[1] is None or column in offered[1]


def _refuse_reference(schema: Schema, path: tuple[str, ...], seen: list[Offered]) -> None:
    column = path[-1]
    if len(path) == 1:
        known = column in SYSTEM_COLUMNS or any(s.alias == column for s, _ in seen)
        if not known and not any(_may_have(o, column) for o in seen):
            raise CannotApply(f"column {column!r} does not exist")
        return
    named = [o for o in seen if o[0].alias in ("", path[-2])]
    if not named:
        raise CannotApply(f"missing FROM-clause entry for table {path[-2]!r}")
    if column == "*" or column in SYSTEM_COLUMNS or any(_may_have(o, column) for o in named):
        return
    if column not in _OF_ROWS and all(name.name != column for name in schema.functions):
        raise CannotApply(f"column {'.'.join(path)} does not exist")
