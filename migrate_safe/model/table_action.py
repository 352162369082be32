"""The parts of ALTER TABLE, and columns as CREATE TABLE and ADD COLUMN define them.

Rooms import these from `migrate_safe.model.statement`, where the statements are that hold them.
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Constraint, Expr, Identity, TypeName
from migrate_safe.model.sequence import SequenceOptions


class ColumnDef(Struct, frozen=True):
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


class AddColumn(Struct, frozen=True):
    """ADD COLUMN."""

    definition: ColumnDef
    if_not_exists: bool = False


class DropColumn(Struct, frozen=True):
    """DROP COLUMN."""

    column: str
    if_exists: bool = False
    cascade: bool = False


class AlterType(Struct, frozen=True):
    """ALTER COLUMN ... TYPE."""

    column: str
    type: TypeName
    using: Expr | None = None
    collation: Name | None = None


class SetDefault(Struct, frozen=True):
    """ALTER COLUMN ... SET DEFAULT, or DROP DEFAULT when `default` is None."""

    column: str
    default: Expr | None


class SetNotNull(Struct, frozen=True):
    """ALTER COLUMN ... SET NOT NULL."""

    column: str


class DropNotNull(Struct, frozen=True):
    """ALTER COLUMN ... DROP NOT NULL."""

    column: str


class AddConstraint(Struct, frozen=True):
    """ADD CONSTRAINT; NOT VALID shows as `constraint.validated = False`."""

    constraint: Constraint


class ValidateConstraint(Struct, frozen=True):
    """VALIDATE CONSTRAINT."""

    name: str


class DropConstraint(Struct, frozen=True):
    """DROP CONSTRAINT."""

    name: str
    if_exists: bool = False
    cascade: bool = False


class AttachPartition(Struct, frozen=True):
    """ATTACH PARTITION; `bound` is the text of FOR VALUES ... or DEFAULT."""

    partition: Name
    bound: str


class DetachPartition(Struct, frozen=True):
    """DETACH PARTITION [CONCURRENTLY | FINALIZE]."""

    partition: Name
    concurrently: bool = False
    finalize: bool = False


class ChangeIdentity(Struct, frozen=True):
    """ALTER COLUMN ... ADD GENERATED AS IDENTITY (`add`), or SET of its kind and of its sequence's options."""

    column: str
    add: bool
    identity: Identity | None
    sequence: SequenceOptions


class DropIdentity(Struct, frozen=True):
    """ALTER COLUMN ... DROP IDENTITY."""

    column: str
    if_exists: bool = False


class SetExpression(Struct, frozen=True):
    """ALTER COLUMN ... SET EXPRESSION of a generated column (PostgreSQL 17)."""

    column: str
    expression: Expr


class DropExpression(Struct, frozen=True):
    """ALTER COLUMN ... DROP EXPRESSION: a generated column becomes a plain one."""

    column: str
    if_exists: bool = False


class AlterConstraint(Struct, frozen=True):
    """ALTER CONSTRAINT; what the statement leaves alone is None. `enforced`, `no_inherit`: PostgreSQL 18."""

    name: str
    deferrable: bool | None = None
    deferred: bool | None = None
    enforced: bool | None = None
    no_inherit: bool | None = None


class ChangeParent(Struct, frozen=True):
    """INHERIT, or NO INHERIT where `leaves`."""

    parent: Name
    leaves: bool = False


class ChangeType(Struct, frozen=True):
    """OF a composite type, or NOT OF (None)."""

    type: Name | None


class OtherTableAction(Struct, frozen=True):
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
