"""How the server stores values of a type when nothing else is said."""

from __future__ import annotations

from migrate_safe.model.schema import Column

_PLAIN_TYPES = frozenset(
    """
    bigint integer smallint boolean real uuid date money oid xid tid "char" name macaddr macaddr8 point line lseg box
    circle pg_lsn interval time timestamp tsquery
    """.split()
) | {"double precision", "time with time zone", "timestamp with time zone"}
_PLAIN_TYPES |= {"time without time zone", "timestamp without time zone"}
_MAIN_TYPES = frozenset({"numeric", "inet", "cidr"})


def usual_storage(column: Column) -> str:
    """Give the storage that a column of its type has at first; types of users that are no arrays are not judged."""
    if column.type.dimensions:
        return "EXTENDED"
    if column.type.name in _MAIN_TYPES:
        return "MAIN"
    return "PLAIN" if column.type.name in _PLAIN_TYPES and column.type.schema is None else "EXTENDED"
