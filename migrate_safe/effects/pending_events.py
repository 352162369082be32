"""Events that deferred constraints and triggers have yet to see: until then their tables cannot be altered."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.evolve.routines import runs_of
from migrate_safe.effects.combine import Scene, family
from migrate_safe.effects.dml import writes
from migrate_safe.effects.doubts import Rows
from migrate_safe.effects.firing import bodies_of_data, carried_by_data, written
from migrate_safe.effects.read_by_cursors import worked_on
from migrate_safe.model.effect import Effect
from migrate_safe.model.names import Name
from migrate_safe.model.said import SetConstraints
from migrate_safe.model.schema import Table
from migrate_safe.model.statement import Action, Dml, DmlKind, DoBlock, Other, Statement
from migrate_safe.model.values import replace

Pending = frozenset[tuple[Name, str]]
"""Tables with the names of the constraints and triggers that wait for the end of the transaction."""

_FAR = (DmlKind.UPDATE, DmlKind.DELETE, DmlKind.MERGE)
_WORDS = {"INSERT": (DmlKind.INSERT, DmlKind.COPY_FROM), "UPDATE": (DmlKind.UPDATE,), "DELETE": (DmlKind.DELETE,)}


def refused_while_pending(scene: Scene, action: Action) -> Effect:
    """Say which rows written before make the server refuse to work on a table in the same transaction."""
    waiting = {table for table, _ in scene.pending}
    found = [n for n in worked_on(scene, action) if n in waiting] if waiting else []
    return Rows.PENDING.effect(found[0]) if found else Effect()


def pending_after(scene: Scene, statement: Statement) -> tuple[Pending, frozenset[str] | None]:
    """Give what waits after a statement, and the constraints that SET CONSTRAINTS deferred: None are all of them."""
    pending, deferred = scene.pending, scene.deferred
    match statement.action:
        case Other(says=SetConstraints(names=names, deferred=True)):
            more = frozenset(n.name for n in names)
            return pending, None if not names or deferred is None else deferred | more
        case Other(says=SetConstraints(names=names)):
            done = {n.name for n in names}
            return (
                frozenset(p for p in pending if names and p[1] not in done),
                deferred - done if deferred is not None and names else frozenset(),
            )
        case Dml() as action:
            pending |= frozenset(_events(scene, action))
    for inside, block in _bodies(scene, statement.action):
        for each in block.inner:
            pending, deferred = pending_after(replace(inside, pending=pending, deferred=deferred), each)
    return pending, deferred


def _bodies(scene: Scene, action: Action) -> Iterator[tuple[Scene, DoBlock]]:
    for run in runs_of(scene.schema, action):
        yield scene.at(run.within(scene.schema)), run.block
    if isinstance(action, Dml):
        yield from bodies_of_data(scene, action)


def _events(scene: Scene, action: Dml) -> Iterator[tuple[Name, str]]:
    for kind, target in writes(action):
        for base in written(scene, target):
            for table in family(scene.schema, scene.table(base), only=target in action.only):
                yield from ((table.name, name) for name in _waiting(scene, table, kind))
    for write in carried_by_data(scene, action):
        for table in family(scene.schema, write.table):
            yield from ((table.name, name) for name in _waiting(scene, table, write.kind))


def _waiting(scene: Scene, table: Table, kind: DmlKind) -> Iterator[str]:
    def waits(name: str | None, *, deferrable: bool, deferred: bool) -> bool:
        return deferred or (deferrable and (scene.deferred is None or name in scene.deferred))

    own = [c for c in table.constraints if kind is not DmlKind.DELETE and c.references is not None]
    far = [c for _, c in scene.schema.referencing(table.name) if kind in _FAR]
    for key in (*own, *far):
        if waits(key.name, deferrable=key.deferrable, deferred=key.deferred):
            yield key.name or ""
    for trigger in table.triggers:
        acts = any(kind in _WORDS.get(event, ()) for event in trigger.events) or kind is DmlKind.MERGE
        if acts and waits(trigger.name, deferrable=trigger.deferrable, deferred=trigger.deferred):
            yield trigger.name
