"""Bounds of partitions as the server keeps them: their values are of the types of the partition key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from types import MappingProxyType
from uuid import UUID

from migrate_safe.catalog.change import CannotApply
from migrate_safe.model.schema import Table, TypeName
from migrate_safe.sql.bounds import Bound, ListBound, RangeBound, bound_of, bound_sql, partition_key_of

_WHOLE = frozenset({"smallint", "integer", "bigint"})
_OTHER_BASE = re.compile(r"[+-]?0[xob]", re.IGNORECASE)
_TRUTHS = MappingProxyType(
    {
        word: truth
        for truth, words in (("true", "true t yes y on 1"), ("false", "false f no n off 0"))
        for word in words.split()
    }
)


def kept_bound(parent: Table, text: str) -> str:
    """Write a bound with its values as the types of the parent's key show them; others stay as they are written.

    Those of timestamptz get no zone where none is given: that of the session is not known here. Raises CannotApply for
    a value that is none of its type.
    """
    key, bound = partition_key_of(parent.partition_key or ""), bound_of(text)
    if key is None or bound is None:
        return text
    types = [_type(parent, c) for c in key.columns]
    changed = _converted(bound, types)
    return text if changed == bound else bound_sql(changed)


def _type(table: Table, column: str | None) -> TypeName | None:
    known = table.column(column) if column is not None else None
    return known.type if known is not None and not known.type.dimensions else None


def _converted(bound: Bound, types: list[TypeName | None]) -> Bound:
    match bound:
        case ListBound(values=values):
            kept = (_value(v, types[0]) if v is not None else None for v in values)
            return ListBound(tuple(dict.fromkeys(kept)))
        case RangeBound(low=low, high=high):
            ends = (tuple(_end(e, t) for e, t in zip(end, types, strict=False)) for end in (low, high))
            return RangeBound(*ends) if len(low) == len(high) == len(types) else bound
        case _:
            return bound


def _end(text: str, type_name: TypeName | None) -> str:
    return f"={_value(text[1:], type_name)}" if text.startswith("=") else text


def _value(text: str, type_name: TypeName | None) -> str:
    if type_name is None or type_name.schema not in (None, "pg_catalog"):
        return text
    convert = _CONVERSIONS.get(type_name.name)
    if convert is None:
        return text
    try:
        return convert(text if convert is _sized else text.strip(), type_name)
    except (ValueError, InvalidOperation):
        return text


def _whole(text: str, type_name: TypeName) -> str:
    if _OTHER_BASE.match(text):
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise CannotApply(f"invalid input syntax for type {type_name.name}: {text!r}") from None
    return str(int(number)) if number == number.to_integral_value() else text


def _numeric(text: str, type_name: TypeName) -> str:
    number = Decimal(text)
    scale = type_name.modifiers[1] if len(type_name.modifiers) > 1 else None
    return f"{number:f}" if scale is None else f"{number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP):f}"


def _date(text: str, _: TypeName) -> str:
    return datetime.fromisoformat(_padded(text)).date().isoformat()


def _timestamp(text: str, type_name: TypeName) -> str:
    """Write a moment without time zone; a zone that is given does not count."""
    moment = datetime.fromisoformat(_padded(text)).replace(tzinfo=None)
    if type_name.modifiers and moment.microsecond:
        return text
    return moment.isoformat(" ").rstrip("0").removesuffix(".") if moment.microsecond else moment.isoformat(" ")


def _zoned(text: str, type_name: TypeName) -> str:
    """Write a moment of the session's time zone; one of another zone keeps that."""
    zone = datetime.fromisoformat(_padded(text)).strftime("%z")
    return _timestamp(text, type_name) + (f"{zone[:3]}:{zone[3:]}".removesuffix(":00") if zone else "")


def _padded(text: str) -> str:
    """Give `2024-1-5` two digits for month and day."""
    day, space, rest = text.replace("T", " ").partition(" ")
    parts = day.split("-")
    return "-".join(p.zfill(2) for p in parts) + space + rest if len(parts) > 1 else text


def _uuid(text: str, _: TypeName) -> str:
    return str(UUID(text))


def _boolean(text: str, _: TypeName) -> str:
    return _TRUTHS.get(text.lower(), text)


def _sized(text: str, type_name: TypeName) -> str:
    if type_name.modifiers and text[type_name.modifiers[0] :].strip(" "):
        raise CannotApply(f"value too long for type {type_name}: {text!r}")
    return text


_CONVERSIONS: Mapping[str, Callable[[str, TypeName], str]] = MappingProxyType(
    {
        **dict.fromkeys(_WHOLE, _whole),
        "numeric": _numeric,
        "date": _date,
        "timestamp without time zone": _timestamp,
        "timestamp with time zone": _zoned,
        "uuid": _uuid,
        "character varying": _sized,
        "boolean": _boolean,
    }
)
