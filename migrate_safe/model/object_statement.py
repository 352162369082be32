"""Statements about views, sequences and the types that users make.

Rooms import these from `migrate_safe.model.statement`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from msgspec import Struct, field

from migrate_safe.model.expr import Expr
from migrate_safe.model.names import Name
from migrate_safe.model.query import Scope, Shape
from migrate_safe.model.schema import Domain, DomainConstraint, View
from migrate_safe.model.sequence import SequenceOptions
from migrate_safe.model.table_action import TableAction
from migrate_safe.model.user_types import TypeName
from migrate_safe.model.values import PartlyCompared

# ---- views ---------------------------------------------------------------------------------


class CreateView(PartlyCompared, frozen=True, eq=False):
    """CREATE [OR REPLACE] [TEMPORARY] [RECURSIVE] VIEW, CREATE MATERIALIZED VIEW."""

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"scopes"})

    view: View
    replace: bool = False
    if_not_exists: bool = False
    shape: Shape | None = None
    temporary: bool = False
    scopes: tuple[Scope, ...] = ()


class DropView(Struct, frozen=True):
    """DROP [MATERIALIZED] VIEW."""

    views: tuple[Name, ...]
    materialized: bool = False
    if_exists: bool = False
    cascade: bool = False


class RefreshView(Struct, frozen=True):
    """REFRESH MATERIALIZED VIEW [CONCURRENTLY] [WITH NO DATA]."""

    view: Name
    concurrently: bool = False
    with_data: bool = True


ViewAction = CreateView | DropView | RefreshView

# ---- sequences -----------------------------------------------------------------------------


class CreateSequence(Struct, frozen=True):
    """CREATE SEQUENCE."""

    name: Name
    options: SequenceOptions = field(default_factory=SequenceOptions)
    if_not_exists: bool = False
    persistence: str = "p"


class AlterSequence(Struct, frozen=True):
    """ALTER SEQUENCE with options; renames and the like are those of tables."""

    name: Name
    options: SequenceOptions
    if_exists: bool = False


class DropSequence(Struct, frozen=True):
    """DROP SEQUENCE."""

    sequences: tuple[Name, ...]
    if_exists: bool = False
    cascade: bool = False


SequenceAction = CreateSequence | AlterSequence | DropSequence

# ---- types ---------------------------------------------------------------------------------


class CreateEnum(Struct, frozen=True):
    """CREATE TYPE ... AS ENUM."""

    name: Name
    values: tuple[str, ...]


class AlterEnum(Struct, frozen=True):
    """ALTER TYPE ... ADD VALUE (`old` None) or RENAME VALUE."""

    name: Name
    value: str
    old: str | None = None
    if_not_exists: bool = False
    neighbour: str | None = None
    after: bool = True


class CreateComposite(Struct, frozen=True):
    """CREATE TYPE ... AS (...)."""

    name: Name
    attributes: tuple[tuple[str, TypeName], ...] = ()


class AttributeChange(Struct, frozen=True):
    """One action of ALTER TYPE on a composite type, in the form that it has for tables."""

    action: TableAction
    cascade: bool = False


class AlterComposite(Struct, frozen=True):
    """ALTER TYPE ... ADD, DROP or ALTER ATTRIBUTE."""

    name: Name
    changes: tuple[AttributeChange, ...]


class RenameAttribute(Struct, frozen=True):
    """ALTER TYPE ... RENAME ATTRIBUTE."""

    name: Name
    attribute: str
    to: str
    cascade: bool = False


class CreateRange(Struct, frozen=True):
    """CREATE TYPE ... AS RANGE; `multirange` is the name given for the type that comes with it."""

    name: Name
    subtype: TypeName
    multirange: Name | None = None


class CreateDomain(Struct, frozen=True):
    """CREATE DOMAIN."""

    name: Name
    domain: Domain


class DomainVerb(StrEnum):
    """What ALTER DOMAIN does."""

    SET_DEFAULT = "set default"
    DROP_DEFAULT = "drop default"
    SET_NOT_NULL = "set not null"
    DROP_NOT_NULL = "drop not null"
    ADD = "add constraint"
    DROP = "drop constraint"
    VALIDATE = "validate constraint"


class AlterDomain(Struct, frozen=True):
    """ALTER DOMAIN. `constraint` is the one that is added, or stands for the one named."""

    name: Name
    verb: DomainVerb
    constraint: DomainConstraint | None = None
    default: Expr | None = None
    if_exists: bool = False
    cascade: bool = False


class RenameDomainConstraint(Struct, frozen=True):
    """ALTER DOMAIN ... RENAME CONSTRAINT."""

    name: Name
    constraint: str
    to: str


class RenameType(Struct, frozen=True):
    """ALTER TYPE ... RENAME TO, or ALTER DOMAIN (`domain`)."""

    name: Name
    to: str
    domain: bool = False


class SetTypeSchema(Struct, frozen=True):
    """ALTER TYPE ... SET SCHEMA, or ALTER DOMAIN (`domain`)."""

    name: Name
    schema: str
    domain: bool = False


class DropType(Struct, frozen=True):
    """DROP TYPE, or DROP DOMAIN (`domain`)."""

    types: tuple[Name, ...]
    domain: bool = False
    if_exists: bool = False
    cascade: bool = False


TypeAction = (
    CreateEnum
    | AlterEnum
    | CreateComposite
    | AlterComposite
    | RenameAttribute
    | CreateRange
    | CreateDomain
    | AlterDomain
    | RenameDomainConstraint
    | RenameType
    | SetTypeSchema
    | DropType
)

# ---- foreign data --------------------------------------------------------------------------


class ForeignKind(StrEnum):
    """What stands between a database and foreign tables."""

    WRAPPER = "foreign data wrapper"
    SERVER = "server"
    MAPPING = "user mapping"


class OptionChange(Struct, frozen=True):
    """One entry of OPTIONS (...): `verb` is add, set or drop."""

    verb: str
    name: str
    value: str = ""


class CreateForeign(Struct, frozen=True):
    """CREATE FOREIGN DATA WRAPPER, SERVER, USER MAPPING. A mapping is named server.user; an empty user is PUBLIC.

    `facts` are the wrapper of a server, its type and version, and the handler of a wrapper.
    """

    kind: ForeignKind
    name: Name
    facts: tuple[tuple[str, str], ...] = ()
    options: tuple[OptionChange, ...] = ()
    if_not_exists: bool = False


class AlterForeign(Struct, frozen=True):
    """ALTER FOREIGN DATA WRAPPER, SERVER, USER MAPPING; an empty fact takes one away."""

    kind: ForeignKind
    name: Name
    facts: tuple[tuple[str, str], ...] = ()
    options: tuple[OptionChange, ...] = ()


class DropForeign(Struct, frozen=True):
    """DROP FOREIGN DATA WRAPPER, SERVER, USER MAPPING."""

    kind: ForeignKind
    names: tuple[Name, ...]
    if_exists: bool = False
    cascade: bool = False


class RenameForeign(Struct, frozen=True):
    """ALTER FOREIGN DATA WRAPPER ... RENAME TO, or of a server."""

    kind: ForeignKind
    name: str
    to: str


class ImportForeignSchema(Struct, frozen=True):
    """IMPORT FOREIGN SCHEMA: which tables it makes only the other server knows."""

    server: str
    schema: str


ForeignAction = CreateForeign | AlterForeign | DropForeign | RenameForeign | ImportForeignSchema
