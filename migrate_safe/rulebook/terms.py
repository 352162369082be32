"""The terms that facts are told in: closed sets of words."""

from __future__ import annotations

from enum import StrEnum


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
    CHANGE_IDENTITY = "change-identity"
    SET_EXPRESSION = "set-expression"
    SET_LOGGED = "set-logged"
    SET_UNLOGGED = "set-unlogged"
    SET_TABLESPACE = "set-tablespace"
    SET_ACCESS_METHOD = "set-access-method"
    ROW_SECURITY_ON = "row-security-on"
    ROW_SECURITY_FORCED = "row-security-forced"
    DISABLE_TRIGGER = "disable-trigger"
    NO_REPLICA_IDENTITY = "no-replica-identity"
    LEAVE_PARENT = "leave-parent"
    """NO INHERIT."""
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
    REFRESH_VIEW = "refresh-view"
    VACUUM_FULL = "vacuum-full"
    CLUSTER = "cluster"
    CREATE_TRIGGER = "create-trigger"
    CREATE_RULE = "create-rule"
    CREATE_POLICY = "create-policy"
    ALTER_POLICY = "alter-policy"
    DROP_POLICY = "drop-policy"
    CREATE_FUNCTION = "create-function"
    ALTER_SEQUENCE = "alter-sequence"
    ALTER_DOMAIN = "alter-domain"
    ADD_ENUM_VALUE = "add-enum-value"
    RENAME_ENUM_VALUE = "rename-enum-value"
    RENAME_OBJECT = "rename-object"
    """RENAME or SET SCHEMA of what is no relation: functions, types, schemas."""
    DROP_OBJECT = "drop-object"
    """DROP of a function, type, sequence, extension or the like."""
    DROP_SCHEMA = "drop-schema"
    DROP_DATABASE = "drop-database"
    REVOKE = "revoke"
    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    """DROP PUBLICATION, or ALTER PUBLICATION that takes tables out."""
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
    """What ALTER, RENAME or DROP says that it changes."""

    TABLE = "table"
    VIEW = "view"
    INDEX = "index"
    SEQUENCE = "sequence"
    TYPE = "type"
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


class Around(StrEnum):
    """What other statements of the file do that matters to the action."""

    REPLACES = "replaces"
    """An earlier one drops what this one makes, under the same name."""
    ANALYZED = "analyzed"
    """A later one analyzes the table."""
    ATTACHED = "attached"
    """A later one attaches an index to the one that this makes."""
    INDEXED_AGAIN = "indexed-again"
    """A later one makes an index that begins with the column with which the dropped one begins."""
    POLICY = "policy"
    """The table has a policy, or gets one later."""


class Control(StrEnum):
    """What is wrong with a BEGIN or COMMIT."""

    NONE = "none"
    NESTED = "nested"
    """BEGIN where a transaction is open."""
    ENDS_WRAPPING = "ends-wrapping"
    """COMMIT or ROLLBACK of the transaction that the runner opened."""
    LEFT_OPEN = "left-open"
    """BEGIN that no COMMIT or ROLLBACK follows."""


class TypeStep(StrEnum):
    """How the new type of a column is to the old one, as far as that matters beyond a rewrite."""

    OTHER = "other"
    NARROWER = "narrower"
    """Values that the old type holds may be none of the new one."""
    ZONED = "zoned"
    """Between timestamp and timestamptz: what a value means hangs on the session's TimeZone."""
