"""What a statement needs of the server that no catalog of a database shows: tablespaces, extensions and the like."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.effects.combine import merge
from migrate_safe.effects.doubts import Rows
from migrate_safe.model.effect import Effect
from migrate_safe.model.names import Name
from migrate_safe.model.said import Extension, MoveAll
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import Action, AlterTable, CreateIndex, CreateTable, Other, OtherTableAction, Reindex

_OF_EVERY_TOAST = ("pglz", "default")
_OF_EVERY_SERVER = ("pg_default", "pg_global")


def lacked(schema: Schema, action: Action) -> Effect:
    """Say which tablespaces, extensions and the like a server may lack, which then refuses the statement."""
    found = tuple(_tablespaces(action))
    effects = [Rows.LACKED.effect("tablespace", name) for name in found if name not in _OF_EVERY_SERVER]
    match action:
        case AlterTable(actions=actions):
            found = tuple(a.value for a in actions if isinstance(a, OtherTableAction) and a.kind == "SetCompression")
            effects += [Rows.LACKED.effect("compression method", v) for v in found if v not in _OF_EVERY_TOAST]
        case Other(says=Extension(verb="create", name=name)) if ("extension", Name(None, name)) not in schema.things:
            effects.append(Rows.LACKED.effect("extension", name))
        case Other(kind="SecLabelStmt"):
            effects.append(Rows.LACKED.effect("provider of security labels", "that takes it"))
        case Other(kind="CreateTableSpaceStmt"):
            effects.append(Rows.LACKED.effect("empty directory", "of that name"))
        case Reindex(kind="system" | "database", target=Name(name=name)):
            effects.append(Rows.LACKED.effect("connection open to database", name))
    return merge(*effects)


def _tablespaces(action: Action) -> Iterator[str]:
    match action:
        case CreateTable(tablespace=str() as name):
            yield name
        case CreateIndex(index=index) if index.tablespace is not None:
            yield index.tablespace
        case AlterTable(actions=actions):
            moves = (a for a in actions if isinstance(a, OtherTableAction) and a.kind == "SetTableSpace")
            yield from (a.argument for a in moves)
        case Other(says=MoveAll(here=here, there=there)):
            yield from (here, there)
