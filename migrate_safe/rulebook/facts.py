"""The closed vocabulary of the rulebook: what conditions may ask, and what templates may name.

One set of facts is made for each action of a statement on each relation that it names, so that
`ALTER TABLE ... ADD COLUMN a ..., ADD CONSTRAINT b ...` gives two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migrate_safe.model.effect import BreakKind
from migrate_safe.model.names import Name
from migrate_safe.model.statement import Direction, Statement


class ActionKind(StrEnum):
    """What an action does, named after the SQL that does it."""

    CREATE_TABLE = "create-table"
    DROP_TABLE = "drop-table"
    DROP_VIEW = "drop-view"
    RENAME_TABLE = "rename-table"
    RENAME_COLUMN = "rename-column"
    RENAME_CONSTRAINT = "rename-constraint"
    SET_SCHEMA = "set-schema"
    ADD_COLUMN = "add-column"
    DROP_COLUMN = "drop-column"
    ALTER_TYPE = "alter-type"
    SET_DEFAULT = "set-default"
    SET_NOT_NULL = "set-not-null"
    DROP_NOT_NULL = "drop-not-null"
    ADD_CONSTRAINT = "add-constraint"
    VALIDATE_CONSTRAINT = "validate-constraint"
    DROP_CONSTRAINT = "drop-constraint"
    ATTACH_PARTITION = "attach-partition"
    DETACH_PARTITION = "detach-partition"
    OTHER_TABLE_ACTION = "other-table-action"
    CREATE_INDEX = "create-index"
    DROP_INDEX = "drop-index"
    REINDEX = "reindex"
    TRUNCATE = "truncate"
    LOCK_TABLE = "lock-table"
    SELECT = "select"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    COPY = "copy"
    TRANSACTION = "transaction"
    SET_VARIABLE = "set-variable"
    DO_BLOCK = "do-block"
    OTHER = "other"
    PSQL_COMMAND = "psql-command"
    UNPARSED = "unparsed"
    EMPTY_FILE = "empty-file"
    """Not a statement: a file without any."""
    DIRECTIVE = "directive"
    """Not a statement: a comment `-- migrate-safe: ...`."""


class RelationState(StrEnum):
    """Whether clients can already be using the relation."""

    EXISTING = "existing"
    BORN = "born"
    """Created earlier in the same migration, or by this very statement."""
    NONE = "none"
    """The action names no relation."""


class Blocks(StrEnum):
    """What a lock makes wait."""

    READS = "reads"
    """Reads as well as writes: ACCESS EXCLUSIVE."""
    WRITES = "writes"
    NOTHING = "nothing"


class ColumnValue(StrEnum):
    """Where the values of a new column come from."""

    NULL = "null"
    DEFAULT = "default"
    SERIAL = "serial"
    IDENTITY = "identity"
    STORED = "stored"
    VIRTUAL = "virtual"


class ConstraintFact(StrEnum):
    """Which constraint the action adds, validates or drops."""

    NONE = "none"
    CHECK = "check"
    UNIQUE = "unique"
    PRIMARY = "primary key"
    FOREIGN = "foreign key"
    EXCLUDE = "exclude"
    NOT_NULL = "not null"


class ObjectFact(StrEnum):
    """What ALTER or RENAME says that it changes."""

    TABLE = "table"
    VIEW = "view"
    INDEX = "index"
    OTHER = "other"


class Reach(StrEnum):
    """Through how many rows of tables in use a data statement goes."""

    FEW = "few"
    """As many as the statement names: VALUES, rows by a unique key; or rows of no table in use."""
    UNSURE = "unsure"
    """Those with given values in columns of a table whose keys are not known."""
    MANY = "many"


class DirectiveState(StrEnum):
    """What is wrong with a comment to this tool."""

    NONE = "none"
    UNREASONED = "unreasoned"
    MISSPELT = "misspelt"
    UNUSED = "unused"
    UNDATED = "undated"
    """It says until when, but names no day."""
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions may ask of one action on one relation.

    Effects on relations that the migration itself created are left out: nobody waits on those.
    """

    action: ActionKind
    relation: RelationState = RelationState.NONE
    object: ObjectFact = ObjectFact.TABLE
    """What ALTER says that the relation is."""
    direction: Direction = Direction.UP
    blocks: Blocks = Blocks.NOTHING
    """What the strongest lock of the whole statement makes wait, on any existing relation."""
    held: Blocks = Blocks.NOTHING
    """What locks make wait that earlier statements of the transaction, or earlier actions of the statement, hold."""
    rewrites: bool = False
    scans: bool = False
    builds: bool = False
    in_transaction: bool = False
    wrapped: bool = False
    """The runner, not the file, opened the transaction."""
    transaction_forbidden: bool = False
    concurrently: bool = False
    lock_timeout: bool = False
    """A lock_timeout other than 0 is in force."""
    fails: bool = False
    breaks: frozenset[BreakKind] = frozenset()
    loses: bool = False
    depends: bool = False
    """The effect rests on something unknown, and the worse outcome was taken."""
    unknown: bool = False
    """Nothing is known of the effect."""
    column_value: ColumnValue = ColumnValue.NULL
    not_null: bool = False
    """The new column is NOT NULL."""
    constraint: ConstraintFact = ConstraintFact.NONE
    inline: bool = False
    """The constraint comes with a new column."""
    nullable: bool = False
    """A column of the constraint is not known to be NOT NULL."""
    partitioned: bool = False
    default_partition: bool = False
    """The table has a DEFAULT partition, beside which nothing is detached CONCURRENTLY."""
    bounded: bool = True
    """The UPDATE or DELETE has a WHERE that names a column."""
    reach: Reach = Reach.FEW
    """Through how many rows of tables in use an INSERT, UPDATE, DELETE or MERGE goes."""
    only_here: bool = False
    """The column or table that goes was made by this very migration, or lives on under a stand-in; the table of the
    index that goes is dropped by a later statement."""
    multiple: bool = False
    """The statement has other actions or names other relations too."""
    complete: bool = False
    """The schema before the migration was read from a server or a dump: what is not in it does not exist."""
    version: int | None = None
    """The server's major version, where the user told it."""
    directive: DirectiveState = DirectiveState.NONE


@dataclass(frozen=True, slots=True)
class Words:
    """What templates may name, in the user's own names, ready to stand in SQL; empty where it does not apply."""

    statement: str = ""
    """The statement as written, without its semicolon."""
    concurrent: str = ""
    """The same CREATE or DROP INDEX with CONCURRENTLY."""
    table: str = ""
    """The relation as the statement names it."""
    column: str = ""
    new_column: str = ""
    """The column's name with `_new` after it."""
    type: str = ""
    base_type: str = ""
    """The type below a domain, or the integer type below serial."""
    old_type: str = ""
    default: str = ""
    column_definition: str = ""
    """Name, type, collation, default of a new column, without its constraints and NOT NULL."""
    constraint: str = ""
    """The constraint's name: its own, or the one the server would choose."""
    not_null_check: str = ""
    """A name for a helper CHECK (column IS NOT NULL)."""
    not_null_columns: str = ""
    """`a IS NOT NULL AND b IS NOT NULL` for the columns of a constraint."""
    definition: str = ""
    """The constraint without its name and without NOT VALID."""
    index_definition: str = ""
    """`ON t (columns) ...` as CREATE UNIQUE INDEX needs it for the constraint."""
    adopt: str = ""
    """`UNIQUE USING INDEX name` with its DEFERRABLE clauses, for a constraint that rests on an index."""
    tables: str = ""
    """The table, and the one that its foreign key points to where that is another: `orders and users`."""
    index: str = ""
    sequence: str = ""
    """The sequence that the server would make for a serial column, qualified as the table is."""
    identity: str = ""
    """ALWAYS or BY DEFAULT."""
    trigger: str = ""
    """A name for a trigger that keeps the column."""
    trigger_function: str = ""
    new_name: str = ""
    waits: str = ""
    """`reads and writes` or `writes`: what waits for the statement."""
    locks: str = ""
    """Locks that clients feel: `ACCESS EXCLUSIVE on users`."""
    held: str = ""
    """The same of the locks that earlier statements hold."""
    held_waits: str = ""
    """What waits for those."""
    rewritten: str = ""
    scanned: str = ""
    because: str = ""
    """Why the effect depends, is unknown, or why the server would refuse."""
    lost: str = ""
    rule: str = ""
    """The rule that a suppression names."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Facts and words of one action on one relation, and what the report lists as its effects."""

    facts: Facts
    words: Words
    relation: Name | None = None
    effects: tuple[str, ...] = ()
    statement: Statement | None = None
    """The statement that is meant: inside a DO block the inner one; None for what is no statement."""
