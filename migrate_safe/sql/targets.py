"""The objects that GRANT, COMMENT, OWNER TO, RENAME and DROP point at."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.said import Target
from migrate_safe.sql.names import dotted, name_of, strings
from migrate_safe.sql.tree import inner, kind_of
from migrate_safe.sql.typenames import type_of

_ON_SOMETHING = frozenset({"column", "tabconstraint", "trigger", "policy", "rule", "domconstraint"})
_NOT_ARGUMENTS = frozenset({pb.FUNC_PARAM_OUT, pb.FUNC_PARAM_TABLE})
ANY_ARGUMENTS = "*"
"""Stands for the argument types of a routine that is named without them."""
_ROLES = {
    pb.ROLESPEC_CURRENT_USER: "CURRENT_USER",
    pb.ROLESPEC_CURRENT_ROLE: "CURRENT_USER",
    pb.ROLESPEC_SESSION_USER: "SESSION_USER",
    pb.ROLESPEC_PUBLIC: "",
}


def target_of(kind: str, node: Any) -> Target:
    """Read the object of a statement; of one that is on another both are told."""
    found = inner(node)
    match kind_of(found):
        case "RangeVar":
            return Target(kind, name_of(found))
        case "TypeName":
            return Target(kind, dotted(found.names))
        case "ObjectWithArgs":
            return Target(kind, dotted(found.objname), arguments_of(found))
        case "String":
            return Target(kind, Name(None, found.sval))
        case "List" if kind in _ON_SOMETHING:
            return _on_something(kind, found.items)
        case "List":
            return Target(kind, _last_name(found.items))
        case _:
            return Target(kind, Name(None, ""))


def _on_something(kind: str, items: Any) -> Target:
    """Read `schema.table.column`, or a type and the name of its constraint."""
    typed = next((inner(item) for item in items if kind_of(inner(item)) == "TypeName"), None)
    words = strings(items)
    if typed is not None:
        return Target(kind, dotted(typed.names), words[-1] if words else "")
    return Target(kind, Name(words[-3] if len(words) > 2 else None, words[-2] if len(words) > 1 else ""), words[-1])


def _last_name(items: Any) -> Name:
    typed = next((inner(item) for item in items if kind_of(inner(item)) == "TypeName"), None)
    return dotted(typed.names) if typed is not None else dotted(items)


def arguments_of(node: Any) -> str:
    """Write the argument types of an ObjectWithArgs as the catalog spells them: `integer, text`."""
    if node.args_unspecified:
        return ANY_ARGUMENTS
    given = [inner(item) for item in node.objfuncargs]
    if given:
        return ", ".join(str(type_of(a.arg_type)) for a in given if a.mode not in _NOT_ARGUMENTS)
    types = [inner(item) for item in node.objargs]
    return ", ".join(str(type_of(t)) for t in types if kind_of(t) == "TypeName")


def role_of(spec: Any) -> str:
    """Give the name of a role: empty for PUBLIC, CURRENT_USER and SESSION_USER by those words."""
    return _ROLES.get(spec.roletype, str(spec.rolename))


def roles_of(nodes: Any) -> tuple[str, ...]:
    """Give the names of a list of roles."""
    return tuple(role_of(inner(node)) for node in nodes)
