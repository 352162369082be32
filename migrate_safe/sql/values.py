"""Constants and calls as values: their types, and the text of those that wait for one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from msgspec import Struct

from migrate_safe.model.schema import TypeName
from migrate_safe.sql.expressions import value_function
from migrate_safe.sql.names import dotted, strings
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree
from migrate_safe.sql.typenames import type_of

_BIGINT = 2**63 - 1
_STAMP_TZ = "timestamp with time zone"
_GIVES = {
    **dict.fromkeys(
        (
            "now clock_timestamp statement_timestamp transaction_timestamp current_timestamp pg_postmaster_start_time"
        ).split(),
        _STAMP_TZ,
    ),
    "localtimestamp": "timestamp without time zone",
    "current_date": "date",
    "current_time": "time with time zone",
    "localtime": "time without time zone",
    "gen_random_uuid": "uuid",
    "uuidv4": "uuid",
    "uuidv7": "uuid",
    "nextval": "bigint",
    "random": "double precision",
    **dict.fromkeys("current_user session_user user current_role current_schema current_catalog".split(), "name"),
}
"""Functions of the server that stand in defaults -> what every variant of them without arguments gives."""


class Value(Struct, frozen=True):
    """A constant or a call: `type` is its type, None for one that waits for the type of where it goes.

    `text` is what a string constant says, also a cast one, or the digits of a whole number.
    """

    type: TypeName | None
    text: str | None = None


@lru_cache(maxsize=4096)
def value_of(sql: str) -> Value | None:
    """Read an expression that is a constant, a cast one, or a call whose type is known; None for anything else."""
    try:
        tree = parse_tree(f"SELECT {sql}")[0].node
    except Unreadable:
        return None
    return _value(inner(tree.target_list[0].res_target.val)) if len(tree.target_list) == 1 else None


def constant_type(sql: str, otherwise: TypeName) -> TypeName | None:
    """Give the type of a constant, `otherwise` where it takes that of where it stands; None where it is not known."""
    value = value_of(sql)
    return None if value is None else value.type or otherwise


def _value(node: Any) -> Value | None:
    match kind_of(node):
        case "A_Const":
            return _constant(node)
        case "A_Expr" if not node.HasField("lexpr") and kind_of(inner(node.rexpr)) == "A_Const":
            return _signed(strings(node.name)[-1], _constant(inner(node.rexpr)))
        case "TypeCast":
            inside = _value(inner(node.arg))
            text = inside.text if inside is not None and inside.type is None else None
            return Value(type_of(node.type_name), text)
        case "FuncCall":
            name = dotted(node.funcname)
            given = _GIVES.get(name.name) if name.schema in (None, "pg_catalog") else None
            return Value(TypeName(given)) if given is not None else None
        case "SQLValueFunction":
            return Value(TypeName(given)) if (given := _GIVES.get(value_function(node))) is not None else None
        case _:
            return None


def _signed(sign: str, value: Value | None) -> Value | None:
    if sign not in ("+", "-") or value is None or value.type is None:
        return None
    return Value(value.type, sign + value.text if value.text is not None else None)


def _constant(node: Any) -> Value | None:
    match node.WhichOneof("val"):
        case "ival":
            return Value(TypeName("integer"), str(node.ival.ival))
        case "fval":
            digits = node.fval.fval.replace("_", "")
            whole = digits.isdigit() and int(digits) <= _BIGINT
            return Value(TypeName("bigint"), digits) if whole else Value(TypeName("numeric"))
        case "boolval":
            return Value(TypeName("boolean"))
        case "sval":
            return Value(None, node.sval.sval)
        case _:
            return None
