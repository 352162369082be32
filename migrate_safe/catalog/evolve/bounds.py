"""What the server refuses of a partition's bound: another strategy, an empty range, an overlap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from migrate_safe.catalog.change import CannotApply, detaching_from
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Table
from migrate_safe.sql.bounds import (
    Bound,
    Everything,
    HashBound,
    ListBound,
    RangeBound,
    bound_of,
    partition_key_of,
    wrong_in_bound,
)

_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "oid"})
_MOMENTS = frozenset({"date", "timestamp without time zone"})
_IN_A_ZONE = "timestamp with time zone"
_FAR = {"MINVALUE": -1, "MAXVALUE": 1}

Value = Decimal | datetime
End = tuple[tuple[int, Value | None], ...]


def refuse_bound(schema: Schema, parent: Table, text: str, partition: Name) -> None:
    """Refuse a bound that the server certainly refuses beside the partitions that are there."""
    key, bound = partition_key_of(parent.partition_key or ""), bound_of(text)
    if (wrong := wrong_in_bound(text)) is not None:
        raise CannotApply(f"cannot use {wrong} in the bound of partition {partition}")
    if key is None or bound is None:
        return
    _refuse_strategy(parent, key.strategy, bound, len(key.columns))
    there = (*schema.partitions_of(parent.name), *detaching_from(schema, parent))
    others = [(p, bound_of(p.partition_bound or "")) for p in there if p.name != partition]
    types = [_type(parent, c) for c in key.columns]
    if isinstance(bound, RangeBound) and _is_empty(bound, types):
        raise CannotApply(f"empty range bound specified for partition {partition}")
    for other, taken in others:
        if taken is not None and _overlap(bound, taken, types):
            raise CannotApply(f"partition {partition} would overlap partition {other.name}")
    if isinstance(bound, HashBound):
        _refuse_modulus(bound, [t for _, t in others if isinstance(t, HashBound)])


def _type(table: Table, column: str | None) -> str:
    known = table.column(column) if column is not None else None
    return known.type.name if known is not None else ""


def _refuse_strategy(parent: Table, strategy: str, bound: Bound, keys: int) -> None:
    wanted = {"list": ListBound, "range": RangeBound, "hash": HashBound}.get(strategy)
    if isinstance(bound, Everything):
        if strategy == "hash":
            raise CannotApply(f"hash-partitioned table {parent.name} may not have a default partition")
    elif wanted is not None and not isinstance(bound, wanted):
        raise CannotApply(f"invalid bound specification for a {strategy} partition of {parent.name}")
    if isinstance(bound, RangeBound) and (len(bound.low), len(bound.high)) != (keys, keys):
        raise CannotApply(f"FROM and TO of a partition of {parent.name} must name one value per partition column")
    if isinstance(bound, HashBound) and not 0 <= bound.remainder < bound.modulus:
        raise CannotApply("remainder for hash partition must be less than modulus")


def _refuse_modulus(bound: HashBound, others: Sequence[HashBound]) -> None:
    """Every modulus has to be a factor of the next larger one."""
    moduli = sorted({bound.modulus, *(o.modulus for o in others)})
    if any(large % small for small, large in pairwise(moduli)):
        raise CannotApply("every hash partition modulus must be a factor of the next larger modulus")


def _overlap(one: Bound, two: Bound, types: Sequence[str]) -> bool:
    match one, two:
        case Everything(), Everything():
            return True
        case ListBound(), ListBound():
            return any(_same_value(a, b, types[0]) for a in one.values for b in two.values)
        case RangeBound(), RangeBound():
            ends = [_end(e, types) for e in (one.low, one.high, two.low, two.high)]
            return None not in ends and _before(ends[0], ends[3]) and _before(ends[2], ends[1])
        case HashBound(), HashBound():
            small = min(one.modulus, two.modulus)
            return one.remainder % small == two.remainder % small
        case _:
            return False


def _same_value(one: str | None, two: str | None, type_name: str) -> bool:
    if one is None or two is None:
        return one is two
    if type_name in _NUMBERS or type_name in _MOMENTS or type_name == _IN_A_ZONE:
        a, b = _value(one, type_name), _value(two, type_name)
        return a is not None and a == b
    return one == two


def _is_empty(bound: RangeBound, types: Sequence[str]) -> bool:
    low, high = _end(bound.low, types), _end(bound.high, types)
    return low is not None and high is not None and not _before(low, high)


def _end(parts: Sequence[str], types: Sequence[str]) -> End | None:
    """Give one end of a range in a form that can be compared, None where the order of its values is not known."""
    found: list[tuple[int, Value | None]] = []
    for part, type_name in zip(parts, types, strict=False):
        if part in _FAR:
            found.append((_FAR[part], None))
            break
        value = _value(part[1:], type_name)
        if value is None:
            return None
        found.append((0, value))
    return tuple(found)


def _before(one: End | None, two: End | None) -> bool:
    """Say whether one end comes before another; ends that are equal so far are equal."""
    for (far_one, value_one), (far_two, value_two) in zip(one or (), two or (), strict=False):
        if far_one != far_two:
            return far_one < far_two
        if value_one is not None and value_two is not None and value_one != value_two:
            return bool(value_one < value_two)  # type: ignore[operator]  # both of the column's type
    return False


def comparable(one: str, two: str, type_name: str) -> int | None:
    """Compare two constants of a type: below 0, 0 or above 0; None where their order is not known here."""
    a, b = _value(one, type_name), _value(two, type_name)
    if a is None or b is None:
        return None
    return (a > b) - (a < b)  # type: ignore[operator]  # both of the same type


def _value(text: str, type_name: str) -> Value | None:
    try:
        if type_name in _NUMBERS:
            return Decimal(text)
        if type_name == "date":
            return datetime.combine(date.fromisoformat(text), datetime.min.time())
        if type_name in _MOMENTS:
            return datetime.fromisoformat(text).replace(tzinfo=None)
        if type_name == _IN_A_ZONE:  # without a zone it is one of the session's
            return moment if (moment := datetime.fromisoformat(text)).tzinfo is not None else None
    except (InvalidOperation, ValueError):
        return None
    return None
