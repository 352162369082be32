"""Which parts of a statement older servers do not know, as the grammar of the newest one reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from postgast import pg_query_pb2 as pb

from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk


class Feature(Struct, frozen=True):
    """A piece of syntax, and the first major version that reads it."""

    words: str
    since: int


_OF_SCHEMAS = (pb.PUBLICATIONOBJ_TABLES_IN_SCHEMA, pb.PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA)
_OF_DATABASE = (pb.REINDEX_OBJECT_SYSTEM, pb.REINDEX_OBJECT_DATABASE)
_CHECKED = (pb.CONSTR_CHECK, pb.CONSTR_FOREIGN)
_ENFORCING = (pb.CONSTR_ATTR_ENFORCED, pb.CONSTR_ATTR_NOT_ENFORCED)
_ALWAYS = ""
_OF_VACUUM = ("process_main", "skip_database_stats", "only_database_stats", "buffer_usage_limit")
_GENERATED = "publish_generated_columns"


def _option(name: str) -> Callable[[Any], bool]:
    """Ask whether a statement has an option of that name."""
    return lambda node: any(inner(option).defname == name for option in node.options)


def _given(node: Any) -> bool:
    return bool(node.HasField("def"))


def _word(node: Any) -> str:
    """Give the word that an action of ALTER TABLE sets something to."""
    return str(inner(getattr(node, "def")).sval)


SINCE: tuple[tuple[str, str | Callable[[Any], bool], str, int], ...] = (
    ("MergeStmt", _ALWAYS, "MERGE", 15),
    ("IndexStmt", "nulls_not_distinct", "NULLS NOT DISTINCT", 15),
    ("Constraint", "nulls_not_distinct", "NULLS NOT DISTINCT", 15),
    ("Constraint", "fk_del_set_cols", "a column list of ON DELETE SET NULL or SET DEFAULT", 15),
    ("PublicationTable", "columns", "a column list of a publication", 15),
    ("PublicationTable", "where_clause", "WHERE of a publication", 15),
    ("PublicationObjSpec", lambda n: n.pubobjtype in _OF_SCHEMAS, "FOR TABLES IN SCHEMA of a publication", 15),
    ("AlterTableCmd", lambda n: n.subtype == pb.AT_SetAccessMethod, "SET ACCESS METHOD", 15),
    ("AlterTableCmd", lambda n: n.subtype == pb.AT_SetStorage and _word(n) == "default", "SET STORAGE DEFAULT", 16),
    ("ColumnDef", "storage_name", "STORAGE of a new column", 16),
    ("RangeSubselect", lambda n: not n.HasField("alias"), "a subquery in FROM without an alias", 16),
    ("CreateStatsStmt", lambda n: not n.defnames, "CREATE STATISTICS without a name", 16),
    ("ReindexStmt", lambda n: n.kind in _OF_DATABASE and not n.name, "REINDEX of the database without its name", 16),
    ("JsonIsPredicate", _ALWAYS, "IS JSON", 16),
    ("JsonObjectConstructor", _ALWAYS, "JSON_OBJECT()", 16),
    ("JsonArrayConstructor", _ALWAYS, "JSON_ARRAY()", 16),
    ("JsonArrayQueryConstructor", _ALWAYS, "JSON_ARRAY()", 16),
    ("JsonObjectAgg", _ALWAYS, "JSON_OBJECTAGG()", 16),
    ("JsonArrayAgg", _ALWAYS, "JSON_ARRAYAGG()", 16),
    (
        "AlterTableCmd",
        lambda n: n.subtype == pb.AT_SetStatistics and not n.HasField("def"),
        "SET STATISTICS DEFAULT",
        17,
    ),
    ("AlterTableCmd", lambda n: n.subtype == pb.AT_SetExpression, "SET EXPRESSION", 17),
    ("MergeStmt", "returning_clause", "RETURNING of MERGE", 17),
    ("MergeWhenClause", lambda n: n.match_kind == pb.MERGE_WHEN_NOT_MATCHED_BY_SOURCE, "BY SOURCE of MERGE", 17),
    ("JsonFuncExpr", _ALWAYS, "JSON_VALUE(), JSON_QUERY() or JSON_EXISTS()", 17),
    ("JsonTable", _ALWAYS, "JSON_TABLE()", 17),
    ("JsonParseExpr", "unique_keys", "UNIQUE KEYS of JSON()", 17),
    ("JsonScalarExpr", _ALWAYS, "JSON_SCALAR()", 17),
    ("JsonSerializeExpr", _ALWAYS, "JSON_SERIALIZE()", 17),
    ("CreateStmt", lambda n: any(map(_is_not_null, n.table_elts)), "NOT NULL as a table constraint", 18),
    ("AlterTableCmd", lambda n: _is_not_null(getattr(n, "def")), "NOT NULL as a table constraint", 18),
    ("Constraint", lambda n: n.contype in _CHECKED and not n.is_enforced, "NOT ENFORCED", 18),
    ("Constraint", lambda n: n.contype in _ENFORCING, "ENFORCED or NOT ENFORCED", 18),
    ("Constraint", "without_overlaps", "WITHOUT OVERLAPS", 18),
    ("Constraint", "fk_with_period", "PERIOD of a foreign key", 18),
    ("ATAlterConstraint", "alter_enforceability", "ENFORCED or NOT ENFORCED", 18),
    ("ATAlterConstraint", "alter_inheritability", "INHERIT of a constraint", 18),
    *(("VacuumStmt", _option(name), f"{name.upper()} of VACUUM", 16) for name in _OF_VACUUM),
    ("CreatePublicationStmt", _option(_GENERATED), _GENERATED, 18),
    ("AlterPublicationStmt", _option(_GENERATED), _GENERATED, 18),
    ("VacuumRelation", lambda n: not n.relation.inh, "ONLY of VACUUM or ANALYZE", 18),
    ("ReturningOption", _ALWAYS, "WITH of RETURNING", 18),
)
"""Kind of message, the field that is set or what else tells, the words for people, the first major version."""

NEWEST = max(since for _, _, _, since in SINCE)


def _is_not_null(node: Any) -> bool:
    part = inner(node)
    return kind_of(part) == "Constraint" and part.contype == pb.CONSTR_NOTNULL


def newest_feature(sql: str) -> Feature | None:
    """Give the latest piece of syntax that a statement uses; None where every supported server reads all of it."""
    try:
        parts = [part for tree in parse_tree(sql) for part in walk(tree.node)]
    except Unreadable:
        return None
    found = [
        Feature(words, since)
        for part in parts
        for kind, sign, words, since in SINCE
        if kind_of(part) == kind and (sign(part) if callable(sign) else not sign or _is_set(part, sign))
    ]
    return max(found, key=lambda f: f.since, default=None)


def _is_set(part: Any, field: str) -> bool:
    return any(known.name == field for known, _ in part.ListFields())
