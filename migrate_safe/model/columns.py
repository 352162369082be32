"""Columns of tables."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from migrate_safe.model.expr import Expr
from migrate_safe.model.names import Name
from migrate_safe.model.objects import ColumnGrant
from migrate_safe.model.user_types import TypeName


class Generated(StrEnum):
    """How a generated column keeps its value; VIRTUAL exists from PostgreSQL 18."""

    STORED = "stored"
    VIRTUAL = "virtual"


class Identity(StrEnum):
    """GENERATED ... AS IDENTITY."""

    ALWAYS = "always"
    BY_DEFAULT = "by default"


class Column(Struct, frozen=True):
    """A column. `generated` columns keep their expression in `default`.

    `grants` and `settings` (actions of ALTER COLUMN: `SET STATISTICS 500`, `SET STORAGE EXTERNAL`) are known only
    of a live server. `local` is false where the table has it from its parents alone, as pg_attribute.attislocal.
    """

    name: str
    type: TypeName
    not_null: bool = False
    default: Expr | None = None
    generated: Generated | None = None
    identity: Identity | None = None
    collation: Name | None = None
    comment: str | None = None
    grants: tuple[ColumnGrant, ...] = ()
    settings: tuple[str, ...] = ()
    local: bool = True
