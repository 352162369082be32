"""Which texts are no value of a type, as its input function reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, TypeName

_BOUNDS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
_NEWER_NUMBER = re.compile(r"[+-]?(0[xob][0-9a-f_]+|\d[\d_.e+-]*)|0x.*", re.IGNORECASE)
"""Numbers that PostgreSQL 16 and later read: of another base, or with underscores."""
_UUID = re.compile(r"\{?([0-9a-f]{4}-?){7}[0-9a-f]{4}\}?", re.IGNORECASE)
_TRUTH = re.compile(r"t(r(ue?)?)?|f(a(l(se?)?)?)?|y(es?)?|no?|on|off?|1|0", re.IGNORECASE)
_MOMENT = re.compile(r"\d|now|today|tomorrow|yesterday|epoch|infinity|allballs", re.IGNORECASE)
_NO_DAY = re.compile(r"\s*0000-00-00")
"""What other databases store for no date."""
_MOMENTS = (
    "date",
    "timestamp without time zone",
    "timestamp with time zone",
    "time without time zone",
    "time with time zone",
)


def is_no_value(schema: Schema, text: str, type_name: TypeName) -> bool:
    """Say whether a text certainly is no value of a type; the domains over it are not looked at."""
    if type_name.dimensions:
        return not (text.strip().startswith("{") or "=" in text)
    if type_name.schema is None:
        check = _CHECKS.get(type_name.name)
        return check is not None and check(text)
    labels = schema.enums.get(Name(type_name.schema, type_name.name))
    return schema.complete and labels is not None and text not in labels


def _is_no_whole(bound: int) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        number = text.strip()
        if _WHOLE.fullmatch(number):
            return not -bound <= int(number) < bound
        return "." in number or _NEWER_NUMBER.fullmatch(number) is None

    return check


def _is_no_number(text: str) -> bool:
    number = text.strip()
    return _NUMBER.fullmatch(number) is None and _NEWER_NUMBER.fullmatch(number) is None


def _is_no_moment(text: str) -> bool:
    return _MOMENT.search(text) is None or _NO_DAY.match(text) is not None


def _is_no_json(text: str) -> bool:
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except ValueError:
        return True
    except RecursionError:
        return False
    return False


def _no_constant(word: str) -> str:
    raise ValueError(word)


_CHECKS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        **{name: _is_no_whole(bound) for name, bound in _BOUNDS.items()},
        **dict.fromkeys(("numeric", "real", "double precision"), _is_no_number),
        **dict.fromkeys(_MOMENTS, _is_no_moment),
        **dict.fromkeys(("json", "jsonb"), _is_no_json),
        "boolean": lambda text: _TRUTH.fullmatch(text.strip()) is None,
        "uuid": lambda text: _UUID.fullmatch(text) is None,
    }
)
