"""What the server does after every statement, whatever its family: owners and grants of what is new, names that follow.

Families make objects without an owner; here they get the one who runs the statement, and what default privileges give.
"""

from __future__ import annotations

from itertools import islice

from migrate_safe.catalog.evolve.holders import REMARKS, is_type
from migrate_safe.catalog.evolve.places import refuse_place
from migrate_safe.catalog.evolve.rights import default_grants
from migrate_safe.catalog.evolve.storage import SEQUENCES_FOLLOW
from migrate_safe.catalog.privileges import without_owner
from migrate_safe.catalog.things import fact, with_fact
from migrate_safe.model.marked import bearing
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.objects import Grant, Publication, Thing
from migrate_safe.model.said import Renamed
from migrate_safe.model.schema import LEANS_ON_INDEX, Function, Schema, Table, View
from migrate_safe.model.statement import (
    Action,
    CreateTable,
    Other,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SetSchema,
)
from migrate_safe.model.values import replace


def settled(before: Schema, after: Schema, action: Action) -> Schema:
    """Give the schema after a statement with everything that follows from it."""
    if after is before:
        return after
    refuse_place(before, after, action)
    after = _without_copied_comments(before, after, action)
    after = _owned(before, after) if after.role is not None else after
    return _followed(before, after, action)


# ---- owners and grants -----------------------------------------------------------------------


def _owned(before: Schema, after: Schema) -> Schema:
    new = after.tables.keys() - before.tables.keys()
    tables = {n: _of_creator(after, t) for n in new if (t := after.tables[n]).owner is None}
    views = {n: _replaced_view(before, after, v) for n, v in after.views.items() if v.owner is None}
    functions = {
        n: tuple(_replaced_function(before, after, f) if f.owner is None else f for f in fs)
        for n, fs in after.functions.items()
        if any(f.owner is None for f in fs)
    }
    if tables or views or functions:
        after = replace(
            after,
            tables={**after.tables, **tables},
            views={**after.views, **views},
            functions={**after.functions, **functions},
        )
    return _owned_sequences(before, after)


def _owned_sequences(before: Schema, after: Schema) -> Schema:
    """Give a sequence to whom the table belongs that owns it."""
    new = {n: s for n, s in after.sequences.items() if s.role is None}
    if not new:
        return after
    made = {}
    for name, sequence in new.items():
        table = after.tables.get(sequence.owner[0]) if sequence.owner is not None else None
        role = table.owner if table is not None and table.owner is not None else after.role
        sequence = replace(sequence, role=role, grants=_grants(after, "sequence", name, role))
        follows = table is not None and after.server_version >= SEQUENCES_FOLLOW and name not in before.sequences
        made[name] = replace(sequence, persistence=table.persistence) if table is not None and follows else sequence
    return replace(after, sequences={**after.sequences, **made})


def _of_creator(after: Schema, table: Table) -> Table:
    return replace(table, owner=after.role, grants=_grants(after, "table", table.name, after.role))


def _replaced_view(before: Schema, after: Schema, view: View) -> View:
    """CREATE OR REPLACE VIEW leaves owner, grants and comment as they were."""
    old = before.views.get(view.name)
    if old is not None:
        return replace(view, owner=old.owner, grants=old.grants, comment=old.comment)
    return replace(view, owner=after.role, grants=_grants(after, "table", view.name, after.role))


def _replaced_function(before: Schema, after: Schema, function: Function) -> Function:
    held = before.functions.get(function.name, ())
    old = next((f for f in held if f.arguments == function.arguments), None)
    if old is not None:
        return replace(function, owner=old.owner, grants=old.grants, comment=old.comment)
    return replace(function, owner=after.role, grants=_grants(after, "function", function.name, after.role))


def _grants(schema: Schema, kind: str, name: Name, role: str | None) -> tuple[Grant, ...]:
    """Give what default privileges of the creator grant on a new object."""
    everywhere = default_grants(schema, kind, role, None)
    here = default_grants(schema, kind, role, name.schema)
    return without_owner({*everywhere, *here}, role)


def _without_copied_comments(before: Schema, after: Schema, action: Action) -> Schema:
    """Indexes and constraints that a new table takes from its parents or templates come without their comments."""
    if not isinstance(action, CreateTable):
        return after
    new = islice(after.tables.values(), len(before.tables), None)
    bare = [
        replace(
            t,
            constraints=tuple(replace(c, comment=None) for c in t.constraints),
            indexes=tuple(replace(i, comment=None) for i in t.indexes),
        )
        for t in new
        if any([p.comment for p in t.constraints] + [p.comment for p in t.indexes])
    ]
    return after.with_tables(*bare) if bare else after


# ---- names that follow -----------------------------------------------------------------------


def _followed(before: Schema, after: Schema, action: Action) -> Schema:
    """Let publications, statistics objects, replica identities and the like follow what was renamed or is gone."""
    moves = moved_relations(before, action)
    after = _indexes_followed(before, after, action)
    if after.publications:
        held = {n: _publication(before, after, p, moves, action) for n, p in after.publications.items()}
        after = replace(after, publications=held)
    if any(kind in ("statistics", REMARKS) for kind, _ in after.things):
        after = replace(after, things=_things(before, after, moves, action))
    return after


def moved_relations(before: Schema, action: Action) -> dict[Name, Name]:
    """Give the relations that have another name after a statement: the old names with the new ones."""
    match action:
        case RenameTable(table=table, to=to):
            old = before.resolve(table)
            return {old: Name(old.schema, to)}
        case SetSchema(table=table, to=to):
            old = before.resolve(table)
            return {old: Name(to, old.name)}
        case Other(says=Renamed(target=target, to=to)) if target.kind == "schema":
            every = (*before.tables, *before.views, *before.sequences)
            return {n: Name(to, n.name) for n in every if n.schema == target.name.name}
        case _:
            return {}


def _indexes_followed(before: Schema, after: Schema, action: Action) -> Schema:
    """Let what names an index of its table follow a new name, and forget it where the index is gone."""
    holder, old, new = _index_renamed(before, action) or (None, "", "")
    changed = []
    for table in bearing(after.tables, LEANS_ON_INDEX):
        if table.clustered_on is None and not table.replica_identity.startswith("index "):
            continue
        renamed = {old: new} if table.name == holder else {}
        clustered, identity = table.clustered_on, table.replica_identity.removeprefix("index ")
        clustered = renamed.get(clustered or "", clustered)
        identity = renamed.get(identity, identity)
        if clustered is not None and table.index(clustered) is None and not table.partial:
            clustered = None
        if table.replica_identity.startswith("index "):
            gone = table.index(identity) is None and not table.partial
            identity = "nothing" if gone else f"index {identity}"
        if (clustered, identity) != (table.clustered_on, table.replica_identity):
            changed.append(replace(table, clustered_on=clustered, replica_identity=identity))
    return after.with_tables(*changed) if changed else after


def _index_renamed(before: Schema, action: Action) -> tuple[Name, str, str] | None:
    """Give the table whose index has another name now, the old name and the new one."""
    match action:
        case RenameTable(table=name, to=to) if (carrier := before.index_table(before.resolve(name))) is not None:
            return carrier.name, name.name, to
        case RenameConstraint(table=name, constraint=old, to=to):
            return before.resolve(name), old, to
        case _:
            return None


def _publication(
    before: Schema, after: Schema, known: Publication, moves: dict[Name, Name], action: Action
) -> Publication:
    column = _column_renamed(before, action)
    tables = []
    for each in known.tables:
        name = moves.get(each.table, each.table)
        if name not in after.tables and each.table in before.tables:
            continue
        columns = tuple(_followed_column(each.table, c, column) for c in each.columns)
        tables.append(replace(each, table=name, columns=columns))
    schemas = known.schemas
    if isinstance(action, Other) and action.detail == "schema":
        to = action.says.to if isinstance(action.says, Renamed) else ""
        names = [to if Name(None, s) in action.objects else s for s in schemas]
        schemas = tuple(sorted(s for s in names if ("schema", Name(None, s)) in after.things))
    return replace(known, tables=tuple(sorted(tables, key=lambda t: t.table)), schemas=schemas)


def _column_renamed(before: Schema, action: Action) -> tuple[Name, str, str] | None:
    match action:
        case RenameColumn(table=table, column=old, to=to):
            return before.resolve(table), old, to
        case _:
            return None


def _followed_column(table: Name, name: str, renamed: tuple[Name, str, str] | None) -> str:
    return renamed[2] if renamed is not None and renamed[:2] == (table, name) else name


def _things(before: Schema, after: Schema, moves: dict[Name, Name], action: Action) -> dict[tuple[str, Name], Thing]:
    """Statistics objects go with their table or any of their columns, and remarks with their type."""
    column = _column_renamed(before, action)
    found = {}
    for key, thing in after.things.items():
        if thing.kind == REMARKS and not is_type(after, thing.name) and is_type(before, thing.name):
            continue
        kept = _statistics(before, after, thing, moves, column) if thing.kind == "statistics" else thing
        if kept is not None:
            found[key] = kept
    return found


def _statistics(
    before: Schema, after: Schema, thing: Thing, moves: dict[Name, Name], column: tuple[Name, str, str] | None
) -> Thing | None:
    old = parse_name(fact(thing, "table") or "")
    name = moves.get(old, old)
    table = after.tables.get(name)
    if table is None:
        return None if old in before.tables or (old in before.views and name not in after.views) else thing
    columns = [c for c in (fact(thing, "columns") or "").split(", ") if c]
    columns = [_followed_column(old, c, column) for c in columns]
    if any(table.column(c) is None for c in columns) and not table.partial:
        return None
    return with_fact(with_fact(thing, "table", str(name)), "columns", ", ".join(columns))
