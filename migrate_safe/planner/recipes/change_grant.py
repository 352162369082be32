"""Grant, revoke, and change owners.

Harm of the plain form: what is revoked fails in the old app at once. Phases: GRANT comes in expand, REVOKE and a new
owner in contract. The undo is read from what the catalog holds: what was granted before stays granted, whatever the
statement names.

https://www.postgresql.org/docs/current/sql-grant.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate_safe.catalog.evolve.holders import Holder, every_holder, holder_of
from migrate_safe.catalog.privileges import privileges_of
from migrate_safe.model.names import Name, as_role, quote_ident
from migrate_safe.model.objects import ColumnGrant, Grant
from migrate_safe.model.said import ChangeOwner, Grants, Target
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import AlterTable, Other, OtherTableAction
from migrate_safe.planner.changes import GIVE_SCHEMA, Change, by_release, proven
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank
from migrate_safe.planner.operations import Operation

Rights = dict[tuple[str, str], bool]
_ALL = privileges_of("table", 17)


def change_grant(operation: Operation) -> Outcome | None:
    """Plan GRANT, REVOKE and OWNER TO; None for other operations."""
    match operation.action:
        case Other(says=Grants() as said):
            return _grant(operation, said)
        case Other(says=ChangeOwner(target=target)):
            return _owner(operation, target)
        case AlterTable(table=name, object=kind, actions=(OtherTableAction(kind="ChangeOwner"),)):
            return _owner(operation, Target(kind, name))
        case _:
            return None


# ---- rights --------------------------------------------------------------------------------


def _grant(operation: Operation, said: Grants) -> Outcome:
    before, after = operation.before, operation.after
    for target in () if said.everywhere else said.targets:
        table = before.table(target.name) if target.kind == "table" else None
        if holder_of(before, target) is None or (table is not None and table.partial):
            raise CannotPlan(f"what is granted on {target.name} now is not known here", GIVE_SCHEMA)
    back = tuple(rights_again(before, after))
    names = named_in(said)
    touched = tuple(n for n in (before.resolve(t.name) for t in said.targets) if n in before.tables)
    if not back:
        return Outcome(touches=touched)
    word = "grant" if said.grant else "revoke"
    rank = Rank.SHAPE if said.grant else by_release(operation)
    does = f"{word} on {names}" + ("" if said.grant else "; the old app may need it until it is gone")
    return proven(operation, Change(rank, word, names, does, (operation.text,), back, touched))


def named_in(said: Grants) -> str:
    """Name what rights are granted on or revoked."""
    if said.everywhere:
        return f"all {said.kind}s in {', '.join(t.name.name for t in said.targets)}"
    return ", ".join(str(t.name) for t in said.targets)


def rights_again(before: Schema, after: Schema) -> Iterator[str]:
    """Write what gives each object that is in both schemas the rights that it had before."""
    held = {h.target: h for h in every_holder(before)}
    for holder in every_holder(after):
        former = held.get(holder.target)
        if former is not None and former.grants != holder.grants:
            yield from _back(_object(holder.target), _rights(holder.grants), _rights(former.grants))
            yield from _columns_again(before, former, holder)
    for name, table in after.tables.items():
        for column in table.columns:
            known = before.tables[name].column(column.name) if name in before.tables else None
            if known is not None and known.grants != column.grants:
                part = f" ({quote_ident(column.name)})"
                yield from _back(f"TABLE {name}", _rights(column.grants), _rights(known.grants), part)


def _columns_again(before: Schema, former: Holder, now: Holder) -> Iterator[str]:
    """Give rights on columns again that go when the same right is revoked on the whole table."""
    revoked = set(_rights(now.grants)) - set(_rights(former.grants))
    table = before.tables.get(former.target.name) if former.target.kind == "table" else None
    for column in table.columns if table is not None else ():
        yield from (g.sql(former.target.name, column.name) for g in column.grants if (g.privilege, g.role) in revoked)


def _rights(grants: Iterable[Grant | ColumnGrant]) -> Rights:
    return {(g.privilege, g.role): g.grantable for g in grants}


def _back(on: str, now: Rights, then: Rights, part: str = "") -> Iterator[str]:
    """Write what leads from some rights to others.

    ALL on a table holds MAINTAIN from PostgreSQL 17 on. Files do not tell on which version they ran, so that what GRANT
    or REVOKE ALL changed is changed back by ALL.
    """
    every = set() if part else {role for _, role in (*now, *then) if _changes_maintain(now, then, role)}
    emptied = {role for role in every if _has_all(now, role)}
    filled = {role for role in every - emptied if _has_all(then, role)}
    yield from (f"REVOKE ALL ON {on} FROM {as_role(role)}" for role in sorted(emptied))
    for role in sorted(filled):
        yield f"GRANT ALL ON {on} TO {as_role(role)}{' WITH GRANT OPTION' if then[_ALL[0], role] else ''}"
    now = {key: grantable for key, grantable in now.items() if key[1] not in emptied | filled}
    then = {key: grantable for key, grantable in then.items() if key[1] not in filled}
    for (privilege, role), grantable in sorted(now.items()):
        former = then.get((privilege, role))
        if former is None:
            yield f"REVOKE {privilege}{part} ON {on} FROM {as_role(role)}"
        elif grantable and not former:
            yield f"REVOKE GRANT OPTION FOR {privilege}{part} ON {on} FROM {as_role(role)}"
    for (privilege, role), grantable in sorted(then.items()):
        if now.get((privilege, role)) is None or (grantable and not now[privilege, role]):
            option = " WITH GRANT OPTION" if grantable else ""
            yield f"GRANT {privilege}{part} ON {on} TO {as_role(role)}{option}"


def _changes_maintain(now: Rights, then: Rights, role: str) -> bool:
    return (("MAINTAIN", role) in now) != (("MAINTAIN", role) in then)


def _has_all(rights: Rights, role: str) -> bool:
    """Say whether a role has all that there is on a table, and may pass on all or none of it."""
    return {p for p, r in rights if r == role} == set(_ALL) and len({rights[p, role] for p in _ALL}) == 1


def _object(target: Target) -> str:
    name = f"{target.name}({target.part})" if target.kind in ("function", "procedure") else str(target.name)
    return f"{target.kind.upper()} {name}"


# ---- owners --------------------------------------------------------------------------------


def _owner(operation: Operation, target: Target) -> Outcome:
    before = holder_of(operation.before, target)
    after = holder_of(operation.after, target)
    if before is None or after is None or before.owner is None:
        raise CannotPlan(f"who owns {target.name} is not known here", GIVE_SCHEMA)
    name = before.target.name
    touched = (name,) if name in operation.before.tables else ()
    if before.owner == after.owner:
        return Outcome(touches=touched)
    lost = [g for g in before.grants if g.role == after.owner]
    kind = _kind(operation.before, before, target)
    on = _object(before.target).partition(" ")[2]
    back = (
        f"ALTER {kind} {on} OWNER TO {quote_ident(before.owner)}",
        *_back(_object(before.target), {}, _rights(lost)),
        *_of_columns(operation.before, name, before.owner, after.owner),
    )
    does = f"let {quote_ident(after.owner or '')} own {name}; the old app may work as its present owner"
    change = Change(by_release(operation), "change-owner", str(name), does, (operation.text,), back, touched)
    return proven(operation, change)


def _of_columns(schema: Schema, name: Name, owner: str, role: str | None) -> Iterator[str]:
    """Write the grants on columns that a role loses when it becomes the owner; the owner after it inherits them."""
    for column in schema.tables[name].columns if name in schema.tables else ():
        for grant in column.grants:
            if grant.role == role:
                yield f"REVOKE {grant.privilege} ({quote_ident(column.name)}) ON {name} FROM {quote_ident(owner)}"
                yield grant.sql(name, column.name)


def _kind(schema: Schema, holder: Holder, target: Target) -> str:
    name: Name = holder.target.name
    view = schema.views.get(name)
    if view is not None:
        return "MATERIALIZED VIEW" if view.materialized else "VIEW"
    return "DOMAIN" if target.kind == "domain" else holder.target.kind.upper()
