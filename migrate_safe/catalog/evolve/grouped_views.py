"""Views whose GROUP BY rests on a primary key: they give columns of its table by which they do not group.

https://www.postgresql.org/docs/current/sql-select.html#SQL-GROUPBY
"""

from __future__ import annotations

from migrate_safe.catalog.evolve.views import views_on
from migrate_safe.model.names import Name
from migrate_safe.model.schema import STAR, Constraint, ConstraintKind, Schema, Table
from migrate_safe.sql.grouped import Grouped, grouped_queries


def views_grouped_by(schema: Schema, table: Table, key: Constraint) -> list[Name]:
    """Give the views that certainly rest on a constraint: on a primary key that is not deferrable."""
    if key.kind is not ConstraintKind.PRIMARY or key.deferrable:
        return []
    found = views_on(schema, table.name)
    return [v.name for v in found if any(_rests(schema, table, key, g) for g in grouped_queries(v.definition))]


def _rests(schema: Schema, table: Table, key: Constraint, query: Grouped) -> bool:
    aliases = [alias for alias, relation in query.sources if schema.resolve(relation) == table.name]
    return any(_needs(schema, table, key, query, alias) for alias in aliases)


def _needs(schema: Schema, table: Table, key: Constraint, query: Grouped, alias: str) -> bool:
    by = {c for path in query.by for c in _columns(schema, table, query, alias, path)}
    beside = {c for path in query.beside for c in _columns(schema, table, query, alias, path)}
    return set(key.columns) <= by and bool(beside - by)


def _columns(schema: Schema, table: Table, query: Grouped, alias: str, path: tuple[str, ...]) -> frozenset[str]:
    """Give the columns of a table that a path certainly means."""
    own = frozenset(c.name for c in table.columns)
    qualified = len(path) > 1 and path[-2] == alias
    if path[-1] == STAR:
        return own if qualified or len(path) == 1 else frozenset()
    if len(path) > 1:
        return own & {path[-1]} if qualified else frozenset()
    if path == (alias,) and path[0] not in own:
        return own
    others = [schema.table(relation) for name, relation in query.sources if name != alias]
    alone = query.whole and all(t is not None and not t.partial and t.column(path[0]) is None for t in others)
    return own & set(path) if alone else frozenset()
