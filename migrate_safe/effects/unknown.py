"""The worst case, for what is not understood, and all reasons for which nothing is known."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from migrate_safe.effects.combine import Scene, locking, merge
from migrate_safe.model.effect import Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema


class Unknown(StrEnum):
    """Why nothing is known of an effect, as people read it: `{}` are names, or what the parser says.

    `tests/truth/test_language.py` shows statements for each, so that what is out is counted. For what was not read, and
    what cannot be seen in a block, the reason is the reader's.
    """

    STATEMENT = "{} is not understood"
    NOT_SQL = "not a statement of PostgreSQL: {}"
    UNREAD = "{}"
    BLOCK = "{}"
    PSQL = "\\{} may do anything"
    FUNCTION = "function {} may do anything"
    PROCEDURE = "what procedure {} does is not known"
    RULE = "what rule {!r} makes of it is not known"
    PREPARED = "what the prepared transaction did is not known"
    USED = "what uses {} {} is not known"
    DOMAIN = "which tables have columns of domain {} is not known"
    MANY = "{} works on more relations than it names"
    EVERY = "{} without a name works on every table"
    CLUSTERED = "CLUSTER without a name works on every table that was clustered before"
    WRAPPER = "what the foreign data wrapper of {} does is not known"
    TABLESPACE = "what is in tablespace {} is not known"
    OWNED = "what {} owns is not known"
    DROPPED = "it drops {} with all that rests on it"

    def because(self, *what: object) -> str:
        """Give the reason with the names in it."""
        return self.format(*what)

    def effect(self, *what: object) -> Effect:
        """Give an effect of which nothing is known."""
        return Effect(unknown=self.because(*what))


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
