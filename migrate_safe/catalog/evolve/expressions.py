"""What the server refuses of expressions in indexes, constraints and generated columns."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import CannotApply
from migrate_safe.model.schema import Column, Expr
from migrate_safe.sql.conditions import has_subquery
from migrate_safe.sql.mutable import session_bound

_NOT_IMMUTABLE = frozenset(
    """
    now random clock_timestamp statement_timestamp transaction_timestamp timeofday gen_random_uuid nextval currval
    current_date current_time current_timestamp localtime localtimestamp current_user session_user current_role user
    current_catalog current_schema current_setting to_char pg_backend_pid txid_current
    concat concat_ws format array_to_string to_date to_number row_to_json to_json to_jsonb jsonb_build_object
    json_build_object jsonb_build_array json_build_array
    """.split()
)
"""Well-known functions that are not immutable, whatever their arguments."""


def refuse_mutable(expression: Expr | None, where: str, columns: Iterable[Column] = ()) -> None:
    """Refuse an expression that calls a function which is known not to be immutable, by the types of `columns` too."""
    for function in sorted(expression.functions, key=str) if expression is not None else ():
        if function.schema in (None, "pg_catalog") and function.name in _NOT_IMMUTABLE:
            raise CannotApply(f"functions in {where} must be marked IMMUTABLE: {function}")
    types = {c.name: c.type.name for c in columns if c.type.schema is None and not c.type.dimensions}
    bound = session_bound(expression.sql, types) if expression is not None and not expression.constant else None
    if bound is not None:
        raise CannotApply(f"functions in {where} must be marked IMMUTABLE: {bound}")


def refuse_subquery(expression: Expr | None, where: str) -> None:
    """Refuse an expression with a query inside."""
    if expression is not None and has_subquery(expression.sql):
        raise CannotApply(f"cannot use subquery in {where}")
