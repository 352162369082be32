"""Views that rest on a relation, and what the server locks with them."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.evolve.views import views_on
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema


def views_over(schema: Schema, relation: Name) -> list[Name]:
    """Give the views that rest on a relation, directly or by way of other views."""
    found: list[Name] = []
    for view in views_on(schema, relation):
        found.extend(n for n in [view.name, *views_over(schema, view.name)] if n not in found)
    return found


def with_indexes(schema: Schema, views: Iterable[Name]) -> list[Name]:
    """Give the names of views, and of the indexes of those that are materialized."""
    found: list[Name] = []
    for name in views:
        view = schema.views.get(name)
        found += [name, *(Name(name.schema, i.name) for i in (view.indexes if view is not None else ()) if i.name)]
    return found
