"""What the server refuses of expressions in indexes, constraints and generated columns."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply
from migrate_safe.model.schema import Expr
from migrate_safe.sql.conditions import has_subquery

_NOT_IMMUTABLE = frozenset(
    """
    now random clock_timestamp statement_timestamp transaction_timestamp timeofday gen_random_uuid nextval currval
    current_date current_time current_timestamp localtime localtimestamp current_user session_user current_role user
    current_catalog current_schema current_setting to_char pg_backend_pid txid_current
    """.split()
)
"""Well-known functions that are not immutable, whatever their arguments."""


def refuse_mutable(expression: Expr | None, where: str) -> None:
    """Refuse an expression that calls a function which is known not to be immutable."""
    for function in sorted(expression.functions, key=str) if expression is not None else ():
        if function.schema in (None, "pg_catalog") and function.name in _NOT_IMMUTABLE:
            raise CannotApply(f"functions in {where} must be marked IMMUTABLE: {function}")


def refuse_subquery(expression: Expr | None, where: str) -> None:
    """Refuse an expression with a query inside."""
    if expression is not None and has_subquery(expression.sql):
        raise CannotApply(f"cannot use subquery in {where}")
