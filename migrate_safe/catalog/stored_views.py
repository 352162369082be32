"""Materialized views seen as the tables that they are stored like: they have indexes, are scanned and vacuumed."""

from __future__ import annotations

from migrate_safe.model.marked import bearing
from migrate_safe.model.schema import MATERIALIZED, Column, Schema, Table, TypeName, View
from migrate_safe.model.values import replace


def as_tables(schema: Schema) -> Schema:
    """Give the schema with every materialized view as a table."""
    stored = _stored(schema)
    if not stored:
        return schema
    return schema.with_tables(*map(as_table, stored)).with_views(gone=[view.name for view in stored])


def as_views(before: Schema, after: Schema) -> Schema:
    """Undo `as_tables` on what became of its schema: only indexes have changed."""
    stored = _stored(before)
    if not stored:
        return after
    views = [replace(view, indexes=after.tables[view.name].indexes) for view in stored]
    whole = replace(after, views=before.views).with_views(*views)
    return whole.with_tables(gone=[view.name for view in stored])


def _stored(schema: Schema) -> list[View]:
    return [view for view in bearing(schema.views, MATERIALIZED) if view.materialized]


def as_table(view: View) -> Table:
    """Give a materialized view as a table."""
    unknown = (None,) * len(view.shows)
    shown = zip(view.shows, view.types or unknown, view.collations or unknown, strict=True)
    columns = tuple(Column(n, t or TypeName(""), collation=c) for n, t, c in shown)
    return Table(view.name, columns=columns, indexes=view.indexes, partial=not view.shows)
