"""How views come and go, and which of them stand in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from migrate_safe.catalog.brought import shows_relations
from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve.freeing import freed
from migrate_safe.catalog.evolve.parameters import refuse_table_parameters
from migrate_safe.catalog.evolve.resting import may_have, on_relation
from migrate_safe.catalog.naming import none_such, relation_exists
from migrate_safe.catalog.presence import need_relation
from migrate_safe.catalog.references import refuse_unknown_columns
from migrate_safe.catalog.shapes import columns_given, relation_columns
from migrate_safe.model.marked import bearing
from migrate_safe.model.names import Name
from migrate_safe.model.schema import STAR, Index, Schema, View
from migrate_safe.model.statement import (
    AlterTable,
    CreateView,
    DropView,
    OtherTableAction,
    RefreshView,
    RenameColumn,
    SetDefault,
    TableAction,
    ViewAction,
)
from migrate_safe.model.values import replace
from migrate_safe.sql.touched import only_of

_INVOKER_FROM = 15
_OPTIONS = frozenset({"security_barrier", "security_invoker", "check_option"})


def view_action(schema: Schema, action: ViewAction) -> Schema:
    """Apply a statement about views."""
    match action:
        case CreateView():
            return create_view(schema, action)
        case DropView():
            return drop_view(schema, action)
        case RefreshView():
            return refresh_view(schema, action)


def create_view(schema: Schema, action: CreateView) -> Schema:
    """Create or replace a view; a star stands for the columns that its relations have now."""
    name = view_name(schema, action)
    known = schema.views.get(name)
    if relation_exists(schema, name):
        if action.if_not_exists:
            return schema
        if not action.replace or known is None or known.materialized:
            raise CannotApply(f"{name} is not a view" if action.replace else f"relation {name} already exists")
    relations = frozenset(schema.resolve(r) for r in action.view.relations) - {name}
    for relation in sorted(action.view.relations):
        if known is None or schema.resolve(relation) != name:
            need_relation(schema, relation)
    refuse_unknown_columns(schema, action.scopes)
    uses = frozenset((schema.resolve(r), c) for r, c in action.view.uses)
    view = replace(action.view, name=name, relations=relations, uses=uses)
    _refuse_options(schema, view)
    given = columns_given(schema, action.shape)
    if given is not None:
        types, collations = tuple(c.type for c in given), tuple(c.collation for c in given)
        view = replace(view, shows=tuple(c.name for c in given), types=types, collations=collations)
        _refuse_twice(name, view.shows)
    if view.star:
        view = _starred(schema, view)
    if view.materialized and view.populated:
        refuse_unpopulated(schema, relations)
    if known is not None:
        view = _replacing(known, view)
    return schema.with_views(view)


def _starred(schema: Schema, view: View) -> View:
    """Write the columns that a star stands for into a view, where all of them are known."""
    found = {r: relation_columns(schema, r) for r, c in view.uses if c == STAR}
    stood_for = frozenset((r, c.name) for r, some in found.items() for c in some or ())
    uses = frozenset((r, c) for r, c in view.uses if c != STAR or found[r] is None) | stood_for
    return replace(view, columns=view.columns | {c for _, c in stood_for}, uses=uses, star=None in found.values())


def view_name(schema: Schema, action: CreateView) -> Name:
    """Give the name of a view to be made; one over a temporary relation is temporary itself."""
    temporary = action.temporary or any(schema.resolve(r).schema == "pg_temp" for r in action.view.relations)
    return created_name(schema, action.view.name, temporary=temporary and not action.view.materialized)


def _refuse_options(schema: Schema, view: View) -> None:
    if view.materialized:
        refuse_table_parameters(schema, None, view.options)
        return
    for option, value in view.options:
        unknown = option not in _OPTIONS or (option == "security_invoker" and schema.server_version < _INVOKER_FROM)
        if unknown:
            raise CannotApply(f"unrecognized parameter {option!r}")
        if option == "check_option" and value not in ("local", "cascaded"):
            raise CannotApply(f"invalid value {value!r} for option check_option")


def _refuse_twice(name: Name, shows: tuple[str, ...]) -> None:
    twice = next((c for c in shows if shows.count(c) > 1), None)
    if twice is not None:
        raise CannotApply(f"column {twice!r} of {name} is given twice")


def _replacing(old: View, new: View) -> View:
    """Give a view that takes the place of another: its columns stay, in order; more may follow them."""
    if old.shows and new.shows:
        if len(new.shows) < len(old.shows):
            raise CannotApply(f"cannot drop columns from view {old.name}")
        for before, after in zip(old.shows, new.shows, strict=False):
            if before != after:
                raise CannotApply(f"cannot change name of column {before!r} of view {old.name} to {after!r}")
        types = zip(old.shows, old.types or (None,) * len(old.shows), new.types, strict=False)
        for column, was, becomes in types:
            if was is not None and becomes is not None and was != becomes:
                raise CannotApply(f"cannot change data type of column {column!r} of view {old.name}")
    kept = replace(new, triggers=old.triggers, rules=old.rules, owner=old.owner, grants=old.grants)
    return replace(kept, comment=old.comment, defaults=old.defaults)


def drop_view(schema: Schema, action: DropView) -> Schema:
    """Drop views."""
    names = [schema.resolve(v) for v in action.views]
    for name in names:
        view = schema.views.get(name)
        wrong = relation_exists(schema, name) if view is None else view.materialized is not action.materialized
        if wrong or (view is None and shows_relations(schema) and not action.if_exists):
            raise CannotApply(none_such(schema, name, "materialized view" if action.materialized else "view"))
    return drop_views(schema, names, cascade=action.cascade)


def drop_views(schema: Schema, names: Iterable[Name], *, cascade: bool) -> Schema:
    """Drop views and, with CASCADE, the views that rest on them; without, those make the server refuse."""
    gone = set(names)
    for name in list(gone):
        schema = freed(schema, on_relation(schema, name), f"view {name}", cascade=cascade)
        resting = [v.name for v in views_on(schema, name) if v.name not in gone]
        if resting and not cascade:
            raise CannotApply(f"view {resting[0]} depends on {name}")
        if resting:
            schema = drop_views(schema, resting, cascade=True)
    return replace(schema.with_views(gone=gone), absent=schema.absent | gone)


def refresh_view(schema: Schema, action: RefreshView) -> Schema:
    """Fill a materialized view, or empty it (WITH NO DATA)."""
    name = schema.resolve(action.view)
    view = schema.views.get(name)
    if view is None:
        if schema.complete or relation_exists(schema, name):
            raise CannotApply(none_such(schema, name, "materialized view"))
        return schema
    if not view.materialized:
        raise CannotApply(f"{name} is not a materialized view")
    if action.concurrently and not action.with_data:
        raise CannotApply("CONCURRENTLY and WITH NO DATA cannot be used together")
    if action.concurrently and not view.populated:
        raise CannotApply(f"CONCURRENTLY cannot be used: materialized view {name} is not populated")
    if action.concurrently and not any(map(serves_refresh, view.indexes)):
        raise CannotApply(f"materialized view {name} has no unique index over all its rows for CONCURRENTLY")
    if action.with_data:
        refuse_unpopulated(schema, view.relations)
    return schema.with_views(replace(view, populated=action.with_data))


def serves_refresh(index: Index) -> bool:
    """Say whether a materialized view with that index can be refreshed CONCURRENTLY."""
    plain = all(k.column is not None for k in index.keys)
    return index.unique and index.valid and plain and index.predicate is None


def refuse_unpopulated(schema: Schema, relations: Iterable[Name]) -> None:
    """Refuse to read a materialized view that holds nothing yet, also by way of a view."""
    for view in (schema.views[r] for r in relations if r in schema.views):
        if view.materialized and not view.populated:
            raise CannotApply(f"materialized view {view.name} has not been populated")
        if not view.materialized:
            refuse_unpopulated(schema, view.relations - {view.name})


# ---- ALTER VIEW ----------------------------------------------------------------------------


def alter_view(schema: Schema, action: AlterTable) -> Schema:
    """Apply ALTER [MATERIALIZED] VIEW (or ALTER TABLE on a view): defaults and options."""
    name = schema.resolve(action.table)
    view = schema.views[name]
    if action.object == "view" and view.materialized:
        raise CannotApply(f"{name} is not a view")
    if action.object == "materialized view" and not view.materialized:
        raise CannotApply(f"{name} is not a materialized view")
    for item in action.actions:
        view = _altered(schema, view, item)
    return schema.with_views(view)


def _altered(schema: Schema, view: View, action: TableAction) -> View:
    match action:
        case SetDefault(column=column, default=default):
            if view.materialized:
                raise CannotApply(f"{view.name} is a materialized view, whose columns have no defaults")
            _need_shown(schema, view, column)
            kept = tuple(d for d in view.defaults if d[0] != column)
            return replace(view, defaults=(*kept, *(((column, default),) if default is not None else ())))
        case OtherTableAction(kind="SetRelOptions" | "ResetRelOptions", argument=text):
            return _with_options(schema, view, text, reset=action.kind == "ResetRelOptions")
        case OtherTableAction(kind="ClusterOn", argument=index) if all(i.name != index for i in view.indexes):
            raise CannotApply(f"index {index!r} for {view.name} does not exist")
        case OtherTableAction():
            return view
        case _:
            raise CannotApply(f"{view.name} is a view, which has no {type(action).__name__}")


def _with_options(schema: Schema, view: View, text: str, *, reset: bool) -> View:
    parts = [(k.strip(), v.strip() or "true") for k, _, v in (p.partition("=") for p in text.split(","))]
    kept = tuple(o for o in view.options if o[0] not in dict(parts))
    changed = replace(view, options=kept if reset else (*kept, *parts))
    if not reset:
        _refuse_options(schema, changed)
    return changed


def _need_shown(schema: Schema, view: View, column: str) -> None:
    if view.shows and column not in view.shows and schema.complete:
        raise CannotApply(f"column {column!r} of view {view.name} does not exist")


def rename_view_column(schema: Schema, action: RenameColumn) -> Schema:
    """Rename a column of a view; views over it follow."""
    name = schema.resolve(action.table)
    view = schema.views[name]
    _need_shown(schema, view, action.column)
    if action.to in view.shows:
        raise CannotApply(f"column {action.to!r} of {name} already exists")
    renames = {action.column: action.to}
    view = replace(
        view,
        shows=tuple(renames.get(c, c) for c in view.shows),
        defaults=tuple((renames.get(c, c), d) for c, d in view.defaults),
    )
    return column_renamed(replace(schema, views={**schema.views, name: view}), name, action.column, action.to)


# ---- what rests on what --------------------------------------------------------------------


def views_on(schema: Schema, relation: Name, column: str | None = None) -> tuple[View, ...]:
    """Give the views whose query names a relation and, where given, a column of that name."""
    return tuple(
        v
        for v in bearing(schema.views, ("relation", relation))
        if relation in v.relations and (column is None or v.star or column in v.columns)
    )


def only_below(schema: Schema, view: View) -> frozenset[Name]:
    """Give the relations whose children a view leaves out (FROM ONLY)."""
    named = only_of(view.definition) if " only " in view.definition.lower() else ()
    return frozenset(map(schema.resolve, named))


def views_using(schema: Schema, relation: Name, column: str) -> list[View]:
    """Give the views that certainly read a column: their query says whose it is, or nothing else there can have it."""
    return [
        v
        for v in views_on(schema, relation, column)
        if (relation, column) in v.uses
        or (relation, STAR) in v.uses
        or not any(may_have(schema, r, column) for r in v.relations - {relation})
    ]


def relation_renamed(schema: Schema, old: Name, new: Name) -> Schema:
    """Let views follow a relation that got another name."""
    views = {
        n: _renaming(v, lambda r, c: (new if r == old else r, c)) if old in v.relations else v
        for n, v in schema.views.items()
    }
    return replace(schema, views=views)


def column_renamed(schema: Schema, relation: Name, old: str, new: str) -> Schema:
    """Let views follow a column that got another name; the old one stays where another relation may have it."""
    views = []
    for view in views_on(schema, relation, old):
        if old in view.columns:
            alone = view.relations == frozenset({relation})
            view = _renaming(view, lambda r, c: (r, new if (r, c) == (relation, old) else c))
            views.append(replace(view, columns=(view.columns - {old} if alone else view.columns) | {new}))
    return schema.with_views(*views)


def _renaming(view: View, renamed: Callable[[Name, str], tuple[Name, str]]) -> View:
    relations = frozenset(renamed(r, "")[0] for r in view.relations)
    return replace(view, relations=relations, uses=frozenset(renamed(*use) for use in view.uses))


def created_name(schema: Schema, name: Name, *, temporary: bool = False) -> Name:
    """Qualify the name of a new relation by the schema that it will be made in."""
    if temporary:
        return Name("pg_temp", name.name)
    return name.within(schema.first_place)
