"""What the server refuses while a cursor of the same session reads a table."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import is_partitioned
from migrate_safe.effects import dml
from migrate_safe.effects.combine import Scene, family
from migrate_safe.model.names import Name
from migrate_safe.model.said import Cluster
from migrate_safe.model.statement import (
    Action,
    AlterTable,
    AttachPartition,
    CreateIndex,
    DetachPartition,
    Dml,
    DropTable,
    DropView,
    Other,
    RefreshView,
    Truncate,
)


def read_by_cursor(scene: Scene, action: Action) -> str | None:
    """Say which relation a statement works on that an open cursor surely reads, or None.

    Sure is only a cursor that reads one relation without a condition: another plan may pass over a table.
    """
    queries = [c.query.action for c in scene.session.names.cursors.values() if c.query is not None]
    if not queries:
        return None
    plain = [q for q in queries if isinstance(q, Dml) and len(q.reads) == 1 and not q.filtered]
    used = {lock.relation for q in plain for lock in dml.planned(scene, q).locks}
    found = [n for n in worked_on(scene, action) if n in used]
    return f"a cursor of this session still reads {found[0]}" if found else None


def worked_on(scene: Scene, action: Action) -> Iterable[Name]:
    """Give the relations that a statement works on as the server does not while the session still uses them."""
    match action:
        case AlterTable(table=table, actions=actions, only=only):
            whole = not all(isinstance(a, (AttachPartition, DetachPartition)) for a in actions)
            return _rows_of(scene, (table,), only=only) if whole else ()
        case DropTable(tables=tables) | Truncate(tables=tables):
            return _rows_of(scene, tables)
        case CreateIndex(table=table) | RefreshView(view=table) | Other(says=Cluster(table=Name() as table)):
            return _rows_of(scene, (table,))
        case DropView(views=views, materialized=True):
            return [scene.schema.resolve(v) for v in views]
        case _:
            return ()


def _rows_of(scene: Scene, tables: Iterable[Name], *, only: bool = False) -> list[Name]:
    """Give the tables, and those below, that have rows of their own: only these does a plan keep open."""
    members = [m for t in tables for m in family(scene.schema, scene.table(t), only=only)]
    return [m.name for m in members if not is_partitioned(m)]
