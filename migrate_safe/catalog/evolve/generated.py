"""How the expressions of generated columns change and go."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply, family, need_column, put, put_column
from migrate_safe.catalog.evolve.column_rules import refuse_expression
from migrate_safe.catalog.evolve.columns import involves, refuse_only
from migrate_safe.catalog.evolve.inheritance import handed_column
from migrate_safe.model.schema import ConstraintKind, Generated, Schema, Table
from migrate_safe.model.statement import DropExpression, SetExpression
from migrate_safe.model.values import replace

_SET_EXPRESSION = 17
"""The first major version with SET EXPRESSION."""
_DEEP = 18
"""Before this major version DROP EXPRESSION is refused where a child has children."""


def set_expression(schema: Schema, table: Table, action: SetExpression, *, only: bool = False) -> Schema:
    """Give a generated column another expression, in the children as well."""
    column = need_column(schema, table, action.column)
    if schema.server_version < _SET_EXPRESSION:
        raise CannotApply("SET EXPRESSION exists from PostgreSQL 17 on")
    if column is not None and column.generated is None:
        raise CannotApply(f"column {action.column!r} of {table.name} is not a generated column")
    if column is not None and column.generated is Generated.VIRTUAL:
        checks = [c for c in table.constraints if c.kind is ConstraintKind.CHECK and involves(c, action.column)]
        if checks:
            raise CannotApply(f"SET EXPRESSION is not supported for virtual columns in check constraints: {table.name}")
    refuse_expression(table, action.column, action.expression)
    for name in sorted(action.expression.columns):
        need_column(schema, table, name)
    for member in family(schema, table, only=only):
        known = member.column(action.column)
        changed = put_column(member, replace(known, default=action.expression)) if known is not None else member
        schema = put(schema, changed)
    return schema


def drop_expression(schema: Schema, table: Table, action: DropExpression, *, only: bool = False) -> Schema:
    """Make a generated column a plain one that keeps its values, in the children as well."""
    column = need_column(schema, table, action.column)
    for parent in (table,) if only else schema.partitions_of(table.name) if schema.server_version < _DEEP else ():
        refuse_only(schema, parent, "DROP EXPRESSION must be applied to")
    if column is not None and handed_column(schema, table, action.column):
        raise CannotApply(f"cannot drop generation expression from inherited column {action.column!r} of {table.name}")
    if column is not None and column.generated is Generated.VIRTUAL:
        raise CannotApply(f"DROP EXPRESSION is not supported for virtual generated column {action.column!r}")
    if column is not None and column.generated is None:
        if action.if_exists:
            return put(schema, table)
        raise CannotApply(f"column {action.column!r} of {table.name} is not a generated column")
    for member in family(schema, table, only=only):
        known = member.column(action.column)
        changed = replace(known, default=None, generated=None) if known is not None else None
        schema = put(schema, put_column(member, changed) if changed is not None else member)
    return schema
