"""Which kind of action a statement, or an action of ALTER TABLE, is to the rules."""

from __future__ import annotations

from migrate_safe.model.said import Cluster, Dropped, Grants, Moved, PublicationChange, Renamed, Vacuum
from migrate_safe.model.statement import (
    Action,
    AddColumn,
    AddConstraint,
    AlterDomain,
    AlterEnum,
    AlterPolicy,
    AlterRoutine,
    AlterSequence,
    AlterType,
    AttachPartition,
    ChangeIdentity,
    ChangeParent,
    CreateFunction,
    CreateIndex,
    CreatePolicy,
    CreateRule,
    CreateTable,
    CreateTrigger,
    DetachPartition,
    Dml,
    DmlKind,
    DropColumn,
    DropConstraint,
    DropNotNull,
    DropPart,
    DropRoutines,
    DropSequence,
    DropThings,
    DropType,
    LockTable,
    Other,
    OtherTableAction,
    PsqlCommand,
    RefreshView,
    RenameAttribute,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    RenameType,
    SetDefault,
    SetExpression,
    SetNotNull,
    SetSchema,
    SetTypeSchema,
    SetVariable,
    TableAction,
    Transaction,
    Truncate,
    Unparsed,
    Unread,
    ValidateConstraint,
)
from migrate_safe.rulebook.terms import ActionKind

_TABLE_ACTIONS: dict[type[TableAction], ActionKind] = {
    AddColumn: ActionKind.ADD_COLUMN,
    DropColumn: ActionKind.DROP_COLUMN,
    AlterType: ActionKind.ALTER_TYPE,
    SetDefault: ActionKind.SET_DEFAULT,
    SetNotNull: ActionKind.SET_NOT_NULL,
    DropNotNull: ActionKind.DROP_NOT_NULL,
    AddConstraint: ActionKind.ADD_CONSTRAINT,
    ValidateConstraint: ActionKind.VALIDATE_CONSTRAINT,
    DropConstraint: ActionKind.DROP_CONSTRAINT,
    AttachPartition: ActionKind.ATTACH_PARTITION,
    DetachPartition: ActionKind.DETACH_PARTITION,
    ChangeIdentity: ActionKind.CHANGE_IDENTITY,
    SetExpression: ActionKind.SET_EXPRESSION,
}
_BY_WORD = {
    "SetLogged": ActionKind.SET_LOGGED,
    "SetUnLogged": ActionKind.SET_UNLOGGED,
    "SetTableSpace": ActionKind.SET_TABLESPACE,
    "SetAccessMethod": ActionKind.SET_ACCESS_METHOD,
    "EnableRowSecurity": ActionKind.ROW_SECURITY_ON,
    "ForceRowSecurity": ActionKind.ROW_SECURITY_FORCED,
    "DisableTrig": ActionKind.DISABLE_TRIGGER,
    "DisableTrigAll": ActionKind.DISABLE_TRIGGER,
    "DisableTrigUser": ActionKind.DISABLE_TRIGGER,
}
_ACTIONS: dict[type[Action], ActionKind] = {
    CreateTable: ActionKind.CREATE_TABLE,
    RenameTable: ActionKind.RENAME_TABLE,
    RenameColumn: ActionKind.RENAME_COLUMN,
    RenameConstraint: ActionKind.RENAME_CONSTRAINT,
    SetSchema: ActionKind.SET_SCHEMA,
    CreateIndex: ActionKind.CREATE_INDEX,
    Truncate: ActionKind.TRUNCATE,
    LockTable: ActionKind.LOCK_TABLE,
    Transaction: ActionKind.TRANSACTION,
    SetVariable: ActionKind.SET_VARIABLE,
    PsqlCommand: ActionKind.PSQL_COMMAND,
    Unparsed: ActionKind.UNPARSED,
    Unread: ActionKind.OTHER,
    RefreshView: ActionKind.REFRESH_VIEW,
    CreateTrigger: ActionKind.CREATE_TRIGGER,
    CreateRule: ActionKind.CREATE_RULE,
    CreatePolicy: ActionKind.CREATE_POLICY,
    AlterPolicy: ActionKind.ALTER_POLICY,
    CreateFunction: ActionKind.CREATE_FUNCTION,
    AlterSequence: ActionKind.ALTER_SEQUENCE,
    AlterDomain: ActionKind.ALTER_DOMAIN,
    RenameType: ActionKind.RENAME_OBJECT,
    SetTypeSchema: ActionKind.RENAME_OBJECT,
    RenameAttribute: ActionKind.RENAME_OBJECT,
    DropRoutines: ActionKind.DROP_OBJECT,
    DropSequence: ActionKind.DROP_OBJECT,
    DropThings: ActionKind.DROP_OBJECT,
    DropType: ActionKind.DROP_OBJECT,
}
_DML = {
    DmlKind.SELECT: ActionKind.SELECT,
    DmlKind.INSERT: ActionKind.INSERT,
    DmlKind.UPDATE: ActionKind.UPDATE,
    DmlKind.DELETE: ActionKind.DELETE,
    DmlKind.MERGE: ActionKind.MERGE,
    DmlKind.COPY_FROM: ActionKind.COPY,
    DmlKind.COPY_TO: ActionKind.COPY,
}

_DROPS = {
    "schema": ActionKind.DROP_SCHEMA,
    "extension": ActionKind.DROP_OBJECT,
    "publication": ActionKind.UNPUBLISH,
}


def kind_of_table_action(action: TableAction) -> ActionKind:
    """Give the kind of one action of ALTER TABLE."""
    match action:
        case OtherTableAction(kind="ReplicaIdentity", value="n"):
            return ActionKind.NO_REPLICA_IDENTITY
        case OtherTableAction(kind=word):
            return _BY_WORD.get(word, ActionKind.OTHER_TABLE_ACTION)
        case ChangeParent(leaves=True):
            return ActionKind.LEAVE_PARENT
        case _:
            return _TABLE_ACTIONS.get(type(action), ActionKind.OTHER_TABLE_ACTION)


def kind_of(action: Action) -> ActionKind:
    """Give the kind of a statement that is judged as a whole."""
    match action:
        case Dml(kind):
            return _DML[kind]
        case AlterEnum(old=old):
            return ActionKind.ADD_ENUM_VALUE if old is None else ActionKind.RENAME_ENUM_VALUE
        case AlterRoutine(to=to, schema=schema):
            return ActionKind.RENAME_OBJECT if to or schema else ActionKind.OTHER
        case DropPart(kind="policy"):
            return ActionKind.DROP_POLICY
        case Other():
            return _kind_of_other(action)
        case _:
            return _ACTIONS.get(type(action), ActionKind.OTHER)


def _kind_of_other(action: Other) -> ActionKind:
    match action.says:
        case Vacuum(full=True):
            return ActionKind.VACUUM_FULL
        case Cluster():
            return ActionKind.CLUSTER
        case (Renamed() | Moved()) as change if change.target.kind != "statistic ext":
            return ActionKind.RENAME_OBJECT
        case PublicationChange(verb=verb):
            return ActionKind.UNPUBLISH if verb in ("drop", "set") else ActionKind.PUBLISH
        case Grants(grant=False, option=False):
            return ActionKind.REVOKE
        case Dropped():
            return _DROPS.get(action.detail, ActionKind.OTHER)
        case _:
            return ActionKind.DROP_DATABASE if action.kind == "DropdbStmt" else ActionKind.OTHER
