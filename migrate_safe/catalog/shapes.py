"""The columns that a query gives, on a schema."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from migrate_safe.catalog.change import CannotApply, certain, known_type
from migrate_safe.model.names import Name
from migrate_safe.model.query import Join, Shape, Source, Target
from migrate_safe.model.schema import Function, Schema, TypeName
from migrate_safe.model.values import replace

_COLLATED = frozenset({"text", "character varying", "character", "bpchar", "name"})
_PSEUDO = ("record", "void", "trigger", "event_trigger", "internal")
_OUT = ("out", "inout", "table")


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
    elif found.type is None and target.calls is not None:
        found = replace(found, type=_type_of_call(schema, target.calls))
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
    elif item.calls is not None:
        found = _of_function(schema, item.calls, item.alias)
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


def _called(schema: Schema, name: Name) -> Function | None:
    """Give the function that a name certainly means: the only one of it, which is not polymorphic."""
    places = (name.schema,) if name.schema is not None else schema.search_path
    found = [f for place in places for f in schema.functions.get(Name(place, name.name), ())]
    types = [p.type for f in found for p in f.parameters] + [f.returns for f in found if f.returns is not None]
    polymorphic = any(t.schema is None and t.name.startswith("any") for t in types)
    return found[0] if len(found) == 1 and found[0].kind == "function" and not polymorphic else None


def _type_of_call(schema: Schema, name: Name) -> TypeName | None:
    function = _called(schema, name)
    if function is None or function.returns is None:
        return None
    pseudo = function.returns.schema is None and function.returns.name in _PSEUDO
    return None if pseudo else function.returns


def _of_function(schema: Schema, name: Name, alias: str) -> Columns | None:
    """Give the columns of a function in FROM: its OUT parameters, those of its row type, or its value alone."""
    function = _called(schema, name)
    if function is None:
        return None
    out = [p for p in function.parameters if p.mode in _OUT]
    if len(out) > 1 or (out and out[0].mode == "table"):
        named = all(p.name for p in out)
        return tuple(Given(p.name, p.type) for p in out) if named else None
    returns = _type_of_call(schema, name)
    if returns is None:
        return None
    row = Name(returns.schema, returns.name)
    if not returns.dimensions and (row in schema.tables or row in schema.views):
        return relation_columns(schema, row)
    if not returns.dimensions and row in schema.composites:
        return tuple(Given(a, t) for a, t in schema.composites[row])
    return (Given(out[0].name if out and out[0].name else alias or name.name, returns),)
