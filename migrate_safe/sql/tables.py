"""CREATE TABLE, ALTER TABLE and what else is said of tables."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.statement import (
    AddColumn,
    AddConstraint,
    AlterConstraint,
    AlterTable,
    AlterType,
    AttachPartition,
    ChangeParent,
    ChangeType,
    CreateTable,
    DetachPartition,
    DropColumn,
    DropConstraint,
    DropExpression,
    DropIdentity,
    DropNotNull,
    OtherTableAction,
    SetDefault,
    SetExpression,
    SetNotNull,
    TableAction,
    ValidateConstraint,
)
from migrate_safe.sql.columns import column_def_of
from migrate_safe.sql.constraints import constraint_of
from migrate_safe.sql.expressions import expr_of, optional_expr
from migrate_safe.sql.names import dotted, name_of, object_name, option_text
from migrate_safe.sql.sequences import change_identity
from migrate_safe.sql.targets import role_of
from migrate_safe.sql.tree import Unreadable, inner, kind_of, write
from migrate_safe.sql.typenames import type_of

OBJECTS = {
    pb.OBJECT_TABLE: "table",
    pb.OBJECT_VIEW: "view",
    pb.OBJECT_MATVIEW: "materialized view",
    pb.OBJECT_INDEX: "index",
    pb.OBJECT_SEQUENCE: "sequence",
    pb.OBJECT_FOREIGN_TABLE: "foreign table",
    pb.OBJECT_TYPE: "type",
}
"""What ALTER TABLE and its likes can be said of."""
ON_COMMIT = {
    pb.ONCOMMIT_NOOP: "preserve rows",
    pb.ONCOMMIT_PRESERVE_ROWS: "preserve rows",
    pb.ONCOMMIT_DELETE_ROWS: "delete rows",
    pb.ONCOMMIT_DROP: "drop",
}
"""What becomes of a temporary table at the end of the transaction."""

_LIKE_BITS = {
    "comments": 1,
    "compression": 2,
    "constraints": 4,
    "defaults": 8,
    "generated": 16,
    "identity": 32,
    "indexes": 64,
    "statistics": 128,
    "storage": 256,
}
"""The bits of TableLikeOption."""


def alter_table(node: Any) -> AlterTable:
    """Read an AlterTableStmt."""
    return AlterTable(
        table=name_of(node.relation),
        actions=tuple(_action(item.alter_table_cmd) for item in node.cmds),
        if_exists=node.missing_ok,
        only=not node.relation.inh,
        object=OBJECTS.get(node.objtype, "table"),
    )


def create_table(node: Any) -> CreateTable:
    """Read a CreateStmt (or the one inside a CreateForeignTableStmt)."""
    elements = [inner(item) for item in node.table_elts]
    partition_of = node.inh_relations if node.HasField("partbound") else ()
    inherits = () if node.HasField("partbound") else node.inh_relations
    of_kind = {kind: [e for e in elements if kind_of(e) == kind] for kind in ("ColumnDef", "Constraint")}
    return CreateTable(
        table=name_of(node.relation),
        columns=tuple(column_def_of(e, new_table=True) for e in of_kind["ColumnDef"]),
        constraints=tuple(constraint_of(e, new_table=True) for e in of_kind["Constraint"]),
        if_not_exists=node.if_not_exists,
        like=tuple(name_of(e.relation) for e in elements if kind_of(e) == "TableLikeClause"),
        like_options=tuple(_like_options(e.options) for e in elements if kind_of(e) == "TableLikeClause"),
        inherits=tuple(name_of(inner(item)) for item in inherits),
        partition_of=next((name_of(inner(item)) for item in partition_of), None),
        partition_bound=bound_text(node.partbound) if node.HasField("partbound") else None,
        partition_key=_partition_key(node) if node.HasField("partspec") else None,
        persistence=node.relation.relpersistence or "p",
        of_type=dotted(node.of_typename.names) if node.HasField("of_typename") else None,
        on_commit=ON_COMMIT.get(node.oncommit, "preserve rows"),
        options=options_of(node.options),
        tablespace=node.tablespacename or None,
        access_method=node.access_method or None,
    )


_OF_A_COLUMN = frozenset(
    {pb.AT_SetStatistics, pb.AT_SetStorage, pb.AT_SetCompression, pb.AT_SetOptions, pb.AT_ResetOptions}
)


def options_of(items: Any) -> tuple[str, ...]:
    """Give the WITH parameters of a list: `fillfactor=70`."""
    return tuple(_option(item.def_elem) for item in items)


def _like_options(mask: int) -> frozenset[str]:
    """Read what LIKE copies: the grammar folds INCLUDING and EXCLUDING into one bit mask."""
    return frozenset(word for word, bit in _LIKE_BITS.items() if mask & bit)


def bound_text(bound: pb.PartitionBoundSpec) -> str:
    """Write a partition's bound: `FOR VALUES ...` or `DEFAULT`."""
    if bound.is_default:
        return "DEFAULT"
    table = pb.CreateStmt(relation=_relation("p"), partbound=bound, oncommit=pb.ONCOMMIT_NOOP)
    table.inh_relations.add().range_var.CopyFrom(_relation("t"))
    return _tail(table, " OF t ")


def _partition_key(node: Any) -> str:
    table = pb.CreateStmt(relation=_relation("t"), partspec=node.partspec, oncommit=pb.ONCOMMIT_NOOP)
    return _tail(table, " PARTITION BY ")


def _relation(name: str) -> pb.RangeVar:
    return pb.RangeVar(relname=name, inh=True, relpersistence="p")


def _tail(statement: Any, after: str) -> str:
    try:
        return write(statement).partition(after)[2]
    except Unreadable:
        return ""


def _action(command: Any) -> TableAction:
    """Read one action of ALTER TABLE."""
    cascade = command.behavior == pb.DROP_CASCADE
    definition = inner(getattr(command, "def")) if command.HasField("def") else None
    match command.subtype:
        case pb.AT_AddColumn:
            return AddColumn(column_def_of(definition), command.missing_ok)
        case pb.AT_DropColumn:
            return DropColumn(command.name, command.missing_ok, cascade)
        case pb.AT_AlterColumnType:
            return _alter_type(command.name, definition)
        case pb.AT_ColumnDefault:
            return SetDefault(command.name, expr_of(getattr(command, "def")) if definition is not None else None)
        case pb.AT_SetNotNull:
            return SetNotNull(command.name)
        case pb.AT_DropNotNull:
            return DropNotNull(command.name)
        case pb.AT_AddConstraint:
            return AddConstraint(constraint_of(definition))
        case pb.AT_ValidateConstraint:
            return ValidateConstraint(command.name)
        case pb.AT_DropConstraint:
            return DropConstraint(command.name, command.missing_ok, cascade)
        case pb.AT_AttachPartition if definition is not None and definition.HasField("bound"):
            return AttachPartition(name_of(definition.name), bound_text(definition.bound))
        case pb.AT_DetachPartition if definition is not None:
            return DetachPartition(name_of(definition.name), concurrently=definition.concurrent)
        case pb.AT_DetachPartitionFinalize if definition is not None:
            return DetachPartition(name_of(definition.name), finalize=True)
        case _:
            return _rarer_action(command, definition)


def _rarer_action(command: Any, definition: Any) -> TableAction:
    match command.subtype:
        case pb.AT_AddIdentity | pb.AT_SetIdentity:
            return change_identity(command)
        case pb.AT_DropIdentity:
            return DropIdentity(command.name, command.missing_ok)
        case pb.AT_SetExpression:
            return SetExpression(command.name, expr_of(getattr(command, "def")))
        case pb.AT_DropExpression:
            return DropExpression(command.name, command.missing_ok)
        case pb.AT_AlterConstraint if definition is not None:
            return _alter_constraint(definition)
        case pb.AT_AddInherit | pb.AT_DropInherit if definition is not None:
            return ChangeParent(name_of(definition), leaves=command.subtype == pb.AT_DropInherit)
        case pb.AT_AddOf if definition is not None:
            return ChangeType(dotted(definition.names))
        case pb.AT_DropOf:
            return ChangeType(None)
        case pb.AT_SetStatistics if command.num:
            return OtherTableAction("SetStatistics", f"{command.num} {definition.ival}")
        case subtype:
            kind = pb.AlterTableType.Name(subtype).removeprefix("AT_")
            return OtherTableAction(kind, command.name or _argument(command, definition), _value(command, definition))


def _value(command: Any, definition: Any) -> str:
    """Write what SET STATISTICS, STORAGE, COMPRESSION and column options set, or the kind of a replica identity."""
    if command.subtype == pb.AT_ReplicaIdentity:
        return str(definition.identity_type)
    if definition is None or command.subtype not in _OF_A_COLUMN:
        return ""
    match kind_of(definition):
        case "Integer":
            return str(definition.ival)
        case "String":
            return str(definition.sval)
        case _:
            return _argument(command, definition)


def _alter_type(column: str, definition: Any) -> AlterType:
    collation: Name | None = None
    if definition.HasField("coll_clause"):
        collation = dotted(definition.coll_clause.collname)
    return AlterType(column, type_of(definition.type_name), optional_expr(definition, "raw_default"), collation)


def _option(element: Any) -> str:
    """Write `toast.autovacuum_enabled=false`; a word alone stays alone."""
    name = f"{element.defnamespace}.{element.defname}" if element.defnamespace else str(element.defname)
    return f"{name}={option_text(element)}" if element.HasField("arg") else name


def _alter_constraint(node: Any) -> AlterConstraint:
    return AlterConstraint(
        name=node.conname,
        deferrable=node.deferrable if node.alter_deferrability else None,
        deferred=node.initdeferred if node.alter_deferrability else None,
        enforced=node.is_enforced if node.alter_enforceability else None,
        no_inherit=node.noinherit if node.alter_inheritability else None,
    )


def _argument(command: Any, definition: Any) -> str:
    """Write what an action without a name is about: options, the new owner, a parent, a replica identity."""
    if command.HasField("newowner"):
        return role_of(command.newowner)
    if definition is None:
        return ""
    match kind_of(definition):
        case "List":
            elements = [item.def_elem for item in definition.items if item.HasField("def_elem")]
            return ", ".join(map(_option, elements))
        case "PartitionCmd":
            return str(name_of(definition.name))
        case "ReplicaIdentityStmt":
            return str(definition.name or {"n": "NOTHING", "f": "FULL", "d": "DEFAULT"}[definition.identity_type])
        case "Constraint" | "ATAlterConstraint":
            return str(definition.conname)
        case _:
            return str(object_name(getattr(command, "def")) or "")
