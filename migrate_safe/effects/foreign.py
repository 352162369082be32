"""What statements about foreign data wrappers, servers and user mappings do."""

from __future__ import annotations

from migrate_safe.catalog.evolve.foreign import foreign_tables, things_below
from migrate_safe.effects.combine import Scene, breaking, merge
from migrate_safe.effects.tables import drop_table
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.names import Name
from migrate_safe.model.statement import DropForeign, DropTable, ForeignAction, ForeignKind


def foreign_action(scene: Scene, action: ForeignAction) -> Effect:
    """Lock nothing, unless CASCADE drops foreign tables."""
    if not isinstance(action, DropForeign):
        return Effect()
    gone = [breaking(BreakKind.GONE, f"{action.kind} {n}") for n in action.names]
    dropped = [_dropped(scene, action.kind, n) for n in action.names] if action.cascade else []
    return merge(*gone, *dropped)


def _dropped(scene: Scene, kind: ForeignKind, name: Name) -> Effect:
    tables = foreign_tables(scene.schema, name) if kind is ForeignKind.SERVER else ()
    below = things_below(scene.schema, kind, name) if kind is ForeignKind.WRAPPER else ()
    parts = [_dropped(scene, ForeignKind(t.kind), t.name) for t in below]
    return merge(*parts, drop_table(scene, DropTable(tables, cascade=True, foreign=True)))
