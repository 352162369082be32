"""The collations of index keys, beside those of the columns that they are over."""

from __future__ import annotations

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Index, IndexKey, Table
from migrate_safe.model.values import replace
from migrate_safe.sql.collating import collating_columns

_DEFAULT = "default"


def index_collated(table: Table, index: Index) -> Index:
    """Give a new index the collations that the catalog shows: that of its column is none, an expression takes one."""
    return replace(index, keys=tuple(_new_key(table, k) for k in index.keys))


def _new_key(table: Table, key: IndexKey) -> IndexKey:
    over = (key.column,) if key.column is not None else _passed_on(key)
    found = [c.collation for c in map(table.column, over) if c is not None and c.collation is not None]
    own = found[0] if found else None
    if key.column is None:
        own = Name(None, own.name) if own is not None else None
        return replace(key, collation=_kept(key.collation) if key.collation is not None else own)
    if own is None:
        return replace(key, collation=_kept(key.collation))
    return replace(key, collation=None) if key.collation is not None and key.collation.name == own.name else key


def _kept(collation: Name | None) -> Name | None:
    return None if collation is not None and collation.name == _DEFAULT else collation


def _passed_on(key: IndexKey) -> list[str]:
    return sorted(collating_columns(key.expression.sql)) if key.expression is not None else []


def indexes_follow(table: Table, before: Column, after: Column) -> Table:
    """Let the keys over a column take its new collation, but for those that have one of their own."""
    old = before.collation.name if before.collation is not None else None
    new = after.collation.name if after.collation is not None else None
    if old == new:
        return table

    def key(held: IndexKey) -> IndexKey:
        own = held.collation.name if held.collation is not None else None
        if held.column == after.name:
            return replace(held, collation=None if own == (new or _DEFAULT) else held.collation)
        if own != old or after.name not in _passed_on(held):
            return held
        return replace(held, collation=Name(None, new) if new is not None else None)

    return replace(table, indexes=tuple(replace(i, keys=tuple(map(key, i.keys))) for i in table.indexes))


def keeps_its_order(index: Index, column: str) -> bool:
    """Whether each key over a column has a collation of its own, so that the column's says nothing about its order."""
    return all(k.column is not None and (k.column != column or k.collation is not None) for k in index.keys)
