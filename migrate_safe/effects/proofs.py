"""What valid constraints prove about every row."""

from __future__ import annotations

from migrate_safe.model.schema import Constraint, ConstraintKind
from migrate_safe.sql.canonical import not_null_columns


def proves_not_null(constraint: Constraint, column: str) -> bool:
    """Say whether a constraint proves that a column is never NULL.

    Only a valid CHECK does whose condition is `column IS NOT NULL`, or a conjunction with such a part:
    a CHECK like `column > 0` lets NULL pass.
    """
    if constraint.kind is not ConstraintKind.CHECK or constraint.expression is None:
        return False
    if not (constraint.validated and constraint.enforced):
        return False
    return column in not_null_columns(constraint.expression.sql)
