"""Expressions that name their table itself, which stands for its whole row."""

from __future__ import annotations

from migrate_safe.model.schema import Constraint, Expr, Index, Table
from migrate_safe.model.values import replace
from migrate_safe.sql.rewrite import with_whole_row


def over_table(table: Table, expression: Expr | None) -> Expr | None:
    """Write a bare name that is the table's, and no column's, as the server shows it: `t IS NULL` is `t.* IS NULL`."""
    name = table.name.name
    if expression is None or name not in expression.columns or table.partial or table.column(name) is not None:
        return expression
    return replace(expression, sql=with_whole_row(expression.sql, name), columns=expression.columns - {name})


def check_over_table(table: Table, constraint: Constraint) -> Constraint:
    """Write whole rows in a CHECK as the server shows them; of the columns that it names, the row is none."""
    expression = over_table(table, constraint.expression)
    if expression is None or expression == constraint.expression:
        return constraint
    columns = tuple(c for c in constraint.columns if c != table.name.name)
    return replace(constraint, expression=expression, columns=columns)


def index_over_table(table: Table, index: Index) -> Index:
    """Write whole rows in the keys and the predicate of an index as the server shows them."""
    keys = tuple(replace(k, expression=over_table(table, k.expression)) for k in index.keys)
    return replace(index, keys=keys, predicate=over_table(table, index.predicate))
