"""What comments, grants, owners and the like do: words about objects that leave their contents alone."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.evolve.holders import Holder, every_holder
from migrate_safe.catalog.evolve.rights import only_for
from migrate_safe.catalog.privileges import role_name
from migrate_safe.effects.combine import Scene, breaking, index_names, locking, merge
from migrate_safe.effects.doubts import Rows
from migrate_safe.effects.unknown import Unknown, known_relations
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.said import Comment, Grants, OwnedBy, RoleChange, SecurityLabel, Target
from migrate_safe.model.statement import Other

_AX = LockMode.ACCESS_EXCLUSIVE
_GRANT_LOCKS = 18
"""From this major version on GRANT and REVOKE lock the relations that they name, in the weakest mode."""
_RELATIONS = frozenset({"table", "view", "materialized view", "index", "sequence", "foreign table", "column"})
_ON_RELATIONS = frozenset({"tabconstraint", "trigger", "policy", "rule"})


def other(scene: Scene, action: Other) -> Effect | None:
    """Give the effect of a statement about rights, owners or comments; None for those about something else."""
    match action.says:
        case Comment(target=target) | SecurityLabel(target=target):
            return _spoken_of(scene, target)
        case Grants() as change:
            return _grant(scene, change, action.objects)
        case OwnedBy() as change:
            return merge(_owned(scene, change), *(Rows.HELD.effect(r) for r in change.roles))
        case RoleChange(verb="drop", roles=roles):
            return merge(*(Rows.HELD.effect(r) for r in roles))
        case _:
            return None


def _spoken_of(scene: Scene, target: Target) -> Effect:
    """COMMENT ON and SECURITY LABEL lock a relation against DDL; for what is on one a look at it is enough."""
    if target.kind in _RELATIONS:
        return locking(LockMode.SHARE_UPDATE_EXCLUSIVE, scene.schema.resolve(target.name))
    if target.kind in _ON_RELATIONS:
        return locking(LockMode.ACCESS_SHARE, scene.schema.resolve(target.name))
    return Effect()


def _grant(scene: Scene, change: Grants, objects: Iterable[Name]) -> Effect:
    """GRANT and REVOKE lock the relations that they name; ALL TABLES IN SCHEMA names none."""
    named = [scene.schema.resolve(t.name) for t in change.targets if t.kind in ("table", "sequence")]
    locks = Effect()
    if scene.version >= _GRANT_LOCKS and not change.everywhere:
        locks = locking(LockMode.ACCESS_SHARE, *known_relations(scene.schema, named))
    if change.grant or change.option:
        return locks
    return merge(locks, *(breaking(BreakKind.WRITE_REFUSED, str(o)) for o in objects))


def _owned(scene: Scene, change: OwnedBy) -> Effect:
    """REASSIGN OWNED locks all that changes hands as OWNER TO does; DROP OWNED drops it."""
    roles = {role_name(scene.schema, r) for r in change.roles}
    holders = list(every_holder(scene.schema))
    relations = [h for h in holders if h.target.kind in ("table", "sequence")]
    if not scene.schema.complete or any(h.owner is None for h in relations):
        return Unknown.OWNED.effect(", ".join(sorted(roles)))
    found = [h for h in holders if h.owner in roles]
    if change.to is None:
        freed = [t.name for t in scene.schema.tables.values() if any(only_for(p, roles) for p in t.policies)]
        return merge(_dropped(found), locking(_AX, *freed))
    return merge(*(changing_hands(scene, h.target.name) for h in found if h in relations))


def _dropped(found: list[Holder]) -> Effect:
    """Say that DROP OWNED is not followed where there is something to drop; otherwise it takes grants away."""
    if not found:
        return Effect()
    return Unknown.DROPPED.effect(found[0].target.name)


def changing_hands(scene: Scene, name: Name) -> Effect:
    """OWNER TO: the relation with its indexes and the sequences of its columns."""
    table = scene.schema.tables.get(name) or scene.schema.views.get(name)
    indexes = () if table is None else tuple(Name(name.schema, i.name) for i in table.indexes if i.name is not None)
    known = scene.schema.tables.get(name)
    indexes = index_names(known) if known is not None else indexes
    owned = [s.name for s in scene.schema.owned_by(name)]
    return locking(_AX, name, *indexes, *owned)
