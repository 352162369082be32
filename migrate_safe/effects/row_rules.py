"""What a table's own rules refuse of rows that a statement writes: keys, NOT NULL and CHECK."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate_safe.catalog.change import is_partitioned, keeps_apart
from migrate_safe.effects.combine import Scene, family, merge
from migrate_safe.effects.doubts import Rows
from migrate_safe.model.effect import Effect
from migrate_safe.model.schema import ConstraintKind, Index, Table
from migrate_safe.model.statement import Conflict, Dml, DmlKind


def refused_rows(scene: Scene, kind: DmlKind, table: Table, action: Dml) -> Effect:
    """Say which rows are refused, in the partitions and children too that the statement reaches."""
    changed = frozenset(action.columns) if kind is DmlKind.UPDATE else None
    conflict = action.conflict if kind is DmlKind.INSERT else None
    deep = is_partitioned(table) or kind in (DmlKind.UPDATE, DmlKind.MERGE)
    members = family(scene.schema, table, only=not deep or table.name in action.only)
    found = (_by_member(m, changed, conflict, own=m is not table) for m in members)
    return merge(*(effect for effects in found for effect in effects))


def _by_member(
    table: Table, changed: frozenset[str] | None, conflict: Conflict | None, *, own: bool
) -> Iterator[Effect]:
    """Give the rules of a table; `own` leaves out those that it has from its parents."""

    def concerns(columns: Iterable[str]) -> bool:
        return changed is None or not changed.isdisjoint(columns)

    for index in table.indexes:
        keeps = (index.unique or keeps_apart(table, index)) and not (own and index.parent is not None)
        if keeps and concerns(_columns(index)) and not _is_sought(index, conflict):
            yield Rows.DUPLICATES.effect(table.name, index.constraint or index.name or "a key")
    needed = [c.name for c in table.columns if c.not_null and concerns((c.name,)) and (c.local or not own)]
    if needed:
        yield Rows.NULLS.effect(table.name, ", ".join(needed))
    for check in table.constraints:
        own_words = check.kind is ConstraintKind.CHECK and check.enforced and (check.local or not own)
        if own_words and check.expression is not None and concerns(check.expression.columns):
            yield Rows.BREAKING.effect(table.name, check.name or "a CHECK")


def _columns(index: Index) -> frozenset[str]:
    used = [e.columns for e in (index.predicate, *(k.expression for k in index.keys)) if e is not None]
    return frozenset(k.column for k in index.keys if k.column is not None).union(*used)


def _is_sought(index: Index, conflict: Conflict | None) -> bool:
    """Say whether ON CONFLICT sees to it that rows are not refused by an index."""
    if conflict is None:
        return False
    if conflict.constraint is not None:
        return index.constraint == conflict.constraint
    return not conflict.looks_for_index or set(conflict.columns) == _columns(index)
