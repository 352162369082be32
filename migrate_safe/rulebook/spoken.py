"""Names and lists of them as people say them."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.model.names import Name

_MOST = 4


def plain(name: Name) -> str:
    """Write a name without the schema where it is the usual one."""
    return str(Name(None, name.name) if name.schema == "public" else name)


def listed(texts: Iterable[str]) -> str:
    """Write texts one after the other: `a, b and c`; of many the first ones, and how many more there are."""
    found = list(texts)
    if len(found) > _MOST:
        found = [*found[: _MOST - 1], f"{len(found) - _MOST + 1} more"]
    return " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))
