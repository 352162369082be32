"""What a statement says, as a value. Every statement of a file becomes one; none is ever lost.

Names inside are as written (schema None where the text named none). Typed actions cover tables,
columns, constraints and indexes, transactions, settings and data changes; other DDL that parses is
`Other`, what does not parse is `Unparsed`. Both get the worst-case effect unless a room knows better.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, Index, Trigger
from migrate_safe.model.source import Source, Span
from migrate_safe.model.values import PartlyCompared

# One statement hands all of these on.
# isort: off
from migrate_safe.model.object_statement import (
    AlterComposite as AlterComposite,
    AlterDomain as AlterDomain,
    AlterEnum as AlterEnum,
    AlterForeign as AlterForeign,
    AlterSequence as AlterSequence,
    AttributeChange as AttributeChange,
    CreateComposite as CreateComposite,
    CreateDomain as CreateDomain,
    CreateEnum as CreateEnum,
    CreateForeign as CreateForeign,
    CreateRange as CreateRange,
    CreateSequence as CreateSequence,
    CreateView as CreateView,
    DomainVerb as DomainVerb,
    DropForeign as DropForeign,
    DropSequence as DropSequence,
    DropType as DropType,
    DropView as DropView,
    ForeignAction as ForeignAction,
    ForeignKind as ForeignKind,
    ImportForeignSchema as ImportForeignSchema,
    OptionChange as OptionChange,
    RefreshView as RefreshView,
    RenameAttribute as RenameAttribute,
    RenameDomainConstraint as RenameDomainConstraint,
    RenameForeign as RenameForeign,
    RenameType as RenameType,
    SequenceAction as SequenceAction,
    SetTypeSchema as SetTypeSchema,
    TypeAction as TypeAction,
    ViewAction as ViewAction,
)
from migrate_safe.model.directive import (
    BACK as BACK,
    HEAD as HEAD,
    OLD_APP_KEEPS as OLD_APP_KEEPS,
    Directive as Directive,
)
from migrate_safe.model.framework import Framework as Framework, Runner as Runner, Unit as Unit
from migrate_safe.model.wrapping import Wrapping as Wrapping
from migrate_safe.model.query import Scope as Scope
from migrate_safe.model.query import Shape as Shape
from migrate_safe.model.sequence import SequenceOptions as SequenceOptions
from migrate_safe.model.programs import (
    AlterPolicy as AlterPolicy,
    AlterRoutine as AlterRoutine,
    AlterThing as AlterThing,
    Call as Call,
    CreateFunction as CreateFunction,
    CreatePolicy as CreatePolicy,
    CreateRule as CreateRule,
    CreateThing as CreateThing,
    DropPart as DropPart,
    DropRoutines as DropRoutines,
    DropThings as DropThings,
    ProgramAction as ProgramAction,
    RenamePart as RenamePart,
    Routine as Routine,
)
from migrate_safe.model.dml import (
    Conflict as Conflict,
    Dml as Dml,
    DmlKind as DmlKind,
    Draw as Draw,
    Writing as Writing,
)
from migrate_safe.model.said import Said as Said
from migrate_safe.model.table_action import (
    AddColumn as AddColumn,
    AddConstraint as AddConstraint,
    AlterConstraint as AlterConstraint,
    AlterType as AlterType,
    AttachPartition as AttachPartition,
    ChangeIdentity as ChangeIdentity,
    ChangeParent as ChangeParent,
    ChangeType as ChangeType,
    ColumnDef as ColumnDef,
    DetachPartition as DetachPartition,
    DropColumn as DropColumn,
    DropConstraint as DropConstraint,
    DropIdentity as DropIdentity,
    DropExpression as DropExpression,
    DropNotNull as DropNotNull,
    OtherTableAction as OtherTableAction,
    SetDefault as SetDefault,
    SetExpression as SetExpression,
    SetNotNull as SetNotNull,
    TableAction as TableAction,
    ValidateConstraint as ValidateConstraint,
)
# isort: on

# ---- statements ----------------------------------------------------------------------------


class AlterTable(Struct, frozen=True):
    """ALTER TABLE (or INDEX, VIEW, SEQUENCE: see `object`) with one or several actions, in order."""

    table: Name
    actions: tuple[TableAction, ...]
    if_exists: bool = False
    only: bool = False
    object: str = "table"


class CreateTable(PartlyCompared, frozen=True, eq=False):
    """CREATE TABLE. `like` and `inherits` name the templates and parents; `partition_of` the parent of a partition.

    `like_options` say what each template gives (`indexes`, `defaults`...).
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"scopes"})

    table: Name
    columns: tuple[ColumnDef, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    if_not_exists: bool = False
    like: tuple[Name, ...] = ()
    like_options: tuple[frozenset[str], ...] = ()
    inherits: tuple[Name, ...] = ()
    partition_of: Name | None = None
    partition_bound: str | None = None
    partition_key: str | None = None
    persistence: str = "p"
    as_query: bool = False
    """CREATE TABLE AS / SELECT INTO: `reads`, `draws` and `texts` are those of its query, `shape` what it gives."""
    reads: tuple[Name, ...] = ()
    draws: tuple[Draw, ...] = ()
    texts: tuple[Name, ...] = ()
    shape: Shape | None = None
    scopes: tuple[Scope, ...] = ()
    executes: str | None = None
    """The prepared statement whose query makes it (AS EXECUTE), its first columns under the names in `named`."""
    named: tuple[str, ...] = ()
    with_data: bool = True
    of_type: Name | None = None
    on_commit: str = "preserve rows"
    foreign: str | None = None
    """The server of a foreign table."""
    options: tuple[str, ...] = ()
    """The WITH parameters: `fillfactor=70`, `toast.autovacuum_enabled=false`."""
    tablespace: str | None = None
    access_method: str | None = None


class DropTable(Struct, frozen=True):
    """DROP TABLE, or DROP FOREIGN TABLE (`foreign`)."""

    tables: tuple[Name, ...]
    if_exists: bool = False
    cascade: bool = False
    foreign: bool = False


class RenameTable(Struct, frozen=True):
    """ALTER TABLE ... RENAME TO (also of views, indexes and sequences: see `object`)."""

    table: Name
    to: str
    if_exists: bool = False
    object: str = "table"


class RenameColumn(Struct, frozen=True):
    """ALTER TABLE ... RENAME COLUMN."""

    table: Name
    column: str
    to: str
    if_exists: bool = False
    object: str = "table"
    only: bool = False


class RenameConstraint(Struct, frozen=True):
    """ALTER TABLE ... RENAME CONSTRAINT."""

    table: Name
    constraint: str
    to: str
    if_exists: bool = False
    only: bool = False


class SetSchema(Struct, frozen=True):
    """ALTER TABLE ... SET SCHEMA (see `object`)."""

    table: Name
    to: str
    if_exists: bool = False
    object: str = "table"


class CreateIndex(Struct, frozen=True):
    """CREATE INDEX."""

    table: Name
    index: Index
    concurrently: bool = False
    if_not_exists: bool = False
    only: bool = False


class DropIndex(Struct, frozen=True):
    """DROP INDEX."""

    indexes: tuple[Name, ...]
    concurrently: bool = False
    if_exists: bool = False
    cascade: bool = False


class Reindex(Struct, frozen=True):
    """REINDEX; `kind` is index, table, schema, database or system."""

    kind: str
    target: Name | None
    concurrently: bool = False


class Truncate(Struct, frozen=True):
    """TRUNCATE; `only` are those of the tables whose children are spared. `restart` says RESTART IDENTITY."""

    tables: tuple[Name, ...]
    cascade: bool = False
    only: tuple[Name, ...] = ()
    restart: bool = False


class LockTable(Struct, frozen=True):
    """LOCK TABLE; `mode` is the mode's number as in LockMode."""

    tables: tuple[Name, ...]
    mode: int
    nowait: bool = False
    only: tuple[Name, ...] = ()


class TransactionVerb(StrEnum):
    """Transaction control."""

    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SAVEPOINT = "savepoint"
    RELEASE = "release"
    ROLLBACK_TO = "rollback to"
    PREPARE = "prepare transaction"


class Transaction(Struct, frozen=True):
    """BEGIN, COMMIT and so on; `name` of a savepoint. AND CHAIN (`chain`) opens the next transaction at once."""

    verb: TransactionVerb
    name: str | None = None
    chain: bool = False


class SetVariable(Struct, frozen=True):
    """SET, SET LOCAL, RESET (value None) or SELECT set_config(...). `value` is the text as written, unquoted."""

    variable: str
    value: str | None
    local: bool = False


class CreateTrigger(Struct, frozen=True):
    """CREATE TRIGGER."""

    table: Name
    trigger: Trigger
    replace: bool = False


class DropTrigger(Struct, frozen=True):
    """DROP TRIGGER."""

    table: Name
    trigger: str
    if_exists: bool = False
    cascade: bool = False


class DoBlock(Struct, frozen=True):
    """DO. `inner` are the static SQL statements found in the body; `opaque` says that something could not be seen.

    `conditional` says that there are conditions, loops or exception handlers: not all of it need run, nor once.
    `raises` is the error with which it ends, unless something keeps it from getting there.
    """

    language: str
    body: str
    inner: tuple[Statement, ...] = ()
    opaque: str | None = None
    conditional: bool = False
    raises: str | None = None


class Other(Struct, frozen=True):
    """Any other statement that parses: `kind` is the grammar's node name, e.g. `CreatePolicyStmt`.

    `objects` are the names it mentions as its targets; `detail` a word that tells variants apart
    (for DropStmt the object kind, e.g. `type`). `says` holds all that it says, of the kinds that are read in full;
    `inner` the statements inside it: what is explained, prepared or declared, the elements of CREATE SCHEMA.
    """

    kind: str
    objects: tuple[Name, ...] = ()
    detail: str = ""
    says: Said | None = None
    inner: tuple[Statement, ...] = ()


class PsqlCommand(Struct, frozen=True):
    r"""A psql meta-command line (`\i`, `\set`, `\gexec`): not SQL, effects unknown unless harmless."""

    command: str
    argument: str = ""


class Unparsed(Struct, frozen=True):
    """Text that is not a statement of PostgreSQL, with the parser's reason."""

    reason: str


class Unread(Struct, frozen=True):
    """The first of the statements of a file that are not read, with the reason."""

    reason: str


Action = (
    AlterTable
    | CreateTable
    | DropTable
    | RenameTable
    | RenameColumn
    | RenameConstraint
    | SetSchema
    | CreateIndex
    | DropIndex
    | Reindex
    | Truncate
    | LockTable
    | Dml
    | Transaction
    | SetVariable
    | ProgramAction
    | CreateTrigger
    | DropTrigger
    | ForeignAction
    | SequenceAction
    | TypeAction
    | ViewAction
    | DoBlock
    | Other
    | PsqlCommand
    | Unparsed
    | Unread
)


class Direction(StrEnum):
    """Whether a statement belongs to the way forward or to a down migration."""

    UP = "up"
    DOWN = "down"


class Statement(PartlyCompared, frozen=True, eq=False):
    """One statement: exact text (`source.text[span.start:span.end] == text`), place and meaning.

    `unit` numbers what the runner commits together, see `Script.units`.
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"unit"})

    text: str
    span: Span
    action: Action
    direction: Direction = Direction.UP
    unit: int = 0


class Script(Struct, frozen=True):
    """A parsed migration file.

    `wrapping` is that of the first statement of the way forward; `units` are those of all statements, by their number.
    """

    source: Source
    statements: tuple[Statement, ...]
    directives: tuple[Directive, ...] = ()
    wrapping: Wrapping = Wrapping.STATEMENT
    markers: tuple[str, ...] = ()
    """Runner markers seen, e.g. `goose`, `dbmate`; empty for plain SQL."""
    framework: Framework | None = None
    units: tuple[Unit, ...] = ()
    held: bool = False
    """The runner keeps a transaction of its own open meanwhile."""

    def unit_of(self, statement: Statement) -> Unit:
        """Give the unit to which a statement belongs."""
        return self.units[statement.unit] if self.units else Unit(self.wrapping)
