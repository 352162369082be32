"""Materialized views seen as the tables that they are stored like: they have indexes, are scanned and vacuumed."""

from __future__ import annotations

from dataclasses import replace

from migrate_safe.model.schema import Column, Schema, Table, TypeName, View


def as_tables(schema: Schema) -> Schema:
    """Give the schema with every materialized view as a table."""
    stored = {n: as_table(v) for n, v in schema.views.items() if v.materialized}
    if not stored:
        return schema
    rest = {n: v for n, v in schema.views.items() if n not in stored}
    return replace(schema.with_tables(*stored.values()), views=rest)


def as_views(before: Schema, after: Schema) -> Schema:
    """Undo `as_tables` on what became of its schema: only indexes have changed."""
    stored = {n: v for n, v in before.views.items() if v.materialized}
    if not stored:
        return after
    views = {n: replace(v, indexes=after.tables[n].indexes) for n, v in stored.items()}
    return replace(after.with_tables(gone=stored), views={**before.views, **views})


def as_table(view: View) -> Table:
    """Give a materialized view as a table."""
    unknown = (None,) * len(view.shows)
    shown = zip(view.shows, view.types or unknown, view.collations or unknown, strict=True)
    columns = tuple(Column(n, t or TypeName(""), collation=c) for n, t, c in shown)
    return Table(view.name, columns=columns, indexes=view.indexes, partial=not view.shows)
