"""What publications and subscriptions do: the tables that come and go of a publication are locked against DDL."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply, is_partition
from migrate_safe.catalog.evolve.replication import published
from migrate_safe.catalog.things import fact
from migrate_safe.effects.combine import Scene, breaking, locking, merge
from migrate_safe.model.effect import BreakKind, Effect, TransactionRule
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.said import PublicationChange, SubscriptionChange
from migrate_safe.model.schema import ConstraintKind, Publication, Table
from migrate_safe.model.statement import Other
from migrate_safe.model.values import replace

_SUX = LockMode.SHARE_UPDATE_EXCLUSIVE
_OFF = frozenset({"none", "false", "off", "0"})


def other(scene: Scene, action: Other) -> Effect | None:
    """Give the effect of a statement about replication; None for those about something else."""
    match action.says:
        case PublicationChange() as change:
            return _publication(scene, change)
        case SubscriptionChange() as change:
            return _subscription(scene, change)
        case _:
            return None


def _publication(scene: Scene, change: PublicationChange) -> Effect:
    """Lock the tables named; ALTER PUBLICATION ... SET locks those that were in it too.

    A published table refuses UPDATE and DELETE where its replica identity does not tell rows apart.
    """
    named = [n for t in change.tables for n in _members(scene, change, t.table)]
    known = scene.schema.publications.get(change.name)
    held = [t.table for t in known.tables] if known is not None and change.verb == "set" else []
    locks = locking(_SUX, *dict.fromkeys([*named, *held]))
    if change.verb not in ("create", "add", "set"):
        return locks
    bare = [n for n in named if _lost_identity(scene, _made(scene, change, known), n) is not None]
    return merge(locks, *(breaking(BreakKind.WRITE_REFUSED, str(n)) for n in bare))


def _made(scene: Scene, change: PublicationChange, known: Publication | None) -> Publication:
    """Give a publication with the tables that a statement names."""
    before = known or Publication(change.name)
    return replace(
        before,
        tables=tuple(replace(t, table=scene.schema.resolve(t.table)) for t in change.tables),
        operations=before.operations if change.operations is None else change.operations,
        via_root=before.via_root if change.via_root is None else change.via_root,
    )


def _members(scene: Scene, change: PublicationChange, table: Name) -> list[Name]:
    try:
        return [t.name for t in published(scene.schema, scene.schema.resolve(table), only=table in change.only)]
    except CannotApply:
        return [scene.schema.resolve(table)]


def unidentified(scene: Scene, name: Name, operation: str) -> str | None:
    """Say why a table that publishes UPDATE or DELETE refuses it: its rows could not be told apart elsewhere."""
    for publication in scene.schema.publications.values():
        if operation in publication.operations and _publishes(scene, publication, name):
            lost = _lost_identity(scene, publication, name)
            if lost is not None:
                return f"{lost}, and publication {publication.name!r} publishes each {operation}"
    return None


def _publishes(scene: Scene, publication: Publication, name: Name) -> bool:
    """Say whether a table is published: by itself, with its schema, by a partitioned table above it, or as all are."""
    table = scene.schema.tables.get(name)
    if table is None or table.persistence != "p":
        return False
    if publication.all_tables or name.schema in publication.schemas or name in {t.table for t in publication.tables}:
        return True
    return is_partition(table) and any(_publishes(scene, publication, parent) for parent in table.parents)


def _lost_identity(scene: Scene, publication: Publication, name: Name) -> str | None:
    """Say why a publication cannot tell rows of a table apart: by its identity, its WHERE or its list of columns."""
    table = scene.schema.tables.get(name)
    if table is None or table.partial or not {"update", "delete"} & set(publication.operations):
        return None
    full, identity = table.replica_identity == "full", _identity(table)
    entry = _published_as(scene, publication, table)
    held = next((t for t in publication.tables if t.table == entry), None)
    if held is not None and held.columns and (full or not identity <= set(held.columns)):
        return f"the published columns of {entry} leave out some of the replica identity of {name}"
    if held is not None and held.condition is not None and not full and not held.condition.columns <= identity:
        return f"WHERE of {entry} names what is not in the replica identity of {name}"
    return None if full or identity else f"{name} has no replica identity"


def _identity(table: Table) -> frozenset[str]:
    """Give the columns by which rows of a table are told apart; `full` needs none."""
    kind, _, name = table.replica_identity.partition(" ")
    if kind == "index":
        index = table.index(name)
        return frozenset(k.column for k in index.keys if k.column is not None) if index is not None else frozenset()
    keys = (c for c in table.constraints if c.kind is ConstraintKind.PRIMARY and not c.deferrable)
    return frozenset(n for c in keys for n in c.columns) if kind == "default" else frozenset()


def _published_as(scene: Scene, publication: Publication, table: Table) -> Name:
    """Give the table whose entry says what is published of a partition: the topmost one, if it is to be by its root."""
    above, at = [table.name], table
    while publication.via_root and is_partition(at) and at.parents[0] in scene.schema.tables:
        at = scene.schema.tables[at.parents[0]]
        above.append(at.name)
    named = {t.table for t in publication.tables}
    return next((n for n in reversed(above) if n in named or n.schema in publication.schemas), table.name)


def _subscription(scene: Scene, change: SubscriptionChange) -> Effect:
    """CREATE SUBSCRIPTION that makes a slot, DROP of one that has it, and REFRESH may not run in a transaction."""
    given = dict(change.options)
    match change.verb:
        case "create":
            connects = given.get("connect", "true") not in _OFF
            return _forbidden(connects and given.get("create_slot", "true") not in _OFF)
        case "refresh" | "set publication" | "add publication" | "drop publication":
            return _forbidden(given.get("refresh", "true") not in _OFF)
        case "drop":
            known = scene.schema.things.get(("subscription", Name(None, change.name)))
            if known is None:
                return _forbidden(not (change.if_exists and scene.schema.complete))
            return _forbidden(fact(known, "slot") is not None)
        case _:
            return Effect()


def _forbidden(really: bool) -> Effect:
    return Effect(transaction=TransactionRule.FORBIDDEN if really else TransactionRule.ANY)
