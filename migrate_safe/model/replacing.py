"""Copies of values with some fields changed, as of `dataclasses.replace`, in a third of its time.

Each statement makes some thirty of them, of schemas and tables with many fields: that was a tenth of the time of lint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import replace as replace  # mypy holds its arguments to the fields
else:

    def replace(value, /, **changes):
        """Give a copy, with some fields changed, of a frozen dataclass with slots and without `__post_init__`."""
        copied, setters = _copying(type(value))
        copy = copied(value)
        for name, changed in changes.items():
            setters[name](copy, changed)
        return copy


@cache
def _copying(kind: type) -> tuple[Callable[[Any], Any], Mapping[str, Callable[..., None]]]:
    """Give what copies a value of a class, and what sets a field, past the frozen front.

    The copying is written out field by field, as the standard library does it for `__init__`: a loop takes twice the
    time.
    """
    setters = {field.name: getattr(kind, field.name).__set__ for field in fields(kind)}
    lines = [f"    set_{name}(copy, value.{name})" for name in setters]
    names: dict[str, Any] = {f"set_{name}": setter for name, setter in setters.items()}
    names |= {"kind": kind, "new": object.__new__}
    exec("\n".join(["def copied(value):", "    copy = new(kind)", *lines, "    return copy"]), names)  # noqa: S102 - names of fields
    return names["copied"], setters
