"""The columns that a query gives, on a schema."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from migrate_safe.catalog.change import CannotApply, certain, known_type
from migrate_safe.model.names import Name
from migrate_safe.model.query import Join, Shape, Source, Target
from migrate_safe.model.schema import Schema, TypeName
from migrate_safe.model.values import replace

_COLLATED = frozenset({"text", "character varying", "character", "bpchar", "name"})


class Given(Struct, frozen=True):
    """A column that a query gives; its type is None where it is not known."""

    name: str
    type: TypeName | None = None
    collation: Name | None = None


Columns = tuple[Given, ...]


def columns_given(schema: Schema, shape: Shape | None) -> Columns | None:
    """Give the columns of a query, None where not even their names are known.

    Raises CannotApply where the text names more columns than the query has.
    """
    if shape is None:
        return None
    found: list[Given] = []
    for target in shape.targets:
        some = _of_target(schema, shape, target)
        if some is None:
            return None
        found.extend(some)
    for arm in shape.arms:
        found = _agreed(found, columns_given(schema, arm))
    if len(shape.names) > len(found):
        raise CannotApply("more column names are given than the query has columns")
    named = [replace(c, name=n) for c, n in zip(found, shape.names, strict=False)]
    return (*named, *found[len(named) :])


def _agreed(ours: list[Given], theirs: Columns | None) -> list[Given]:
    """Keep the types in which two queries of a UNION agree."""
    if theirs is None:
        return [replace(c, type=None) for c in ours]
    if len(theirs) != len(ours):
        raise CannotApply("the queries of UNION and the like must have the same number of columns")
    types = [c.type for c in theirs]
    return [c if c.type == t else replace(c, type=None) for c, t in zip(ours, types, strict=True)]


def _of_target(schema: Schema, shape: Shape, target: Target) -> Columns | None:
    if target.star:
        wanted = [s for s in shape.sources if target.source is None or _named(s, target.source)]
        inside = [_pick(s, target.source) for s in wanted] if target.source is not None else wanted
        parts = [source_columns(schema, s) for s in inside]
        if not parts or any(p is None for p in parts):
            return None
        return tuple(c for p in parts if p is not None for c in p)
    assert target.name is not None, "only a star has no name"
    found = Given(target.name, known_type(schema, target.type) if target.type is not None else None)
    if target.column is not None:
        known = _lookup(schema, shape.sources, target)
        found = _referring(found, known)
    return (replace(found, collation=target.collation or found.collation),)


def _referring(found: Given, known: Given | None) -> Given:
    """Give a target that a column is in: its type where it is plain, else the collation that it passes on."""
    if found.type is None:
        return replace(known, name=found.name) if known is not None else found
    if found.type.name not in _COLLATED:
        return found
    return replace(found, collation=known.collation) if known is not None else replace(found, type=None)


def _lookup(schema: Schema, sources: Iterable[Source | Join], target: Target) -> Given | None:
    """Give the column that a reference means, where exactly one source can have it."""
    leaves = [s for item in sources for s in _leaves(item) if target.source is None or s.alias == target.source]
    columns = [source_columns(schema, s) for s in leaves]
    if any(c is None for c in columns):
        return None
    found = [c for some in columns if some is not None for c in some if c.name == target.column]
    return found[0] if found else None


def _leaves(item: Source | Join) -> list[Source]:
    return [item] if isinstance(item, Source) else [*_leaves(item.left), *_leaves(item.right)]


def _named(item: Source | Join, alias: str) -> bool:
    return any(s.alias == alias for s in _leaves(item))


def _pick(item: Source | Join, alias: str) -> Source:
    return next(s for s in _leaves(item) if s.alias == alias)


def source_columns(schema: Schema, item: Source | Join) -> Columns | None:
    """Give the columns of an item of FROM; None where they are not known."""
    if isinstance(item, Join):
        return _of_join(schema, item)
    if item.relation is not None:
        found = relation_columns(schema, item.relation)
    elif item.shape is not None:
        found = columns_given(schema, item.shape)
    else:
        found = None if item.opaque else tuple(Given(c) for c in item.columns)
    if found is None:
        return None
    renamed = [replace(c, name=n) for c, n in zip(found, item.columns, strict=False)]
    return (*renamed, *found[len(renamed) :])


def _of_join(schema: Schema, join: Join) -> Columns | None:
    left, right = source_columns(schema, join.left), source_columns(schema, join.right)
    if left is None or right is None:
        return None
    using = join.using if join.using is not None else tuple(c.name for c in left if c.name in {r.name for r in right})
    merged = [next(c for c in left if c.name == u) for u in using if any(c.name == u for c in left)]
    return (*merged, *(c for c in (*left, *right) if c.name not in using))


def relation_columns(schema: Schema, relation: Name) -> Columns | None:
    """Give the columns of a table or view; None where it is not known, or not all of it."""
    full = schema.resolve(relation)
    table = schema.tables.get(full)
    if table is not None:
        if not certain(schema, table):
            return None
        return tuple(Given(c.name, c.type, c.collation) for c in table.columns)
    view = schema.views.get(full)
    if view is None or not view.shows:
        return None
    unknown = (None,) * len(view.shows)
    columns = zip(view.shows, view.types or unknown, view.collations or unknown, strict=True)
    return tuple(Given(*column) for column in columns)
