"""CREATE INDEX, DROP INDEX, REINDEX."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Index, IndexKey
from migrate_safe.model.statement import CreateIndex, Reindex
from migrate_safe.sql.expressions import optional_expr
from migrate_safe.sql.names import dotted, name_of, option_is_on, option_text, options
from migrate_safe.sql.tree import inner

_REINDEX_KINDS = {
    pb.REINDEX_OBJECT_INDEX: "index",
    pb.REINDEX_OBJECT_TABLE: "table",
    pb.REINDEX_OBJECT_SCHEMA: "schema",
    pb.REINDEX_OBJECT_SYSTEM: "system",
    pb.REINDEX_OBJECT_DATABASE: "database",
}


def create_index(node: Any) -> CreateIndex:
    """Read an IndexStmt."""
    index = Index(
        name=node.idxname or None,
        keys=tuple(index_key(inner(item)) for item in node.index_params),
        unique=node.unique,
        method=node.access_method or "btree",
        include=tuple(inner(item).name for item in node.index_including_params),
        predicate=optional_expr(node, "where_clause"),
        nulls_not_distinct=node.nulls_not_distinct,
        options=tuple((name, option_text(element)) for name, element in options(node.options).items()),
        tablespace=node.table_space or None,
    )
    return CreateIndex(
        table=name_of(node.relation),
        index=index,
        concurrently=node.concurrent,
        if_not_exists=node.if_not_exists,
        only=not node.relation.inh,
    )


def reindex(node: Any) -> Reindex:
    """Read a ReindexStmt."""
    target = name_of(node.relation) if node.HasField("relation") else Name(None, node.name) if node.name else None
    return Reindex(_REINDEX_KINDS.get(node.kind, "table"), target, option_is_on(options(node.params), "concurrently"))


def index_key(element: Any) -> IndexKey:
    """Read an IndexElem."""
    return IndexKey(
        column=element.name or None,
        expression=optional_expr(element, "expr"),
        collation=dotted(element.collation) if element.collation else None,
        opclass=str(dotted(element.opclass)) if element.opclass else None,
        descending=element.ordering == pb.SORTBY_DESC,
        nulls_first=_nulls_first(element),
        parameters=tuple((name, option_text(given)) for name, given in options(element.opclassopts).items()),
    )


def _nulls_first(element: Any) -> bool | None:
    match element.nulls_ordering:
        case pb.SORTBY_NULLS_FIRST:
            return True
        case pb.SORTBY_NULLS_LAST:
            return False
        case _:
            return None
