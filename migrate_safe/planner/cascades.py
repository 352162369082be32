"""DROP ... CASCADE as the single statements that it stands for, so that each thing it takes along has its own steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from migrate_safe.catalog.diff import differences
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import DropTable, DropView, Statement
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script


def spelled_out(statement: Statement, schema: Schema, after: Schema) -> tuple[Statement, ...]:
    """Give the statements that do what a DROP TABLE or DROP VIEW with CASCADE does, which leaves `after`.

    The statement itself where it is none of these, or where they would not do the same.
    """
    match statement.action:
        case DropTable(tables=names, cascade=True, foreign=False) if schema.complete:
            named = [n for n in map(schema.resolve, names) if n in schema.tables]
            texts = [*_keys(schema, named), *_views(schema, named), f"DROP TABLE {_listed(named)}"]
        case DropView(views=names, cascade=True, materialized=False) if schema.complete:
            named = [n for n in map(schema.resolve, names) if n in schema.views]
            texts = [*_views(schema, named), f"DROP VIEW {_listed(named)}"]
        case _:
            return (statement,)
    if not named:
        return (statement,)
    script = parse_script(Source("<cascade>", ";\n".join(texts)))
    if differences(fold(schema, script), after):
        return (statement,)
    return tuple(replace(statement, text=s.text, action=s.action) for s in script.statements)


def _listed(names: Iterable[Name]) -> str:
    return ", ".join(map(str, dict.fromkeys(names)))


def _keys(schema: Schema, tables: list[Name]) -> Iterator[str]:
    for table in tables:
        for near, key in schema.referencing(table):
            if near.name not in tables and key.local:
                yield f"ALTER TABLE {near.name} DROP CONSTRAINT {quote_ident(key.name or '')}"


def _views(schema: Schema, relations: list[Name]) -> Iterator[str]:
    """Drop what rests on the relations, by way of others too: the views that rest on others first."""
    gone = set(relations)
    found: list[Name] = []
    while more := [v for v in schema.views.values() if v.name not in gone and v.relations & gone]:
        found += [v.name for v in more]
        gone |= {v.name for v in more}
    for stored, names in groupby(reversed(found), key=lambda n: schema.views[n].materialized):
        yield f"DROP {'MATERIALIZED VIEW' if stored else 'VIEW'} {_listed(names)}"
