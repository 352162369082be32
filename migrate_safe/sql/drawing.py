"""Which sequences a statement draws from, and what relations it names in texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.statement import Draw
from migrate_safe.model.values import replace
from migrate_safe.sql.names import strings
from migrate_safe.sql.tree import children, inner, kind_of

_OF_SEQUENCES = frozenset({"nextval", "setval", "currval", "pg_sequence_last_value"})
_OF_COLUMNS = "pg_get_serial_sequence"
_AGGREGATES = frozenset(
    "max min count sum avg bool_and bool_or every array_agg string_agg json_agg jsonb_agg json_object_agg".split()
)
_NEVER_NULL = frozenset({"count", "nextval", "now"})
_RESTRICTING = ("where_clause", "having_clause", "limit_count", "limit_offset")
_LEVELS = 20
"""How deep a value is looked into."""


def draws_among(statement: Any, parts: Iterable[Any]) -> tuple[Draw, ...]:
    """Give the calls of nextval() and the like among the parts of a statement, each sequence once.

    Those are sure that the statement makes for one row at least, with values that are never NULL: the functions are
    strict.
    """
    found = dict.fromkeys(draw for part in parts if (draw := _draw(part)) is not None)
    if not found:
        return ()
    certain = {draw for call in _made(statement) if (draw := _draw(call)) is not None and _has_values(call)}
    return tuple(replace(draw, sure=draw in certain) for draw in found)


def relations_in_texts(parts: Iterable[Any]) -> tuple[Name, ...]:
    """Give the relations that literals name where the server looks these up on reading: as regclass."""
    found = (_looked_up(part) for part in parts)
    return tuple(dict.fromkeys(parse_name(text) for text in found if text and text != "-"))


def _looked_up(part: Any) -> str | None:
    match kind_of(part):
        case "TypeCast" if strings(part.type_name.names)[-1:] == ("regclass",) and not part.type_name.array_bounds:
            return _text(inner(part.arg))
        case "FuncCall" if part.args and strings(part.funcname)[-1] in _OF_SEQUENCES:
            return _text(inner(part.args[0]))
        case _:
            return None


def _draw(part: Any) -> Draw | None:
    if kind_of(part) != "FuncCall" or not part.args or strings(part.funcname)[-1] not in _OF_SEQUENCES:
        return None
    value = _uncast(inner(part.args[0]))
    if kind_of(value) == "FuncCall" and strings(value.funcname)[-1] == _OF_COLUMNS and len(value.args) == 2:
        table, column = (_text(_uncast(inner(argument))) for argument in value.args)
        return Draw(parse_name(table), column) if table is not None and column is not None else None
    text = _text(value)
    return Draw(parse_name(text)) if text is not None else None


def _text(value: Any) -> str | None:
    """Give the text of a literal that names something; a number is an OID."""
    text = str(value.sval.sval) if kind_of(value) == "A_Const" and value.HasField("sval") else ""
    return text if text and not text.isdigit() else None


def _uncast(value: Any) -> Any:
    while kind_of(value) == "TypeCast":
        value = inner(value.arg)
    return value


# ---- what is certain to be called ----------------------------------------------------------


def _made(statement: Any) -> Iterator[Any]:
    """Yield calls that a statement makes whatever rows there are."""
    if kind_of(statement) == "InsertStmt":
        statement = inner(statement.select_stmt) if statement.HasField("select_stmt") else None
    pending = list(_values(statement)) if statement is not None else []
    while pending:
        value = pending.pop()
        match kind_of(value):
            case "FuncCall":
                yield value
                pending += () if _is_aggregate(value) else map(inner, value.args)
            case "TypeCast":
                pending.append(inner(value.arg))
            case "CoalesceExpr":
                pending.append(inner(value.args[0]))
            case "MinMaxExpr":
                pending += map(inner, value.args)
            case "A_Expr" if value.kind == pb.AEXPR_OP:
                pending += [inner(side) for side in (value.lexpr, value.rexpr)]
            case "SubLink" if value.sub_link_type == pb.EXPR_SUBLINK:
                pending += _values(inner(value.subselect))


def _values(select: Any) -> Iterator[Any]:
    """Yield the values of a query that has a row in any case; of WITH none is sure."""
    if kind_of(select) != "SelectStmt" or any(select.HasField(field) for field in _RESTRICTING):
        return
    if select.op == pb.SETOP_UNION:
        yield from (*_values(select.larg), *_values(select.rarg))
    for row in select.values_lists:
        yield from map(inner, inner(row).items)
    targets = [inner(inner(item).val) for item in select.target_list]
    if not select.from_clause or (not select.group_clause and any(map(_aggregates, targets))):
        yield from targets


def _aggregates(value: Any) -> bool:
    """Say whether a value of a query makes one row of all its rows."""
    pending = [value]
    while pending:
        part = pending.pop()
        if kind_of(part) == "FuncCall" and _is_aggregate(part):
            return True
        pending += [p for p in children(part) if kind_of(p) != "SubLink"]
    return False


def _is_aggregate(call: Any) -> bool:
    return strings(call.funcname)[-1] in _AGGREGATES and not call.HasField("over")


def _has_values(call: Any) -> bool:
    return all(_is_never_null(inner(argument)) for argument in call.args[1:])


def _is_never_null(value: Any, level: int = 0) -> bool:
    if level > _LEVELS:
        return False

    def is_never_null(node: Any) -> bool:
        return _is_never_null(inner(node), level + 1)

    match kind_of(value):
        case "A_Const":
            return not value.isnull
        case "NullTest":
            return True
        case "TypeCast":
            return is_never_null(value.arg)
        case "FuncCall":
            return strings(value.funcname)[-1] in _NEVER_NULL
        case "CoalesceExpr" | "MinMaxExpr":
            return any(map(is_never_null, value.args))
        case "A_Expr" if value.kind == pb.AEXPR_OP:
            return is_never_null(value.rexpr) and (not value.HasField("lexpr") or is_never_null(value.lexpr))
        case "SubLink" if value.sub_link_type == pb.EXPR_SUBLINK:
            values = list(_values(inner(value.subselect)))
            return bool(values) and all(_is_never_null(v, level + 1) for v in values)
        case "SubLink":
            return bool(value.sub_link_type == pb.EXISTS_SUBLINK)
        case _:
            return False
