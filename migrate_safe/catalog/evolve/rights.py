"""GRANT, REVOKE, ALTER DEFAULT PRIVILEGES, OWNER TO, REASSIGN OWNED, DROP OWNED: who owns what and who may use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from migrate_safe.catalog.change import CannotApply, certain
from migrate_safe.catalog.evolve.holders import Holder, every_holder, holder_of, put_holder
from migrate_safe.catalog.privileges import (
    given_to_all,
    grant_of,
    grant_text,
    granted,
    role_name,
    without_owner,
    words_for,
)
from migrate_safe.catalog.things import drop_thing, need_thing, put_thing
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Grant, Policy, Thing
from migrate_safe.model.said import ChangeOwner, DefaultPrivileges, Grants, OwnedBy, Target
from migrate_safe.model.schema import Column, ColumnGrant, Schema
from migrate_safe.model.statement import Other
from migrate_safe.model.values import replace

G = TypeVar("G", Grant, ColumnGrant)

DEFAULTS = "default privileges"
"""The kind of the things that hold ALTER DEFAULT PRIVILEGES."""


def other(schema: Schema, action: Other, _text: str) -> Schema | None:
    """Apply a statement about rights and owners; None for those about something else."""
    match action.says:
        case Grants() as change:
            return _grant(schema, change)
        case DefaultPrivileges() as change:
            return _by_default(schema, change)
        case ChangeOwner(target=target, role=role):
            holder = holder_of(schema, target, needed=True)
            return schema if holder is None else put_holder(schema, owned_by(holder, role_name(schema, role)))
        case OwnedBy(roles=roles, to=str(to)):
            return _reassigned(schema, {role_name(schema, r) for r in roles}, role_name(schema, to))
        case OwnedBy() as change:
            return _without_grants_to(schema, {role_name(schema, r) for r in change.roles})
        case _:
            return None


def owned_by(holder: Holder, owner: str) -> Holder:
    """Give an object another owner, who needs no grants on it any more."""
    return replace(holder, owner=owner, grants=without_owner(holder.grants, owner))


# ---- GRANT ---------------------------------------------------------------------------------


def _grant(schema: Schema, change: Grants) -> Schema:
    """Apply GRANT or REVOKE to every object."""
    if change.grant and change.option and "" in change.roles:
        raise CannotApply("grant options can only be granted to roles")
    for target in _everything_in(schema, change) if change.everywhere else change.targets:
        holder = holder_of(schema, target, needed=True)
        if holder is not None:
            schema = _granted_on(schema, change, holder)
    return schema


def _everything_in(schema: Schema, change: Grants) -> Iterable[Target]:
    wanted = {t.name.name for t in change.targets}
    for target in change.targets:
        need_thing(schema, "schema", target.name)
    kinds = ("function", "procedure") if change.kind == "routine" else (change.kind,)
    return [h.target for h in every_holder(schema) if h.target.kind in kinds and h.target.name.schema in wanted]


def _granted_on(schema: Schema, change: Grants, holder: Holder) -> Schema:
    roles = [r for r in (role_name(schema, role) for role in change.roles) if r != holder.owner]
    words = words_for(schema, change, holder.target.kind)
    schema = put_holder(schema, replace(holder, grants=granted(holder.grants, change, words, roles)))
    if holder.target.kind != "table" or holder.target.name not in schema.tables:
        return schema
    return _on_columns(schema, change, holder.target.name, words, roles)


def _on_columns(schema: Schema, change: Grants, name: Name, whole: Iterable[str], roles: list[str]) -> Schema:
    """Grant on columns; what is revoked on the whole table is revoked on each column too."""
    table = schema.tables[name]
    words_for(schema, change, "table", columns=True)
    named = {c for p in change.privileges for c in p.columns}
    missing = sorted(c for c in named if table.column(c) is None)
    if missing and certain(schema, table):
        raise CannotApply(f"column {missing[0]!r} of {name} does not exist")
    changed = tuple(_column(schema, change, c, set() if change.grant else set(whole), roles) for c in table.columns)
    return replace(schema, tables={**schema.tables, name: replace(table, columns=changed)})


def _column(schema: Schema, change: Grants, column: Column, whole: set[str], roles: list[str]) -> Column:
    here = tuple(p for p in change.privileges if column.name in p.columns)
    words = whole | set(words_for(schema, replace(change, privileges=here), "table", columns=True))
    if not words:
        return column
    held = [Grant(g.privilege, g.role, g.grantable) for g in column.grants]
    after = granted(held, change, words, roles)
    return replace(column, grants=tuple(ColumnGrant(g.privilege, g.role, g.grantable) for g in after))


# ---- ALTER DEFAULT PRIVILEGES ----------------------------------------------------------------


def _by_default(schema: Schema, change: DefaultPrivileges) -> Schema:
    creators = [role_name(schema, r) for r in change.creators] or [schema.role or "CURRENT_USER"]
    if change.schemas and change.grants.kind == "schema":
        raise CannotApply("cannot use IN SCHEMA when using GRANT/REVOKE ON SCHEMAS")
    for place in change.schemas or (None,):
        if place is not None:
            need_thing(schema, "schema", Name(None, place))
        for creator in creators:
            schema = _default_changed(schema, change.grants, creator, place)
    return schema


def _default_changed(schema: Schema, change: Grants, creator: str, place: str | None) -> Schema:
    name = Name(place, f"{change.kind} by {creator}")
    usual = given_to_all(change.kind) if place is None else ()
    held = default_grants(schema, change.kind, creator, place)
    roles = [r for r in (role_name(schema, role) for role in change.roles) if r != creator]
    after = granted(held, change, words_for(schema, change, change.kind), roles)
    if after == usual:
        return drop_thing(schema, DEFAULTS, name)
    return put_thing(schema, Thing(DEFAULTS, name, tuple(("grant", grant_text(g)) for g in after)))


def default_grants(schema: Schema, kind: str, creator: str | None, place: str | None) -> tuple[Grant, ...]:
    """Give what a creator's new objects of a kind get: everywhere (None), or besides in one schema."""
    known = schema.things.get((DEFAULTS, Name(place, f"{kind} by {creator}")))
    if known is None:
        return given_to_all(kind) if place is None else ()
    return tuple(sorted(map(grant_of, (text for _, text in known.facts))))


# ---- owners --------------------------------------------------------------------------------


def _reassigned(schema: Schema, roles: set[str], to: str) -> Schema:
    return _each(schema, lambda h: owned_by(h, to) if h.owner in roles else h)


def _without_grants_to(schema: Schema, roles: set[str]) -> Schema:
    """DROP OWNED takes away what was granted to the roles, and the policies that are for them alone.

    What they own is not followed where there is any.
    """
    schema = _each(schema, lambda h: replace(h, grants=tuple(g for g in h.grants if g.role not in roles)))
    tables = {
        n: replace(
            t,
            columns=tuple(replace(c, grants=tuple(g for g in c.grants if g.role not in roles)) for c in t.columns),
            policies=tuple(
                replace(p, roles=tuple(r for r in p.roles if r not in roles))
                for p in t.policies
                if not only_for(p, roles)
            ),
        )
        for n, t in schema.tables.items()
    }
    defaults = {k: t for k, t in schema.things.items() if k[0] != DEFAULTS or not _of_roles(k[1], roles)}
    return replace(schema, tables=tables, things=defaults)


def held_by(schema: Schema, role: str) -> str | None:
    """Say what a role owns here, may do or is named by; None where nothing is known."""
    for holder in every_holder(schema):
        if holder.owner == role:
            return f"it owns {holder.target.name}"
        if any(g.role == role for g in holder.grants):
            return f"it has privileges on {holder.target.name}"
    for table in schema.tables.values():
        if any(g.role == role for c in table.columns for g in c.grants):
            return f"it has privileges on columns of {table.name}"
        if any(role in p.roles for p in table.policies):
            return f"policies of {table.name} are for it"
    named = [k[1] for k, t in schema.things.items() if k[0] == DEFAULTS and role in _roles_of_default(t)]
    return "default privileges name it" if named else None


def _roles_of_default(thing: Thing) -> set[str]:
    return {thing.name.name.partition(" by ")[2], *(grant_of(text).role for _, text in thing.facts)}


def roles_renamed(schema: Schema, old: str, new: str) -> Schema:
    """Let owners, grants and policies follow a role that got another name."""
    schema = _each(
        schema,
        lambda h: replace(h, owner=new if h.owner == old else h.owner, grants=_named_anew(h.grants, old, new)),
    )
    tables = {
        n: replace(
            t,
            columns=tuple(replace(c, grants=_named_anew(c.grants, old, new)) for c in t.columns),
            policies=tuple(
                replace(p, roles=tuple(sorted(new if r == old else r for r in p.roles))) for p in t.policies
            ),
        )
        for n, t in schema.tables.items()
    }
    return replace(schema, tables=tables)


def _named_anew(grants: Iterable[G], old: str, new: str) -> tuple[G, ...]:
    return tuple(sorted(replace(g, role=new) if g.role == old else g for g in grants))


def default_roles(schema: Schema, old: str, new: str) -> Schema:
    """Let default privileges follow a role that got another name."""
    for thing in [t for k, t in schema.things.items() if k[0] == DEFAULTS]:
        kind, _, creator = thing.name.name.partition(" by ")
        grants = _named_anew((grant_of(text) for _, text in thing.facts), old, new)
        name = Name(thing.name.schema, f"{kind} by {new if creator == old else creator}")
        schema = drop_thing(schema, DEFAULTS, thing.name)
        schema = put_thing(schema, Thing(DEFAULTS, name, tuple(("grant", grant_text(g)) for g in grants)))
    return schema


def only_for(policy: Policy, roles: set[str]) -> bool:
    """Say whether a policy is for none but these roles."""
    return bool(policy.roles) and roles.issuperset(policy.roles)


def _of_roles(name: Name, roles: set[str]) -> bool:
    return any(name.name.endswith(f" by {role}") for role in roles)


def _each(schema: Schema, change: Callable[[Holder], Holder]) -> Schema:
    for holder in every_holder(schema):
        changed = change(holder)
        if changed != holder:
            schema = put_holder(schema, changed)
    return schema
