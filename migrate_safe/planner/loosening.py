"""What a column that goes would still refuse or do until purge: constraints to lift, or that bar the plan.

A row that does not name the column holds its default, or NULL. A row from before keeps its value: a constraint over
other columns too may refuse an UPDATE of those, and a foreign key acts when its partner goes. Whether an expression
lets a NULL pass is judged by its words: rather too seldom, for a CHECK that is taken away without need is put back on
the way back like any other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from msgspec import Struct

from migrate_safe.catalog.change import domain_default, known_type
from migrate_safe.effects.volatility import volatility
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Column, Constraint, ConstraintKind, Expr, Index, Schema, Table, TypeName
from migrate_safe.planner.draft import CannotPlan

_ACTS = ("CASCADE", "SET NULL", "SET DEFAULT")
_LITERAL = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_SEES_NULL = re.compile(r"\b(is|isnull|notnull|null|case|coalesce|distinct|row)\b|\|\|", re.IGNORECASE)
_STRICT = frozenset(
    """
    abs array_length array_lower array_ndims array_upper btrim cardinality ceil ceiling char_length
    character_length current_date current_timestamp date date_part date_trunc extract floor isempty isfinite
    json_array_length json_typeof jsonb_array_length jsonb_path_exists jsonb_typeof left length localtimestamp
    lower ltrim mod now octet_length position regexp_count regexp_like regexp_match regexp_replace replace right
    round rtrim scale sign split_part starts_with strpos substr substring to_char translate trim trunc upper
    """.split()
)
"""Functions of the server that give NULL where an argument is NULL, or have none."""


def passes_null(expression: Expr) -> bool:
    """Say whether an expression is certainly not false where a column that it mentions is NULL."""
    known = all(f.name in _STRICT and f.schema in (None, "pg_catalog") for f in expression.functions)
    return known and _SEES_NULL.search(_LITERAL.sub("", expression.sql)) is None


class Lifted(Struct, frozen=True):
    """What may refuse writes of the new app once it does not know a column, or change its rows.

    `early` are CHECKs and foreign keys that only refuse: they go before it starts. `late` are foreign keys and unique
    constraints that the old app relies on, as are `indexes`, unique ones: they go when it is gone.
    """

    early: tuple[Constraint, ...] = ()
    late: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()


def lifted(schema: Schema, table: Table, column: Column, going: Collection[str]) -> Lifted:
    """Give what must be lifted for a column that goes; `going` are all columns of the table that do.

    Raises CannotPlan for what may refuse them and cannot be taken away for a while: unique indexes, domains.
    """
    default = _default(schema, column)
    barred = (
        *_barring_domain(schema, column, default),
        *_barring_indexes(schema, table, column, default),
        *_barring_exclusions(table, column.name, going),
    )
    if barred:
        raise CannotPlan(
            f"while {quote_ident(column.name)} of {table.name} is put aside, rows of the new app may be refused by"
            f" {'; '.join(what for what, _ in barred)}",
            barred[0][1],
        )
    held = [c for c in table.constraints if c.enforced and _holds(c, column.name, going)]
    early = tuple(c for c in table.constraints if _may_refuse(c, column, default) or (c in held and not acts(c)))
    late = tuple(c for c in held if c not in early and not _only_clears(c, column))
    return Lifted(early, late + _keys(table, column.name, going), tuple(_unique(table, column.name, going)))


def acts(constraint: Constraint) -> bool:
    """Say whether a foreign key changes rows, and does not only refuse."""
    far = constraint.references
    return far is not None and bool({far.on_delete, far.on_update} & set(_ACTS))


def _holds(constraint: Constraint, column: str, going: Collection[str]) -> bool:
    """Say whether a CHECK or foreign key may refuse or do something where rows have a value in the column."""
    if constraint.kind is ConstraintKind.CHECK and constraint.expression is not None:
        mentioned = constraint.expression.columns
        return column in mentioned and (not constraint.validated or not mentioned <= {column, *going})
    return constraint.kind is ConstraintKind.FOREIGN and column in constraint.columns


def _only_clears(constraint: Constraint, column: Column) -> bool:
    """Say whether all that a foreign key does is to clear the column, which nobody reads."""
    far = constraint.references
    clears = far is not None and far.on_delete == "SET NULL" and far.on_update in ("SET NULL", "CASCADE")
    return clears and len(constraint.columns) == 1 and not column.not_null


def _bars_updates(table: Table, index: Index, column: str, going: Collection[str]) -> bool:
    """Say whether rows that differ in the column alone could come to be; not where they differ in the primary key."""
    keys = index.columns - set(index.include)
    distinct = bool(table.primary_key) and set(table.primary_key) <= {k.column for k in index.keys}
    return column in keys and not keys <= {column, *going} and not distinct


def _keys(table: Table, column: str, going: Collection[str]) -> tuple[Constraint, ...]:
    owners = {i.constraint for i in table.indexes if _bars_updates(table, i, column, going)}
    return tuple(c for c in table.constraints if c.kind is ConstraintKind.UNIQUE and c.name in owners)


def _unique(table: Table, column: str, going: Collection[str]) -> Iterator[Index]:
    for index in table.indexes:
        if index.unique and index.constraint is None and _bars_updates(table, index, column, going):
            yield index


def _default(schema: Schema, column: Column) -> Expr | None:
    """Give what a row holds that does not name the column; None for NULL."""
    given = column.default if column.default is not None else domain_default(schema, column.type)
    return None if given is None or is_null(given) else given


def is_null(default: Expr) -> bool:
    """Say whether a default is NULL, written out."""
    return re.match(r"NULL\b", default.sql, re.IGNORECASE) is not None


def _may_refuse(constraint: Constraint, column: Column, default: Expr | None) -> bool:
    expression = constraint.expression
    if not constraint.enforced:
        return False
    if constraint.kind is ConstraintKind.CHECK and expression is not None and column.name in expression.columns:
        return len(expression.columns) > 1 if _has_value(column, default) else not passes_null(expression)
    far = constraint.references
    if far is None or column.name not in constraint.columns or len(constraint.columns) == 1:
        return False
    return _has_value(column, default) or far.match == "FULL"


def _has_value(column: Column, default: Expr | None) -> bool:
    return default is not None or column.identity is not None or column.generated is not None


def _barring_domain(schema: Schema, column: Column, default: Expr | None) -> Iterator[tuple[str, str]]:
    domain = _refusing_null(schema, known_type(schema, column.type))
    if domain is not None and not _has_value(column, default):
        yield (
            f"domain {domain}, which takes no NULL",
            f"give {quote_ident(column.name)} a DEFAULT that the domain takes, in a migration of its own first",
        )


def _refusing_null(schema: Schema, type_name: TypeName) -> Name | None:
    """Give the domain of a type, or one that it is over, that may refuse NULL."""
    name = Name(type_name.schema, type_name.name)
    domain = schema.domains.get(name) if not type_name.dimensions else None
    if domain is None:
        return None
    checks = (c.check for c in domain.constraints if c.check is not None)
    if domain.not_null or not all(map(passes_null, checks)):
        return name
    return _refusing_null(schema, domain.base)


def _barring_indexes(schema: Schema, table: Table, column: Column, default: Expr | None) -> Iterator[tuple[str, str]]:
    of_each_row = column.identity is not None or (default is not None and volatility(schema, default).volatile)
    owners = {c.name: c for c in table.constraints if c.kind is ConstraintKind.EXCLUDE}
    for index in table.indexes:
        owner = owners.get(index.constraint) if index.constraint is not None else None
        if not (index.unique or owner is not None) or column.name not in index.columns - set(index.include):
            continue
        if _same_for_all(index, column, default) if not of_each_row else _computed(index, column.name):
            what = "exclusion constraint" if owner is not None else "unique index"
            name = quote_ident(index.name or "")
            how = (
                f"ALTER TABLE {table.name} DROP CONSTRAINT {name}"
                if index.constraint
                else f"DROP INDEX CONCURRENTLY {name}"
            )
            yield f"{what} {name}, for they all hold the same there", f"drop it in a migration of its own first: {how}"


def _barring_exclusions(table: Table, column: str, going: Collection[str]) -> Iterator[tuple[str, str]]:
    owners = {c.name for c in table.constraints if c.kind is ConstraintKind.EXCLUDE}
    for index in table.indexes:
        if index.constraint in owners and _bars_updates(table, index, column, going):
            name = quote_ident(index.constraint or "")
            how = f"drop it in a migration of its own first: ALTER TABLE {table.name} DROP CONSTRAINT {name}"
            yield f"exclusion constraint {name}, when they change the other columns that it is over", how


def _same_for_all(index: Index, column: Column, default: Expr | None) -> bool:
    """Say whether two rows without the column may be the same to a unique index."""
    if _has_value(column, default) or index.nulls_not_distinct:
        return True
    return any(not passes_null(e) for e in _expressions(index) if column.name in e.columns)


def _computed(index: Index, column: str) -> bool:
    return any(column in e.columns for e in _expressions(index))


def _expressions(index: Index) -> Iterator[Expr]:
    for expression in (*(key.expression for key in index.keys), index.predicate):
        if expression is not None:
            yield expression
