"""Choose the recipe for a table or view that gets another name or schema, or refuse it naming what is in the way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate_safe.catalog.evolve import evolve
from migrate_safe.catalog.retired import RETIRED
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.objects import Grant
from migrate_safe.model.schema import Schema, Table, TableKind, View
from migrate_safe.model.source import Source
from migrate_safe.model.statement import RenameTable, SetSchema
from migrate_safe.planner.draft import CannotPlan, Outcome
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.recipes import rename_table
from migrate_safe.sql.parse import parse_script

_INVOKER_FROM = 15


def choose_moved(operation: Operation) -> Outcome | None:
    """Plan ALTER TABLE or VIEW ... RENAME TO or SET SCHEMA; None for other operations."""
    schema = operation.before
    match operation.action:
        case RenameTable(table=name, to=to):
            old = schema.resolve(name)
            new = Name(old.schema, to)
        case SetSchema(table=name, to=to):
            old = schema.resolve(name)
            new = Name(to, old.name)
        case _:
            return None
    if old == new:
        return Outcome(touches=(old,))
    if old in schema.tables:
        return _table(schema, schema.tables[old], new)
    if old in schema.views:
        return _view(schema, schema.views[old], new)
    raise CannotPlan(*_no_facade(operation, old))


def _no_facade(operation: Operation, old: Name) -> tuple[str, str]:
    if old in operation.before.sequences:
        return (
            f"{old} is a sequence, and no object can stand in for it under another name",
            "keep its name, or say how it is taken back: -- migrate-safe: undo SQL",
        )
    return f"what hangs on {old} is not known here", "give the database, a dump or the earlier migrations with --schema"


def _table(schema: Schema, table: Table, new: Name) -> Outcome:
    obstacles = tuple(_obstacles(schema, table))
    if obstacles:
        raise CannotPlan(
            f"the old and the new app cannot both have {table.name}: {'; '.join(obstacles)}",
            "change that in a migration of its own first, or keep the name",
        )
    columns = tuple(c for c in table.columns if not c.name.startswith(RETIRED))
    made = rename_table.RenameTable(
        table.name,
        new,
        tuple(c.name for c in columns),
        "FOREIGN TABLE" if table.kind is TableKind.FOREIGN else "TABLE",
        table.owner,
        table.grants,
        tuple((c.name, g) for c in columns for g in c.grants),
        _by_default(schema, new, table.name, table.owner),
        table.row_security,
    ).steps()
    return Outcome(made.drafts, made.summary, (*made.notes, *_spoken_of(schema, table.name)), made.touches)


def _obstacles(schema: Schema, table: Table) -> Iterator[str]:
    """Name what cannot live with a view in the place of a table."""
    if table.partial:
        yield "it is only partly known here (give the database or a dump with --schema)"
    if table.persistence == "t":
        yield "it is a temporary table"
    if table.partition_bound is not None:
        yield "it is a partition"
    if table.row_security and schema.server_version < _INVOKER_FROM:
        yield "its policies would not hold through a view before PostgreSQL 15"
    if table.row_security and any(c.grants for c in table.columns):
        yield "it has both policies and grants on columns, which no view can keep together"
    for publication in schema.publications.values():
        places = {table.name.schema} & set(publication.schemas)
        if publication.all_tables or places or table.name in {p.table for p in publication.tables}:
            yield f"publication {quote_ident(publication.name)} has it, and its subscribers know it by its name"


def _spoken_of(schema: Schema, name: Name) -> Iterator[str]:
    """Note the functions whose text names the table: they fail from contract on, as after the plain rename."""
    word = re.compile(rf"(?<!\w){re.escape(name.name)}(?!\w)", re.IGNORECASE)
    found = [str(f.name) for fs in schema.functions.values() for f in fs if not f.parsed and word.search(f.body)]
    if found:
        listed = ", ".join(dict.fromkeys(found))
        yield f"{listed}: the text names {name.name}; from contract on it must name the new one, as after any rename"


def _view(schema: Schema, view: View, new: Name) -> Outcome:
    if not view.shows:
        raise CannotPlan(f"the columns of {view.name} are not known here", "give the database or a dump with --schema")
    kind = "MATERIALIZED VIEW" if view.materialized else "VIEW"
    granted = _by_default(schema, new, view.name, view.owner)
    return rename_table.RenameTable(
        view.name, new, view.shows, kind, view.owner, view.grants, (), granted, writes=not view.materialized
    ).steps()


def _by_default(schema: Schema, new: Name, old: Name, owner: str | None) -> tuple[Grant, ...]:
    """Give what default privileges would grant on a new view."""
    script = parse_script(Source("<plan>", f"CREATE VIEW {new} AS SELECT FROM {old}"))
    made = evolve(schema, script.statements[0]).views.get(new)
    return tuple(g for g in made.grants if g.role != owner) if made is not None else ()
