"""What is said of objects beside their definition as a list of parts: owners, grants, comments, storage, publications.

Plans do not rest on any of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate_safe.catalog.describe import Part
from migrate_safe.catalog.evolve.holders import every_holder
from migrate_safe.catalog.privileges import grant_text
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Publication
from migrate_safe.model.schema import Schema, Table
from migrate_safe.sql.canonical import canonical

_THINGS = frozenset({"default privileges", "extension", "remarks on type", "schema", "statistics", "subscription"})


def remark_parts(schema: Schema) -> Iterator[Part]:
    """Describe owners, grants and comments of all objects, how tables are stored, and all that is published."""
    yield from _holders(schema)
    for table in schema.tables.values():
        yield from _table(table)
    for view in schema.views.values():
        yield from _comment(f"view {view.name}", view.comment)
        for index in view.indexes:
            yield from _comment(f"index {index.name} on {view.name}", index.comment)
    for sequence in schema.sequences.values():
        yield from _comment(f"sequence {sequence.name}", sequence.comment)
    for functions in schema.functions.values():
        for function in functions:
            yield from _comment(f"function {function.name}({function.arguments})", function.comment)
    for publication in schema.publications.values():
        yield _publication(publication)
    for thing in schema.things.values():
        if thing.kind in _THINGS:
            text = "; ".join(f"{word} {said}" for word, said in thing.facts)
            yield Part(f"{thing.kind} {thing.name}", text, thing.facts, rests=False)


def _holders(schema: Schema) -> Iterator[Part]:
    for holder in every_holder(schema):
        if holder.owner is not None and holder.target.kind in ("table", "sequence", "function", "procedure"):
            name = f"{holder.target.name}({holder.target.part})" if holder.target.part else str(holder.target.name)
            text = "; ".join([f"owner {holder.owner}", *map(grant_text, holder.grants)])
            yield Part(f"rights on {name}", text, (holder.owner, holder.grants), rests=False)


def _table(table: Table) -> Iterator[Part]:
    yield from _comment(f"table {table.name}", table.comment)
    for column in table.columns:
        name = f"column {column.name} of {table.name}"
        yield from _comment(name, column.comment)
        if column.grants:
            text = "; ".join(f"{g.privilege} to {g.role or 'PUBLIC'}" for g in column.grants)
            yield Part(f"grants on {name}", text, tuple(sorted(column.grants)), rests=False)
        if column.settings:
            yield Part(f"settings of {name}", "; ".join(column.settings), column.settings, rests=False)
    for word in ("constraints", "indexes", "triggers", "policies", "rules"):
        for part in getattr(table, word):
            yield from _comment(f"{word} {part.name} on {table.name}", part.comment)
    stored = (table.options, table.tablespace, table.access_method, table.clustered_on)
    yield Part(f"storage of {table.name}", _words(stored), stored, rests=False)


def _comment(name: str, comment: str | None) -> Iterator[Part]:
    if comment is not None:
        yield Part(f"comment on {name}", comment, (comment,), rests=False)


def _words(values: Iterable[object]) -> str:
    return "; ".join(str(v) for v in values if v)


def _publication(known: Publication) -> Part:
    tables = tuple((t.table, t.columns, canonical(t.condition.sql) if t.condition else None) for t in known.tables)
    options = (known.operations, known.via_root, known.generated, known.owner, known.comment)
    scope = ["all tables"] if known.all_tables else [*map(_shown, tables), *(f"schema {s}" for s in known.schemas)]
    text = f"{', '.join(scope)}; {', '.join(known.operations)}"
    meaning = (known.all_tables, tables, known.schemas, *options)
    return Part(f"publication {known.name}", text, meaning, rests=False)


def _shown(table: tuple[Name, tuple[str, ...], str | None]) -> str:
    columns = f" ({', '.join(table[1])})" if table[1] else ""
    return f"{table[0]}{columns}{f' WHERE {table[2]}' if table[2] else ''}"
