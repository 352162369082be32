"""Which value each statement of the grammar becomes."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.source import Span
from migrate_safe.model.statement import (
    Action,
    CreateTable,
    CreateView,
    DropIndex,
    DropTable,
    DropView,
    LockTable,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SetSchema,
    Statement,
    Truncate,
)
from migrate_safe.model.values import replace
from migrate_safe.sql import acting, dml, foreign, indexes, objects, routines, sequences, sessions, tables, user_types
from migrate_safe.sql.names import dotted, name_of
from migrate_safe.sql.others import other
from migrate_safe.sql.tables import OBJECTS
from migrate_safe.sql.things import thing
from migrate_safe.sql.tree import Unreadable, inner, kind_of, write


def action_of(node: Any) -> Action:
    """Turn a statement's tree into its value; a DO block comes without what is inside it."""
    match kind_of(node):
        case "AlterTableStmt" if node.objtype == pb.OBJECT_TYPE:
            return user_types.alter_composite(node)
        case "AlterTableStmt":
            return tables.alter_table(node)
        case "CreateStmt":
            return tables.create_table(node)
        case "CreateForeignTableStmt":
            return replace(tables.create_table(node.base_stmt), foreign=node.servername)
        case "CreateTableAsStmt":
            return _create_table_as(node)
        case "DropStmt":
            return _drop(node)
        case "RenameStmt":
            return _rename(node)
        case "AlterObjectSchemaStmt" if node.object_type in OBJECTS and node.HasField("relation"):
            return SetSchema(name_of(node.relation), node.newschema, node.missing_ok, OBJECTS[node.object_type])
        case "IndexStmt":
            return indexes.create_index(node)
        case "ReindexStmt":
            return indexes.reindex(node)
        case "TruncateStmt":
            cascade = node.behavior == pb.DROP_CASCADE
            return Truncate(_names(node.relations), cascade, _only(node.relations), node.restart_seqs)
        case "LockStmt":
            return LockTable(_names(node.relations), node.mode, node.nowait, _only(node.relations))
        case "SelectStmt":
            return dml.select(node)
        case "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt":
            return dml.write(node)
        case "CopyStmt":
            return dml.copy(node)
        case "TransactionStmt":
            return sessions.transaction(node)
        case "VariableSetStmt":
            return sessions.set_variable(node)
        case _:
            return _object(node)


def _object(node: Any) -> Action:
    match kind_of(node):
        case "ViewStmt":
            return objects.create_view(node)
        case "RefreshMatViewStmt":
            return objects.refresh_view(node)
        case "CreateSeqStmt":
            return sequences.create_sequence(node)
        case "AlterSeqStmt":
            return sequences.alter_sequence(node)
        case "ExplainStmt" | "PrepareStmt" | "DeclareCursorStmt":
            return replace(other(node), inner=(_inner_statement(node.query),))
        case "CreateSchemaStmt":
            return replace(other(node), inner=tuple(_inner_statement(item) for item in node.schema_elts))
        case _:
            return _program(node) or _type(node)


def _type(node: Any) -> Action:
    match kind_of(node):
        case "CreateEnumStmt":
            return user_types.create_enum(node)
        case "AlterEnumStmt":
            return user_types.alter_enum(node)
        case "CreateDomainStmt":
            return user_types.create_domain(node)
        case "AlterDomainStmt":
            return user_types.alter_domain(node)
        case "CompositeTypeStmt":
            return user_types.create_composite(node)
        case "CreateRangeStmt":
            return user_types.create_range(node)
        case "AlterObjectSchemaStmt" if node.object_type in user_types.TYPES:
            return user_types.set_schema(node)
        case _:
            return foreign.foreign(node) or thing(node) or other(node)


def _program(node: Any) -> Action | None:
    """Read a statement about triggers, policies, rules or routines."""
    match kind_of(node):
        case "CreateFunctionStmt":
            return routines.create_function(node)
        case "DefineStmt" if node.kind == pb.OBJECT_AGGREGATE:
            return routines.create_aggregate(node)
        case "AlterFunctionStmt":
            return routines.alter_routine(node)
        case "RenameStmt" if node.rename_type in routines.ROUTINES:
            return routines.rename_routine(node)
        case "AlterObjectSchemaStmt" if node.object_type in routines.ROUTINES:
            return routines.move_routine(node)
        case "CallStmt":
            return routines.call(node)
        case "CreateTrigStmt":
            return acting.create_trigger(node)
        case "CreatePolicyStmt":
            return acting.create_policy(node)
        case "AlterPolicyStmt":
            return acting.alter_policy(node)
        case "RuleStmt":
            return acting.create_rule(node)
        case _:
            return None


def _inner_statement(node: Any) -> Statement:
    """Read a statement inside another one; it has no place of its own in the file."""
    message = inner(node)
    try:
        text = write(message)
    except Unreadable:
        text = ""
    return Statement(text, Span("", 0, len(text), 1, 1, 1, 1), action_of(message))


def _names(nodes: Any) -> tuple[Any, ...]:
    return tuple(name_of(inner(item)) for item in nodes)


def _only(nodes: Any) -> tuple[Any, ...]:
    """Give those relations of a list that stand behind ONLY."""
    return tuple(name_of(inner(item)) for item in nodes if not inner(item).inh)


def _create_table_as(node: Any) -> CreateTable | CreateView:
    if node.objtype == pb.OBJECT_MATVIEW:
        return objects.create_materialized_view(node)
    made = CreateTable(
        table=name_of(node.into.rel),
        if_not_exists=node.if_not_exists,
        persistence=node.into.rel.relpersistence or "p",
        with_data=not node.into.skip_data,
        on_commit=tables.ON_COMMIT.get(node.into.on_commit, "preserve rows"),
        options=tables.options_of(node.into.options),
        tablespace=node.into.table_space_name or None,
        access_method=node.into.access_method or None,
    )
    return dml.made_by_query(made, inner(node.query), node.into.col_names)


def _drop(node: Any) -> Action:
    cascade = node.behavior == pb.DROP_CASCADE
    found = tuple(dotted(inner(item).items) for item in node.objects if item.HasField("list"))
    match node.remove_type:
        case pb.OBJECT_TABLE | pb.OBJECT_FOREIGN_TABLE:
            return DropTable(found, node.missing_ok, cascade, node.remove_type == pb.OBJECT_FOREIGN_TABLE)
        case pb.OBJECT_INDEX:
            return DropIndex(found, node.concurrent, node.missing_ok, cascade)
        case pb.OBJECT_VIEW | pb.OBJECT_MATVIEW:
            return DropView(found, node.remove_type == pb.OBJECT_MATVIEW, node.missing_ok, cascade)
        case kind if kind in foreign.KINDS:
            return foreign.drop(node)
        case pb.OBJECT_SEQUENCE:
            return sequences.drop_sequence(node)
        case kind if kind in user_types.TYPES:
            return user_types.drop(node)
        case kind if kind in acting.PARTS:
            return acting.drop_part(node)
        case kind if kind in routines.ROUTINES:
            return routines.drop_routines(node)
        case _:
            return thing(node) or other(node)


def _rename(node: Any) -> Action:
    if node.rename_type in (*user_types.TYPES, pb.OBJECT_ATTRIBUTE, pb.OBJECT_DOMCONSTRAINT):
        return user_types.rename(node)
    if node.rename_type in foreign.KINDS:
        return foreign.rename(node)
    if not node.HasField("relation"):
        return _object(node)
    if node.rename_type in acting.PARTS:
        return acting.rename_part(node)
    relation, only = name_of(node.relation), not node.relation.inh
    if node.rename_type == pb.OBJECT_COLUMN:
        word = OBJECTS.get(node.relation_type, "table")
        return RenameColumn(relation, node.subname, node.newname, node.missing_ok, word, only)
    if node.rename_type == pb.OBJECT_TABCONSTRAINT:
        return RenameConstraint(relation, node.subname, node.newname, node.missing_ok, only)
    if node.rename_type in OBJECTS and node.rename_type != pb.OBJECT_TYPE:
        return RenameTable(relation, node.newname, node.missing_ok, OBJECTS[node.rename_type])
    return other(node)
