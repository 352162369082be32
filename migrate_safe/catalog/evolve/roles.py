"""Roles: they come, get other names and go, and statements name them. They belong to the cluster, not to a database."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve.rights import default_roles, held_by, roles_renamed
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.model.said import (
    ChangeOwner,
    Comment,
    DefaultPrivileges,
    Grants,
    NewSchema,
    OwnedBy,
    Renamed,
    RoleChange,
    Said,
)
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    Action,
    AlterPolicy,
    AlterTable,
    CreatePolicy,
    Other,
    OtherTableAction,
    SetVariable,
)
from migrate_safe.model.values import replace

_WORDS = frozenset({"", "CURRENT_USER", "SESSION_USER"})
_SESSION = frozenset({"role", "session_authorization"})


def other(schema: Schema, action: Other, _text: str) -> Schema | None:
    """Apply CREATE, RENAME and DROP of roles; None for other statements."""
    match action.says:
        case RoleChange(verb="create", roles=roles):
            return _created(schema, roles[0])
        case RoleChange(verb="drop", roles=roles):
            for role in roles:
                _refuse_drop(schema, role)
            return schema if schema.roles is None else replace(schema, roles=schema.roles - set(roles))
        case RoleChange():
            return schema
        case Renamed(target=target, to=to) if target.kind == "role":
            return _renamed(schema, target.name.name, to)
        case _:
            return None


def refuse_absent_roles(schema: Schema, action: Action) -> None:
    """Raise CannotApply for a role that a statement names and that certainly does not exist."""
    if schema.roles is None:
        return
    missing = [r for r in _named(schema, action) if r not in _WORDS and r not in schema.roles]
    if missing:
        raise CannotApply(f"role {missing[0]!r} does not exist")


def _named(schema: Schema, action: Action) -> Iterable[str]:
    match action:
        case AlterTable(table=table, actions=actions) as change:
            if change.if_exists and not relation_exists(schema, schema.resolve(table)):
                return ()
            return [a.argument for a in actions if isinstance(a, OtherTableAction) and a.kind == "ChangeOwner"]
        case CreatePolicy(policy=policy):
            return policy.roles
        case AlterPolicy(roles=roles):
            return roles or ()
        case SetVariable(variable=variable, value=value) if variable in _SESSION:
            return () if value is None or value.lower() in ("none", "default") else (value,)
        case Other(says=said) if said is not None:
            return _said(said)
        case _:
            return ()


def _said(said: Said) -> Iterable[str]:
    match said:
        case Grants(roles=roles):
            return roles
        case DefaultPrivileges(grants=grants, creators=creators):
            return (*creators, *grants.roles)
        case ChangeOwner(role=role):
            return (role,)
        case OwnedBy(roles=roles, to=to):
            return (*roles, to or "")
        case NewSchema(owner=owner):
            return (owner or "",)
        case RoleChange() as change:
            absent = change.verb == "create" or change.if_exists
            return change.members if absent else (*change.roles, *change.members)
        case Renamed(target=target) | Comment(target=target) if target.kind == "role":
            return (target.name.name,)
        case _:
            return ()


def _created(schema: Schema, role: str) -> Schema:
    _refuse_name(schema, role)
    return schema if schema.roles is None else replace(schema, roles=schema.roles | {role})


def _refuse_name(schema: Schema, role: str) -> None:
    if role.startswith("pg_") or role in ("public", "none"):
        raise CannotApply(f"role name {role!r} is reserved")
    if schema.roles is not None and role in schema.roles:
        raise CannotApply(f"role {role!r} already exists")


def _refuse_drop(schema: Schema, role: str) -> None:
    if role == schema.role or role in _WORDS:
        raise CannotApply("the current user cannot be dropped")
    held = held_by(schema, role)
    if held is not None:
        raise CannotApply(f"role {role!r} cannot be dropped: {held}")


def _renamed(schema: Schema, old: str, new: str) -> Schema:
    if old == schema.role:
        raise CannotApply("the current user cannot be renamed")
    _refuse_name(schema, new)
    schema = default_roles(roles_renamed(schema, old, new), old, new)
    return schema if schema.roles is None else replace(schema, roles=(schema.roles - {old}) | {new})
