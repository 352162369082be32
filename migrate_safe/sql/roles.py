"""CREATE, ALTER and DROP ROLE, and membership in roles."""

from __future__ import annotations

from typing import Any

from migrate_safe.model.said import RoleChange
from migrate_safe.sql.names import options
from migrate_safe.sql.targets import role_of, roles_of
from migrate_safe.sql.tree import inner, kind_of

_MEMBERS = ("addroleto", "rolemembers", "adminmembers")


def role_change(node: Any) -> RoleChange:
    """Read a CreateRoleStmt, AlterRoleStmt, AlterRoleSetStmt, DropRoleStmt or GrantRoleStmt."""
    match kind_of(node):
        case "CreateRoleStmt":
            return RoleChange("create", (node.role,), _members(node))
        case "DropRoleStmt":
            return RoleChange("drop", roles_of(node.roles), if_exists=node.missing_ok)
        case "GrantRoleStmt":
            granted = tuple(inner(item).priv_name for item in node.granted_roles)
            return RoleChange("alter", granted, roles_of(node.grantee_roles))
        case _:
            altered = (role_of(node.role),) if node.HasField("role") else ()
            return RoleChange("alter", altered, _members(node) if kind_of(node) == "AlterRoleStmt" else ())


def _members(node: Any) -> tuple[str, ...]:
    given = options(node.options)
    return tuple(r for word in _MEMBERS if word in given for r in roles_of(inner(given[word].arg).items))
