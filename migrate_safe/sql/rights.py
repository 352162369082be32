"""GRANT, ALTER DEFAULT PRIVILEGES, OWNER TO, COMMENT and what else says who may do what, and what it is."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.said import (
    ChangeOwner,
    Comment,
    DefaultPrivileges,
    Dropped,
    Grants,
    Moved,
    NewSchema,
    OwnedBy,
    Privilege,
    Renamed,
    SecurityLabel,
    Target,
)
from migrate_safe.sql.names import options, strings
from migrate_safe.sql.targets import role_of, roles_of, target_of
from migrate_safe.sql.tree import inner

_WORDS = {"temp": "TEMPORARY"}


def object_word(number: int) -> str:
    """Spell an object's kind as SQL does, in lower case: `materialized view`, `tabconstraint`."""
    word = str(pb.ObjectType.Name(number)).removeprefix("OBJECT_").replace("_", " ").lower()
    return "materialized view" if word == "matview" else word


def comment(node: Any) -> Comment:
    """Read a CommentStmt."""
    return Comment(target_of(object_word(node.objtype), node.object), str(node.comment) or None)


def security_label(node: Any) -> SecurityLabel:
    """Read a SecLabelStmt."""
    return SecurityLabel(target_of(object_word(node.objtype), node.object))


def change_owner(node: Any) -> ChangeOwner:
    """Read an AlterOwnerStmt."""
    return ChangeOwner(target_of(object_word(node.object_type), node.object), role_of(node.newowner))


def grants(node: Any) -> Grants:
    """Read a GrantStmt."""
    everywhere = node.targtype == pb.ACL_TARGET_ALL_IN_SCHEMA
    kind = object_word(node.objtype)
    return Grants(
        kind=kind,
        targets=tuple(target_of("schema" if everywhere else kind, item) for item in node.objects),
        privileges=tuple(_privilege(inner(item)) for item in node.privileges) or (Privilege("ALL"),),
        roles=roles_of(node.grantees),
        grant=node.is_grant,
        option=node.grant_option,
        everywhere=everywhere,
    )


def _privilege(node: Any) -> Privilege:
    word = node.priv_name or "ALL"
    return Privilege(_WORDS.get(word, word.upper()), strings(node.cols))


def default_privileges(node: Any) -> DefaultPrivileges:
    """Read an AlterDefaultPrivilegesStmt."""
    given = options(node.options)
    roles = roles_of(inner(given["roles"].arg).items) if "roles" in given else ()
    schemas = strings(inner(given["schemas"].arg).items) if "schemas" in given else ()
    return DefaultPrivileges(grants(node.action), roles, schemas)


def owned_by(node: Any) -> OwnedBy:
    """Read a ReassignOwnedStmt or DropOwnedStmt."""
    if "newrole" in node.DESCRIPTOR.fields_by_name:
        return OwnedBy(roles_of(node.roles), role_of(node.newrole))
    return OwnedBy(roles_of(node.roles), cascade=node.behavior == pb.DROP_CASCADE)


def renamed(node: Any) -> Renamed:
    """Read a RenameStmt of what is no relation."""
    kind = object_word(node.rename_type)
    if node.HasField("object"):
        return Renamed(target_of(kind, node.object), node.newname)
    return Renamed(Target(kind, target_of(kind, pb.Node(string=pb.String(sval=node.subname))).name), node.newname)


def moved(node: Any) -> Moved:
    """Read an AlterObjectSchemaStmt of what is no relation."""
    return Moved(target_of(object_word(node.object_type), node.object), node.newschema)


def dropped(node: Any) -> Dropped:
    """Read a DropStmt of what is no relation."""
    kind = object_word(node.remove_type)
    targets = tuple(target_of(kind, item) for item in node.objects)
    return Dropped(targets, node.missing_ok, node.behavior == pb.DROP_CASCADE)


def new_schema(node: Any) -> NewSchema:
    """Read a CreateSchemaStmt; a schema without a name is called after its owner."""
    owner = role_of(node.authrole) if node.HasField("authrole") else None
    return NewSchema(node.schemaname or owner or "", owner, node.if_not_exists)
