"""What an index of a partitioned table does to the partitions: theirs are built, or taken where they have one."""

from __future__ import annotations

from migrate_safe.catalog.change import is_partitioned
from migrate_safe.catalog.evolve.indexes import ALIKE_ON_ATTACH, twin_of
from migrate_safe.effects.combine import Scene, building, locking, merge
from migrate_safe.model.effect import Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, Index, Table


def index_part(scene: Scene, member: Table, index: Index, owner: Constraint | None, *, nested: bool = True) -> Effect:
    """Build the part of an index in a partition and below; one that serves is taken, and locked unless `nested`."""
    twin = twin_of(member, index, owner, alike=not nested and scene.version >= ALIKE_ON_ATTACH)
    if twin is not None:
        return locking(LockMode.SHARE, Name(member.name.schema, twin.name)) if nested and twin.name else Effect()
    if not is_partitioned(member):
        return building(member.name)
    return index_parts(scene, member, index, owner)


def index_parts(scene: Scene, table: Table, index: Index, owner: Constraint | None) -> Effect:
    """Build the parts of an index in all partitions of a table."""
    return merge(*(index_part(scene, p, index, owner) for p in scene.schema.partitions_of(table.name)))
