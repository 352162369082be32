"""Choose the recipe for tables and other objects that go, or get another name or schema."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.change import dropped_with, known_type
from migrate_safe.catalog.evolve.routines import wanted_routine
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.said import Dropped
from migrate_safe.model.schema import ConstraintKind, Function, Schema, Table, TableKind
from migrate_safe.model.statement import (
    DropRoutines,
    DropSequence,
    DropTable,
    DropType,
    DropView,
    Other,
)
from migrate_safe.planner.draft import CannotPlan, Outcome, row_keys
from migrate_safe.planner.gone import gone_before
from migrate_safe.planner.identifiers import tag
from migrate_safe.planner.leaving import Leaving
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.recipes import drop_object, drop_table
from migrate_safe.planner.surroundings import Surroundings

_GIVE_SCHEMA = "give the database, a dump or the earlier migrations with --schema"
_CASCADE = ("CASCADE drops whatever depends on it with it", "drop what depends on it first, by its own name")


def choose_leaving(operation: Operation, around: Surroundings) -> Outcome | None:
    """Plan what drops tables, views, sequences, routines, types or statistics objects; None for the rest."""
    match operation.action:
        case DropTable() as action:
            return _drop_tables(operation, action, around)
        case DropView(views=names, materialized=stored) as action:
            kind, cascade = "MATERIALIZED VIEW" if stored else "VIEW", action.cascade
            held = [n for n in map(operation.before.resolve, names) if n in operation.before.views]
            _refuse_stored_again([n for n in held if stored and n in around.end.views])
        case DropSequence(sequences=names) as action:
            kind, cascade = "SEQUENCE", action.cascade
            held = [n for n in map(operation.before.resolve, names) if n in operation.before.sequences]
        case DropType(types=names, domain=domain) as action:
            kind, cascade = "DOMAIN" if domain else "TYPE", action.cascade
            held = [n for n in (_type(operation.before, name) for name in names) if n is not None]
        case DropRoutines() as action:
            return _drop_routines(operation, action, around)
        case Other(says=Dropped(targets=targets, cascade=cascade)) if targets and targets[0].kind == "statistic ext":
            kind = "STATISTICS"
            found = (_thing(operation.before, "statistics", t.name) for t in targets)
            held = [n for n in found if n is not None]
        case _:
            return None
    if cascade:
        raise CannotPlan(*_CASCADE)
    if not held:
        raise CannotPlan("what it drops is not known here", _GIVE_SCHEMA)
    gone = gone_before(around.start, operation.before, around.plan)
    leaving = tuple(Leaving(kind, n.schema or "", quote_ident(n.name)) for n in held)
    word = tag(around.plan, kind, *(i.full for i in leaving))
    read, stays = _read_by(operation.before, held), kind == "TYPE" and _is_left(held, around)
    return drop_object.DropObject(leaving, word, read, gone, stays=stays).steps()


def _refuse_stored_again(names: list[Name]) -> None:
    if names:
        raise CannotPlan(
            f"materialized view {names[0]} is dropped and made again under its name, and nobody could read it until the"
            " new one is filled",
            "make it under another name, let the new app read that, and drop the old one by the same migration",
        )


def _is_left(types: list[Name], around: Surroundings) -> bool:
    """Say whether the migration gives a column of one of these types another one: until purge both are in use."""
    return any(
        Name(held.schema, held.name) in types
        for table, columns in around.retyped.items()
        for column in (around.start.tables[table].columns if table in around.start.tables else ())
        if column.name in columns and (held := known_type(around.start, column.type))
    )


def _read_by(schema: Schema, names: list[Name]) -> tuple[Name, ...]:
    read = (r for n in names if n in schema.views for r in sorted(schema.views[n].relations))
    return tuple(dict.fromkeys(r for r in read if r in schema.tables))


def _type(schema: Schema, name: Name) -> Name | None:
    held = {*schema.enums, *schema.domains, *schema.composites}
    places = [name] if name.schema is not None else [Name(s, name.name) for s in schema.search_path]
    return next((p for p in places if p in held), None)


def _thing(schema: Schema, kind: str, name: Name) -> Name | None:
    places = [name] if name.schema is not None else [Name(s, name.name) for s in schema.search_path]
    return next((p for p in places if (kind, p) in schema.things), None)


def _drop_routines(operation: Operation, action: DropRoutines, around: Surroundings) -> Outcome:
    if action.cascade:
        raise CannotPlan(*_CASCADE)
    found = []
    for routine in action.routines:
        known = wanted_routine(operation.before, routine, action.kind, if_exists=True)
        if known is None:
            raise CannotPlan(f"{action.kind} {routine} is not known here", _GIVE_SCHEMA)
        found.append(known)
    names = [f.name for f in found]
    leaving = [_routine(f, alone=names.count(f.name) == 1) for f in found]
    word = tag(around.plan, "ROUTINE", *(i.full for i in leaving))
    return drop_object.DropObject(
        tuple(leaving), word, (), gone_before(around.start, operation.before, around.plan)
    ).steps()


def _routine(found: Function, *, alone: bool) -> Leaving:
    name = quote_ident(found.name.name)
    full = f"{name}({found.arguments})"
    return Leaving(found.kind.upper(), found.name.schema or "", full, name if alone else None)


# ---- tables --------------------------------------------------------------------------------


def _drop_tables(operation: Operation, action: DropTable, around: Surroundings) -> Outcome:
    schema = operation.before
    if action.cascade:
        raise CannotPlan(*_CASCADE)
    named = [schema.resolve(n) for n in action.tables]
    known = [schema.tables[n] for n in named if n in schema.tables]
    unknown = [n for n in named if n not in schema.tables and not schema.lacks(n)]
    for table in known:
        _refuse_drop(table)
    if unknown or not known:
        raise CannotPlan(f"what hangs on {(unknown or named)[0]} is not known here", _GIVE_SCHEMA)
    going = tuple(dict.fromkeys(m.name for table in known for m in dropped_with(schema, table)))
    keys = tuple(_keys(schema, known, going))
    word = tag(around.plan, "TABLE", *map(str, going))
    gone = gone_before(around.start, schema, around.plan)
    return drop_table.DropTable(going, keys, word, "FOREIGN TABLE" if action.foreign else "TABLE", gone).steps()


def _refuse_drop(table: Table) -> None:
    if table.partial:
        raise CannotPlan(f"{table.name} is only partly known here", _GIVE_SCHEMA)
    if table.partition_bound is not None:
        raise CannotPlan(
            f"{table.name} is a partition of {', '.join(map(str, table.parents))}, and its rows would be gone at once",
            "DETACH PARTITION CONCURRENTLY by hand, then drop it in a migration",
        )
    if table.persistence == "t":
        raise CannotPlan("a temporary table lives in one session only", "leave it out: it goes by itself")


def _keys(schema: Schema, tables: list[Table], going: tuple[Name, ...]) -> Iterator[drop_table.Key]:
    """Give the foreign keys to tables that stay; those of partitioned tables go with the table."""
    for table in tables:
        for constraint in table.constraints:
            far = constraint.references
            stays = constraint.kind is ConstraintKind.FOREIGN and far is not None and far.table not in going
            if stays and table.kind is TableKind.TABLE and constraint.local:
                yield drop_table.Key(table.name, constraint, row_keys(schema, table.name))
