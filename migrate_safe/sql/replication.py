"""Publications and subscriptions."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.objects import PublishedTable
from migrate_safe.model.said import PublicationChange, SubscriptionChange
from migrate_safe.sql.expressions import optional_expr
from migrate_safe.sql.names import name_of, option_is_on, option_text, options, strings
from migrate_safe.sql.tree import inner, kind_of

_VERBS = {pb.AP_AddObjects: "add", pb.AP_DropObjects: "drop", pb.AP_SetObjects: "set"}
_VIA_ROOT = "publish_via_partition_root"
_OPERATIONS = ("insert", "update", "delete", "truncate")


def publication(node: Any) -> PublicationChange:
    """Read a CreatePublicationStmt or AlterPublicationStmt."""
    created = kind_of(node) == "CreatePublicationStmt"
    objects = [inner(item) for item in node.pubobjects]
    tables = [o.pubtable for o in objects if o.HasField("pubtable")]
    given = options(node.options)
    return PublicationChange(
        verb="create" if created else "options" if node.options else _VERBS.get(node.action, "set"),
        name=node.pubname,
        all_tables=node.for_all_tables,
        tables=tuple(map(_published, tables)),
        only=tuple(name_of(t.relation) for t in tables if not t.relation.inh),
        schemas=tuple(o.name for o in objects if o.pubobjtype == pb.PUBLICATIONOBJ_TABLES_IN_SCHEMA),
        current_schema=any(o.pubobjtype == pb.PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA for o in objects),
        operations=_operations(option_text(given["publish"])) if "publish" in given else None,
        via_root=option_is_on(given, _VIA_ROOT) if _VIA_ROOT in given else None,
        generated=_generated(given["publish_generated_columns"]) if "publish_generated_columns" in given else None,
    )


def _published(node: Any) -> PublishedTable:
    return PublishedTable(name_of(node.relation), strings(node.columns), optional_expr(node, "where_clause"))


def _operations(text: str) -> tuple[str, ...]:
    """Read `insert, update` in the order in which the catalog keeps them."""
    words = {word.strip().lower() for word in text.split(",")}
    return tuple(word for word in _OPERATIONS if word in words)


def _generated(element: Any) -> str:
    """Read publish_generated_columns; without a value it says stored."""
    return option_text(element).lower() or "stored"


def subscription(node: Any) -> SubscriptionChange:
    """Read a CreateSubscriptionStmt, AlterSubscriptionStmt or DropSubscriptionStmt."""
    words = options(node.options) if "options" in node.DESCRIPTOR.fields_by_name else {}
    return SubscriptionChange(
        verb=_subscription_verb(node),
        name=node.subname,
        publications=strings(node.publication) if "publication" in node.DESCRIPTOR.fields_by_name else (),
        options=tuple((name, option_text(element).lower() or "true") for name, element in words.items()),
        if_exists=kind_of(node) == "DropSubscriptionStmt" and node.missing_ok,
    )


def _subscription_verb(node: Any) -> str:
    match kind_of(node):
        case "CreateSubscriptionStmt":
            return "create"
        case "DropSubscriptionStmt":
            return "drop"
        case _:
            word = pb.AlterSubscriptionType.Name(node.kind).removeprefix("ALTER_SUBSCRIPTION_")
            return str(word).replace("_", " ").lower()
