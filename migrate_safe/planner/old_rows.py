"""What rows that the old app inserts hold in new columns, which it does not know: their default, or NULL.

A constraint over new columns only may come before the old app is gone where such rows certainly keep it. Of a default
that is not a constant only that is known: whether it may be NULL, and whether each row gets another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import product

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, ConstraintKind, Expr, Index, Table
from migrate_safe.planner.loosening import passes_null
from migrate_safe.planner.surroundings import Given, Surroundings
from migrate_safe.sql.conditions import Comparison, Condition, Either, Every, NullTest, condition_of

_LITERAL = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_MAYBE_NULL = re.compile(r"\b(null|nullif|case|coalesce)\b|->|#>", re.IGNORECASE)
_NEVER_NULL = frozenset(
    """
    abs ceil ceiling clock_timestamp concat current_catalog current_date current_role current_time current_timestamp
    current_user date_trunc encode extract floor gen_random_bytes gen_random_uuid json_build_array json_build_object
    jsonb_build_array jsonb_build_object localtime localtimestamp lower md5 nextval now random round session_user
    statement_timestamp timeofday timezone to_json to_jsonb transaction_timestamp trunc txid_current upper user
    uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 uuidv4 uuidv7
    """.split()
)
"""Functions that give no NULL where no argument is NULL."""
_OF_EACH_ROW = frozenset(
    "gen_random_uuid nextval uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 uuidv4 uuidv7".split()
)
_OWN_ROOM = ("public", "pg_catalog", None)
_NUMBERS = frozenset("int2 int4 int8 smallint integer bigint numeric float4 float8".split())

NULL = Expr("NULL", constant=True)
"""What a column without default holds."""


def never_null(value: Given) -> bool:
    """Say whether a default certainly is not NULL."""
    if value.own:
        return True
    expression = value.default
    if expression is None or _MAYBE_NULL.search(_LITERAL.sub("", expression.sql)) is not None:
        return False
    return all(f.name in _NEVER_NULL and f.schema in _OWN_ROOM for f in expression.functions)


def is_given(around: Surroundings, table: Name, column: str) -> bool:
    """Say whether rows of the old app certainly have a value in a column that the migration adds."""
    given = around.given_to(table, column)
    return bool(given) and all(map(never_null, given))


def kept_by_old_rows(constraint: Constraint, table: Table | None, around: Surroundings, name: Name) -> bool:
    """Say whether rows of the old app certainly keep a constraint over columns that are all new."""
    given = {c: around.given_to(name, c) for c in _columns(constraint)}
    match constraint.kind:
        case ConstraintKind.CHECK:
            return constraint.expression is not None and _passes(constraint.expression, given, _numbers(table))
        case ConstraintKind.FOREIGN:
            full = constraint.references is not None and constraint.references.match == "FULL"
            return (all if full else any)(_is_null(given[c]) for c in constraint.columns)
        case ConstraintKind.UNIQUE:
            distinct = not constraint.nulls_not_distinct
            return _differs(constraint.columns, given) or (distinct and _any_null(constraint.columns, given))
        case ConstraintKind.PRIMARY:
            whole = all(is_given(around, name, c) for c in constraint.columns)
            return whole and _differs(constraint.columns, given)
        case _:
            return True


def index_kept_by_old_rows(index: Index, table: Name, around: Surroundings) -> bool:
    """Say whether no two rows of the old app are the same to a unique index over columns that are all new."""
    given = {c: around.given_to(table, c) for c in index.columns}
    plain = [k.column for k in index.keys if k.column is not None]
    if _differs(plain, given):
        return True
    if index.nulls_not_distinct:
        return False
    computed = [k.expression for k in index.keys if k.expression is not None]
    nothing = any(passes_null(e) and e.columns and _any_null(e.columns, given) for e in computed)
    return nothing or _any_null(plain, given)


def _columns(constraint: Constraint) -> set[str]:
    inside = constraint.expression.columns if constraint.expression is not None else frozenset()
    return {*constraint.columns, *inside}


def _is_null(given: tuple[Given, ...]) -> bool:
    """Say whether rows of the old app certainly hold NULL."""
    return all(not g.own and (g.default is None or _constant(g.default) == NULL.sql) for g in given)


def _any_null(columns: Iterable[str], given: Mapping[str, tuple[Given, ...]]) -> bool:
    return any(_is_null(given[c]) for c in columns)


def _differs(columns: Iterable[str], given: Mapping[str, tuple[Given, ...]]) -> bool:
    """Say whether one of the columns has another value in each row."""
    return any(bool(given[c]) and all(map(_of_each_row, given[c])) for c in columns)


def _of_each_row(value: Given) -> bool:
    if value.own:
        return True
    called = value.default.functions if value.default is not None else frozenset()
    return never_null(value) and len(called) == 1 and {f.name for f in called} <= _OF_EACH_ROW


def _numbers(table: Table | None) -> frozenset[str]:
    return frozenset(c.name for c in table.columns if c.type.name in _NUMBERS) if table is not None else frozenset()


# ---- CHECK ---------------------------------------------------------------------------------


def _passes(expression: Expr, given: Mapping[str, tuple[Given, ...]], numbers: frozenset[str]) -> bool:
    """Say whether a condition is certainly not false, whichever of its defaults each column has."""
    if not given:
        return False
    if all(map(_is_null, given.values())) and passes_null(expression):
        return True
    condition = condition_of(expression.sql)
    rows = (dict(zip(given, values, strict=True)) for values in product(*given.values()))
    return all(_holds(condition, row, numbers) for row in rows)


def _holds(condition: Condition, row: Mapping[str, Given], numbers: frozenset[str]) -> bool:
    match condition:
        case NullTest(column=column, is_null=is_null) if column in row:
            return _is_null((row[column],)) if is_null else never_null(row[column])
        case Comparison(column=column) if column in row:
            return _is_null((row[column],)) or _compares(condition, row[column], plain=column in numbers)
        case Every(parts=parts):
            return all(_holds(part, row, numbers) for part in parts)
        case Either(parts=parts):
            return any(_holds(part, row, numbers) for part in parts)
        case _:
            return False


def _compares(comparison: Comparison, value: Given, *, plain: bool) -> bool:
    """Say whether a constant certainly compares so; `plain` where both are numbers."""
    held = None if value.default is None or value.own else _constant(value.default)
    if held is None:
        return False
    if held == comparison.value:
        return comparison.operator in ("=", "<=", ">=")
    numbers = list(_decimals(held, comparison.value)) if plain else []
    if len(numbers) != len((held, comparison.value)):
        return False
    one, other = numbers
    return {"<": one < other, "<=": one <= other, "=": one == other, ">=": one >= other, ">": one > other}.get(
        comparison.operator, one != other
    )


def _decimals(*texts: str) -> Iterator[Decimal]:
    for text in texts:
        try:
            yield Decimal(text)
        except InvalidOperation:
            return


def _constant(default: Expr) -> str | None:
    """Give the text of a constant, `NULL` for NULL, None for anything else."""
    if not default.constant:
        return None
    if re.match(r"NULL\b", default.sql, re.IGNORECASE):
        return NULL.sql
    match condition_of(f"value = ({default.sql})"):
        case Comparison(value=text):
            return text
        case _:
            return None
