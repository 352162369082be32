"""Create a publication, or add tables to one.

Harm of the plain form: from that moment on the server refuses UPDATE and DELETE of a table that is published without a
replica identity. Phases: expand, refused where a table has none. What takes tables out of a publication is refused:
subscribers would miss what is written until they are put back.

https://www.postgresql.org/docs/current/logical-replication-publication.html
"""

from __future__ import annotations

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.said import Dropped, PublicationChange
from migrate_safe.model.schema import Publication, Table
from migrate_safe.model.statement import Other
from migrate_safe.planner.changes import BY_HAND, GIVE_SCHEMA, Change, proven
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank
from migrate_safe.planner.operations import Operation

_CHANGING = {"update", "delete"}


def change_publication(operation: Operation) -> Outcome | None:
    """Plan what is done to publications; None for other operations."""
    match operation.action:
        case Other(says=PublicationChange(verb="create", name=name)):
            return _widened(operation, name, "create-publication", f"DROP PUBLICATION {quote_ident(name)}")
        case Other(says=PublicationChange(verb="add", name=name)) if name in operation.before.publications:
            return _widened(operation, name, "add-to-publication", _added_back(operation, name))
        case Other(says=PublicationChange(verb="add", name=name)):
            raise CannotPlan(f"publication {quote_ident(name)} is not known here", GIVE_SCHEMA)
        case Other(says=PublicationChange(name=name)):
            raise _missed(name)
        case Other(says=Dropped(targets=(target, *_))) if target.kind == "publication":
            raise _missed(target.name.name)
        case _:
            return None


def _missed(name: str) -> CannotPlan:
    return CannotPlan(f"subscribers of {quote_ident(name)} would miss what is written until it is undone", BY_HAND)


def _widened(operation: Operation, name: str, what: str, back: str) -> Outcome:
    made = operation.after.publications[name]
    before = operation.before.publications.get(name)
    held = {p.table for p in before.tables} if before is not None else set()
    added = tuple(p.table for p in made.tables if p.table not in held)
    for table in _members(operation, made, added):
        if _CHANGING & set(made.operations) and not _is_told_apart(table):
            raise CannotPlan(
                f"{table.name} has no primary key and no replica identity: published, it refuses UPDATE and DELETE",
                f"ALTER TABLE {table.name} REPLICA IDENTITY FULL, or USING INDEX, in a migration before this one",
            )
    does = f"publish {', '.join(map(str, added)) or 'tables'} by {quote_ident(name)}"
    note = f"subscribers of {quote_ident(name)} take part after ALTER SUBSCRIPTION ... REFRESH PUBLICATION"
    target = quote_ident(name)
    known = tuple(t for t in added if t in operation.before.tables)
    change = Change(Rank.SHAPE, what, target, does, (operation.text,), (back,), known, (note,))
    return proven(operation, change)


def _members(operation: Operation, made: Publication, added: tuple[Name, ...]) -> list[Table]:
    tables = operation.before.tables.values()
    if made.all_tables:
        return list(tables)
    return [t for t in tables if t.name in added or t.name.schema in made.schemas]


def _is_told_apart(table: Table) -> bool:
    by_key = table.replica_identity == "default" and bool(table.primary_key)
    return by_key or table.replica_identity == "full" or table.replica_identity.startswith("index ")


def _added_back(operation: Operation, name: str) -> str:
    before, after = operation.before.publications[name], operation.after.publications[name]
    held = {p.table for p in before.tables}
    tables = [str(p.table) for p in after.tables if p.table not in held]
    schemas = [quote_ident(s) for s in after.schemas if s not in before.schemas]
    parts = [f"TABLE {', '.join(tables)}"] if tables else []
    parts += [f"TABLES IN SCHEMA {', '.join(schemas)}"] if schemas else []
    return f"ALTER PUBLICATION {quote_ident(name)} DROP {', '.join(parts)}"
