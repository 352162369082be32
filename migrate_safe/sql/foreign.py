"""Foreign data wrappers, servers, user mappings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.statement import (
    AlterForeign,
    CreateForeign,
    DropForeign,
    ForeignAction,
    ForeignKind,
    ImportForeignSchema,
    OptionChange,
    RenameForeign,
)
from migrate_safe.sql.names import dotted, option_text, options
from migrate_safe.sql.tree import inner, kind_of

KINDS = {pb.OBJECT_FDW: ForeignKind.WRAPPER, pb.OBJECT_FOREIGN_SERVER: ForeignKind.SERVER}
"""What DROP and RENAME can be said of here."""
_VERBS = {pb.DEFELEM_SET: "set", pb.DEFELEM_DROP: "drop"}
_ROLES = {pb.ROLESPEC_PUBLIC: "", pb.ROLESPEC_CURRENT_USER: "current_user", pb.ROLESPEC_SESSION_USER: "session_user"}


def foreign(node: Any) -> ForeignAction | None:
    """Read a statement about foreign data; None for any other."""
    match kind_of(node):
        case "CreateFdwStmt":
            name = Name(None, node.fdwname)
            return CreateForeign(ForeignKind.WRAPPER, name, _functions(node), _options(node.options))
        case "AlterFdwStmt":
            name = Name(None, node.fdwname)
            return AlterForeign(ForeignKind.WRAPPER, name, _functions(node), _options(node.options))
        case "CreateForeignServerStmt":
            facts = (("wrapper", node.fdwname), ("type", node.servertype), ("version", node.version))
            known = tuple((word, text) for word, text in facts if text)
            name = Name(None, node.servername)
            return CreateForeign(ForeignKind.SERVER, name, known, _options(node.options), node.if_not_exists)
        case "AlterForeignServerStmt":
            version = (("version", node.version),) if node.has_version else ()
            return AlterForeign(ForeignKind.SERVER, Name(None, node.servername), version, _options(node.options))
        case "CreateUserMappingStmt":
            return CreateForeign(ForeignKind.MAPPING, _mapping(node), (), _options(node.options), node.if_not_exists)
        case "AlterUserMappingStmt":
            return AlterForeign(ForeignKind.MAPPING, _mapping(node), (), _options(node.options))
        case "DropUserMappingStmt":
            return DropForeign(ForeignKind.MAPPING, (_mapping(node),), node.missing_ok)
        case "ImportForeignSchemaStmt":
            return ImportForeignSchema(node.server_name, node.local_schema)
        case _:
            return None


def drop(node: Any) -> DropForeign:
    """Read a DropStmt about wrappers or servers."""
    names = tuple(Name(None, item.string.sval) for item in node.objects)
    return DropForeign(KINDS[node.remove_type], names, node.missing_ok, node.behavior == pb.DROP_CASCADE)


def rename(node: Any) -> RenameForeign:
    """Read a RenameStmt about a wrapper or a server."""
    return RenameForeign(KINDS[node.rename_type], inner(node.object).sval, node.newname)


def _functions(node: Any) -> tuple[tuple[str, str], ...]:
    given = options(node.func_options)
    found = {
        word: str(dotted(inner(e.arg).items)) if e.HasField("arg") else ""
        for word, e in given.items()
        if word == "handler"
    }
    return tuple(found.items())


def _options(nodes: Iterable[Any]) -> tuple[OptionChange, ...]:
    elements = [node.def_elem for node in nodes]
    return tuple(OptionChange(_VERBS.get(e.defaction, "add"), e.defname, option_text(e)) for e in elements)


def _mapping(node: Any) -> Name:
    return Name(node.servername, _ROLES.get(node.user.roletype, node.user.rolename))
