"""Views."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.schema import STAR, View
from migrate_safe.model.statement import CreateView, RefreshView
from migrate_safe.model.values import replace
from migrate_safe.sql.expressions import columns_among, is_star
from migrate_safe.sql.names import name_of, option_text, options
from migrate_safe.sql.qualified import qualified_columns, using_columns
from migrate_safe.sql.relations import relations_in
from migrate_safe.sql.scopes import scopes_of
from migrate_safe.sql.shapes import shape_unless_deep
from migrate_safe.sql.tree import Unreadable, inner, walk, write


def create_view(node: Any) -> CreateView:
    """Read a ViewStmt."""
    made = _view(node.view, node.query, materialized=False)
    given = tuple((name, option_text(e) or "true") for name, e in options(node.options).items())
    check = {pb.LOCAL_CHECK_OPTION: "local", pb.CASCADED_CHECK_OPTION: "cascaded"}.get(node.with_check_option)
    given += (("check_option", check),) if check is not None else ()
    shape = shape_unless_deep(inner(node.query), node.aliases)
    temporary = node.view.relpersistence == "t"
    made, scopes = replace(made, options=given), scopes_of(inner(node.query))
    return CreateView(made, node.replace, shape=shape, temporary=temporary, scopes=scopes)


def create_materialized_view(node: Any) -> CreateView:
    """Read a CreateTableAsStmt of a materialized view."""
    made = _view(node.into.rel, node.query, materialized=True)
    given = tuple((name, option_text(e) or "true") for name, e in options(node.into.options).items())
    shape = shape_unless_deep(inner(node.query), node.into.col_names)
    made = replace(made, options=given, populated=not node.into.skip_data)
    return CreateView(made, if_not_exists=node.if_not_exists, shape=shape, scopes=scopes_of(inner(node.query)))


def refresh_view(node: Any) -> RefreshView:
    """Read a RefreshMatViewStmt."""
    return RefreshView(name_of(node.relation), node.concurrent, not node.skip_data)


def _view(relation: Any, query: Any, *, materialized: bool) -> View:
    select = inner(query)
    parts = tuple(walk(select))
    uses = qualified_columns(select)
    try:
        definition = write(select)
    except Unreadable:
        definition = ""
    return View(
        name=name_of(relation),
        materialized=materialized,
        relations=frozenset(relations_in(select)),
        columns=columns_among(parts) | using_columns(select) | {c for _, c in uses if c != STAR},
        uses=uses,
        star=any(map(is_star, parts)),
        definition=definition,
    )
