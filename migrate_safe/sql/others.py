"""Statements that no room models yet: their kind, their objects, and the word that tells variants apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.said import Extension, Said
from migrate_safe.model.statement import Other
from migrate_safe.sql import replication, rights, roles, sessions, upkeep
from migrate_safe.sql.names import dotted, name_of, object_name, option_is_on, options
from migrate_safe.sql.relations import relations_in
from migrate_safe.sql.targets import target_of
from migrate_safe.sql.tree import fields, kind_of

_READERS: dict[str, Callable[[Any], Said]] = {
    "AlterDefaultPrivilegesStmt": rights.default_privileges,
    "AlterExtensionContentsStmt": upkeep.extension,
    "AlterExtensionStmt": upkeep.extension,
    "AlterObjectSchemaStmt": rights.moved,
    "AlterOwnerStmt": rights.change_owner,
    "AlterPublicationStmt": replication.publication,
    "AlterRoleSetStmt": roles.role_change,
    "AlterRoleStmt": roles.role_change,
    "AlterStatsStmt": upkeep.statistics_target,
    "AlterSubscriptionStmt": replication.subscription,
    "AlterTableMoveAllStmt": upkeep.move_all,
    "ClosePortalStmt": sessions.cursor,
    "ClusterStmt": upkeep.cluster,
    "CommentStmt": rights.comment,
    "ConstraintsSetStmt": upkeep.set_constraints,
    "CreateExtensionStmt": upkeep.extension,
    "CreatePublicationStmt": replication.publication,
    "CreateRoleStmt": roles.role_change,
    "CreateSchemaStmt": rights.new_schema,
    "CreateStatsStmt": upkeep.new_statistics,
    "CreateSubscriptionStmt": replication.subscription,
    "DeallocateStmt": sessions.prepared,
    "DeclareCursorStmt": sessions.cursor,
    "DropOwnedStmt": rights.owned_by,
    "DropRoleStmt": roles.role_change,
    "DropStmt": rights.dropped,
    "DropSubscriptionStmt": replication.subscription,
    "ExecuteStmt": sessions.prepared,
    "FetchStmt": sessions.cursor,
    "GrantRoleStmt": roles.role_change,
    "GrantStmt": rights.grants,
    "PrepareStmt": sessions.prepared,
    "ReassignOwnedStmt": rights.owned_by,
    "RenameStmt": rights.renamed,
    "SecLabelStmt": rights.security_label,
    "VacuumStmt": upkeep.vacuum,
}
# Fields that hold a name as a list of strings.
_NAME_LISTS = ("defnames", "type_name", "typevar", "domainname", "trigname", "opfamilyname", "opclassname", "funcname")
# Fields that hold a name as text.
_NAME_TEXTS = ("extname", "schemaname", "pubname", "subname", "servername", "fdwname", "plname", "dbname", "name")


def other(node: Any) -> Other:
    """Describe any statement by its node's name, e.g. `CreatePolicyStmt`."""
    return Other(kind_of(node), objects_of(node), detail_of(node), saying_of(node))


def saying_of(node: Any) -> Said | None:
    """Give all that a statement says, of the kinds that are read in full."""
    reader = _READERS.get(kind_of(node))
    if kind_of(node) == "AlterObjectSchemaStmt" and node.object_type == pb.OBJECT_EXTENSION:
        return Extension("move", target_of("extension", node.object).name.name, node.newschema)
    return reader(node) if reader is not None else None


def objects_of(node: Any) -> tuple[Name, ...]:
    """Give the names that a statement mentions as its objects, in order."""
    found: list[Name | None] = []
    for field, child in fields(node):
        match kind_of(child):
            case "RangeVar":
                found.append(name_of(child))
            case "VacuumRelation":
                found.append(name_of(child.relation))
            case "ObjectWithArgs":
                found.append(dotted(child.objname))
            case "SelectStmt" | "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt":
                found.extend(relations_in(child))
            case "FuncCall" if field == "funccall":
                found.append(dotted(child.funcname))
    if "object" in node.DESCRIPTOR.fields_by_name and node.HasField("object"):
        found.append(object_name(node.object))
    if "objects" in node.DESCRIPTOR.fields_by_name:
        found.extend(object_name(item) for item in node.objects)
    found.extend(_own_names(node))
    return tuple(dict.fromkeys(name for name in found if name is not None and name.name))


def _own_names(node: Any) -> list[Name]:
    names = node.DESCRIPTOR.fields_by_name
    listed = [dotted(getattr(node, key)) for key in _NAME_LISTS if key in names and names[key].is_repeated]
    texts = [getattr(node, key) for key in _NAME_TEXTS if key in names and names[key].message_type is None]
    return listed + [Name(None, text) for text in texts if isinstance(text, str)]


def detail_of(node: Any) -> str:
    """Give the word that tells variants of a statement apart, in lower case; empty where there are none."""
    match kind_of(node):
        case "VacuumStmt":
            given = options(node.options)
            if not node.is_vacuumcmd:
                return "analyze"
            return "vacuum full" if option_is_on(given, "full") else "vacuum"
        case "GrantStmt" | "GrantRoleStmt":
            return "grant" if node.is_grant else "revoke"
        case "DiscardStmt":
            return str(pb.DiscardMode.Name(node.target)).removeprefix("DISCARD_").lower()
        case "AlterDatabaseStmt":
            return "tablespace" if "tablespace" in options(node.options) else ""
        case "CreateSchemaStmt":
            return "with elements" if node.schema_elts else ""
        case "DefineStmt":
            shell = node.kind == pb.OBJECT_TYPE and not node.definition
            return "shell type" if shell else _object_word(node.kind)
        case "ExplainStmt":
            return "analyze" if option_is_on(options(node.options), "analyze") else ""
        case _:
            for field in ("remove_type", "rename_type", "object_type", "objtype"):
                if field in node.DESCRIPTOR.fields_by_name:
                    return _object_word(getattr(node, field))
            return ""


def _object_word(number: int) -> str:
    word = str(pb.ObjectType.Name(number)).removeprefix("OBJECT_").replace("_", " ").lower()
    return "materialized view" if word == "matview" else word
