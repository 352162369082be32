"""Columns as CREATE TABLE and ADD COLUMN define them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.schema import Column, Expr, Generated, Identity, TypeName
from migrate_safe.model.statement import ColumnDef
from migrate_safe.model.values import replace
from migrate_safe.sql.constraints import KINDS, constraint_of
from migrate_safe.sql.expressions import expr_of, optional_expr
from migrate_safe.sql.names import dotted, strings
from migrate_safe.sql.sequences import sequence_options
from migrate_safe.sql.typenames import SERIAL, type_of


def column_def_of(node: Any, *, new_table: bool = False) -> ColumnDef:
    """Read a ColumnDef node.

    `column.not_null` is true for NOT NULL, identity and serial; an inline PRIMARY KEY stands in `constraints`.
    A NOT NULL stands there as well when it was given a name.
    """
    words = strings(node.type_name.names)
    serial = len(words) == 1 and words[0] in SERIAL
    column = Column(
        name=node.colname,
        type=TypeName(SERIAL[words[0]]) if serial else type_of(node.type_name),
        not_null=serial or node.is_not_null,
        default=optional_expr(node, "raw_default"),
        collation=dotted(node.coll_clause.collname) if node.HasField("coll_clause") else None,
        settings=_settings(node),
    )
    parts = [item.constraint for item in node.constraints]
    if not parts:
        return ColumnDef(column, (), serial)
    _attach_attributes(parts)
    for part in parts:
        column = _apply(part, column)
    constraints = (p for p in parts if p.contype in KINDS and (p.contype != pb.CONSTR_NOTNULL or p.conname))
    found = tuple(constraint_of(p, column=column.name, new_table=new_table) for p in constraints)
    identity = next((p for p in parts if p.contype == pb.CONSTR_IDENTITY), None)
    options = sequence_options(identity.options) if identity is not None else None
    return ColumnDef(column, found, serial, options, nullable=any(p.contype == pb.CONSTR_NULL for p in parts))


def _settings(node: Any) -> tuple[str, ...]:
    """Give STORAGE and COMPRESSION as actions of ALTER COLUMN; `default` is what is there without them."""
    storage, compression = node.storage_name.upper(), node.compression
    found = [f"SET STORAGE {storage}"] if storage and storage != "DEFAULT" else []
    return tuple([*found, f"SET COMPRESSION {compression}"] if compression not in ("", "default") else found)


def _attach_attributes(parts: Sequence[Any]) -> None:
    """Write DEFERRABLE, INITIALLY DEFERRED, NOT ENFORCED into the constraint that they follow."""
    owner = None
    for part in parts:
        if part.contype in KINDS:
            owner = part
        elif owner is not None and part.contype == pb.CONSTR_ATTR_DEFERRABLE:
            owner.deferrable = True
        elif owner is not None and part.contype == pb.CONSTR_ATTR_DEFERRED:
            owner.deferrable = owner.initdeferred = True
        elif owner is not None and part.contype == pb.CONSTR_ATTR_NOT_ENFORCED:
            owner.is_enforced = False


def _apply(node: Any, column: Column) -> Column:
    """Take what a column constraint says of the column itself."""
    match node.contype:
        case pb.CONSTR_NOTNULL:
            return replace(column, not_null=True)
        case pb.CONSTR_DEFAULT:
            return replace(column, default=_expression(node))
        case pb.CONSTR_GENERATED:
            kind = Generated.VIRTUAL if node.generated_kind == "v" else Generated.STORED
            return replace(column, default=_expression(node), generated=kind)
        case pb.CONSTR_IDENTITY:
            identity = Identity.ALWAYS if node.generated_when == "a" else Identity.BY_DEFAULT
            return replace(column, identity=identity, not_null=True)
        case _:
            return column


def _expression(node: Any) -> Expr | None:
    return expr_of(node.raw_expr) if node.HasField("raw_expr") else None
