"""The worst case, for what is not understood."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.effects.combine import Scene, locking, merge
from migrate_safe.model.effect import Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema


def worst_case(scene: Scene, why: str, *objects: Name) -> Effect:
    """Assume that every object named is locked against everybody, read in full and written anew.

    Names that certainly are no relation (roles, schemas, types) are to be left out by the caller.
    """
    names = tuple(dict.fromkeys(scene.schema.resolve(o) for o in objects))
    assumed = Effect(rewrites=names, scans=names, unknown=why)
    return merge(locking(LockMode.ACCESS_EXCLUSIVE, *names), assumed)


def known_relations(schema: Schema, relations: Iterable[Name]) -> list[Name]:
    """Give those names that are known relations; all of them where the schema is not complete."""
    found = [r for r in relations if r in schema.tables or r in schema.views or r in schema.sequences]
    return found if schema.complete else found or list(relations)
