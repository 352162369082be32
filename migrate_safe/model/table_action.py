"""The parts of ALTER TABLE, and columns as CREATE TABLE and ADD COLUMN define them.

Rooms import these from `migrate_safe.model.statement`, where the statements are that hold them.
"""

from __future__ import annotations

from dataclasses import dataclass

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Constraint, Expr, Identity, TypeName
from migrate_safe.model.sequence import SequenceOptions


@dataclass(frozen=True, slots=True)
class ColumnDef:
    """A column as CREATE TABLE or ADD COLUMN defines it. Its inline constraints stand in `constraints`.

    `serial` is true for smallserial, serial and bigserial; `column.type` is then the integer type. `sequence` holds
    what an identity column says of its sequence.
    """

    column: Column
    constraints: tuple[Constraint, ...] = ()
    serial: bool = False
    sequence: SequenceOptions | None = None
    nullable: bool = False
    """NULL was written out, which contradicts NOT NULL."""


@dataclass(frozen=True, slots=True)
class AddColumn:
    """ADD COLUMN."""

    definition: ColumnDef
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropColumn:
    """DROP COLUMN."""

    column: str
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class AlterType:
    """ALTER COLUMN ... TYPE."""

    column: str
    type: TypeName
    using: Expr | None = None
    collation: Name | None = None


@dataclass(frozen=True, slots=True)
class SetDefault:
    """ALTER COLUMN ... SET DEFAULT, or DROP DEFAULT when `default` is None."""

    column: str
    default: Expr | None


@dataclass(frozen=True, slots=True)
class SetNotNull:
    """ALTER COLUMN ... SET NOT NULL."""

    column: str


@dataclass(frozen=True, slots=True)
class DropNotNull:
    """ALTER COLUMN ... DROP NOT NULL."""

    column: str


@dataclass(frozen=True, slots=True)
class AddConstraint:
    """ADD CONSTRAINT; NOT VALID shows as `constraint.validated = False`."""

    constraint: Constraint


@dataclass(frozen=True, slots=True)
class ValidateConstraint:
    """VALIDATE CONSTRAINT."""

    name: str


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """DROP CONSTRAINT."""

    name: str
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class AttachPartition:
    """ATTACH PARTITION; `bound` is the text of FOR VALUES ... or DEFAULT."""

    partition: Name
    bound: str


@dataclass(frozen=True, slots=True)
class DetachPartition:
    """DETACH PARTITION [CONCURRENTLY | FINALIZE]."""

    partition: Name
    concurrently: bool = False
    finalize: bool = False


@dataclass(frozen=True, slots=True)
class ChangeIdentity:
    """ALTER COLUMN ... ADD GENERATED AS IDENTITY (`add`), or SET of its kind and of its sequence's options."""

    column: str
    add: bool
    identity: Identity | None
    sequence: SequenceOptions


@dataclass(frozen=True, slots=True)
class DropIdentity:
    """ALTER COLUMN ... DROP IDENTITY."""

    column: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class SetExpression:
    """ALTER COLUMN ... SET EXPRESSION of a generated column (PostgreSQL 17)."""

    column: str
    expression: Expr


@dataclass(frozen=True, slots=True)
class DropExpression:
    """ALTER COLUMN ... DROP EXPRESSION: a generated column becomes a plain one."""

    column: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AlterConstraint:
    """ALTER CONSTRAINT; what the statement leaves alone is None. `enforced`, `no_inherit`: PostgreSQL 18."""

    name: str
    deferrable: bool | None = None
    deferred: bool | None = None
    enforced: bool | None = None
    no_inherit: bool | None = None


@dataclass(frozen=True, slots=True)
class ChangeParent:
    """INHERIT, or NO INHERIT where `leaves`."""

    parent: Name
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class ChangeType:
    """OF a composite type, or NOT OF (None)."""

    type: Name | None


@dataclass(frozen=True, slots=True)
class OtherTableAction:
    """Any other ALTER TABLE action: `kind` is the grammar's name (`SetTableSpace`), `argument` its name or text.

    `value` is what a column gets (`SET STATISTICS 500`: 500), or the letter of a replica identity.
    """

    kind: str
    argument: str = ""
    value: str = ""


TableAction = (
    AddColumn
    | DropColumn
    | AlterType
    | SetDefault
    | SetNotNull
    | DropNotNull
    | AddConstraint
    | ValidateConstraint
    | DropConstraint
    | AttachPartition
    | DetachPartition
    | ChangeIdentity
    | DropIdentity
    | SetExpression
    | DropExpression
    | AlterConstraint
    | ChangeParent
    | ChangeType
    | OtherTableAction
)
