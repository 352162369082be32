"""Constraints of tables and columns."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.schema import Constraint, ConstraintKind, Index, IndexKey, Reference
from migrate_safe.sql.expressions import optional_expr
from migrate_safe.sql.indexes import index_key
from migrate_safe.sql.names import dotted, name_of, option_text, options, strings
from migrate_safe.sql.tree import Unreadable, inner, write

KINDS = {
    pb.CONSTR_CHECK: ConstraintKind.CHECK,
    pb.CONSTR_UNIQUE: ConstraintKind.UNIQUE,
    pb.CONSTR_PRIMARY: ConstraintKind.PRIMARY,
    pb.CONSTR_FOREIGN: ConstraintKind.FOREIGN,
    pb.CONSTR_EXCLUSION: ConstraintKind.EXCLUDE,
    pb.CONSTR_NOTNULL: ConstraintKind.NOT_NULL,
}
"""The constraint types that are constraints of the model."""

_INDEXED = (ConstraintKind.UNIQUE, ConstraintKind.PRIMARY, ConstraintKind.EXCLUDE)
_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_MATCHES = {"f": "FULL", "p": "PARTIAL", "s": "SIMPLE"}
_PREFIX = "ALTER TABLE t ADD "


def constraint_of(node: Any, *, column: str | None = None, new_table: bool = False) -> Constraint:
    """Read a constraint; `column` is the column it stands at, when it stands at one.

    NOT VALID in CREATE TABLE has no meaning to the server: the constraint is valid (`new_table`).
    """
    kind = KINDS[node.contype]
    expression = optional_expr(node, "raw_expr")
    return Constraint(
        kind=kind,
        columns=_columns(node, kind, column) or tuple(sorted(expression.columns if expression else ())),
        name=node.conname or None,
        expression=expression,
        references=_reference(node) if kind is ConstraintKind.FOREIGN else None,
        validated=_is_enforced(node, kind) and (new_table or not node.skip_validation),
        deferrable=node.deferrable,
        deferred=node.initdeferred,
        no_inherit=node.is_no_inherit,
        enforced=_is_enforced(node, kind),
        include=strings(node.including),
        nulls_not_distinct=node.nulls_not_distinct,
        using_index=node.indexname or None,
        definition=_definition(node, column),
        backing=_backing(node, kind, column) if kind in _INDEXED else None,
        operators=tuple(dotted(_pair(item)[1].items).name for item in node.exclusions),
        period=node.without_overlaps or node.fk_with_period,
    )


def _pair(exclusion: Any) -> tuple[Any, Any]:
    """Take an element of EXCLUDE apart: what is compared, and by which operator."""
    element, operator = inner(exclusion).items
    return inner(element), inner(operator)


def _backing(node: Any, kind: ConstraintKind, column: str | None) -> Index:
    """Read which index a constraint asks for."""
    keys = tuple(IndexKey(c) for c in _columns(node, kind, column))
    return Index(
        name=None,
        keys=tuple(index_key(_pair(item)[0]) for item in node.exclusions) or keys,
        unique=kind is not ConstraintKind.EXCLUDE,
        method="gist" if node.without_overlaps else node.access_method or "btree",
        include=strings(node.including),
        predicate=optional_expr(node, "where_clause"),
        nulls_not_distinct=node.nulls_not_distinct,
        options=tuple((name, option_text(element)) for name, element in options(node.options).items()),
        tablespace=node.indexspace or None,
    )


def _columns(node: Any, kind: ConstraintKind, column: str | None) -> tuple[str, ...]:
    if column is not None and kind is not ConstraintKind.CHECK:
        return (column,)
    match kind:
        case ConstraintKind.FOREIGN:
            return strings(node.fk_attrs)
        case ConstraintKind.EXCLUDE:
            elements = [inner(item).items[0].index_elem for item in node.exclusions]
            return tuple(element.name for element in elements if element.name)
        case _:
            return strings(node.keys)


def _is_enforced(node: Any, kind: ConstraintKind) -> bool:
    """Only CHECK and foreign key constraints can be NOT ENFORCED (18); the tree's flag is unset for others."""
    return bool(node.is_enforced) or kind not in {ConstraintKind.CHECK, ConstraintKind.FOREIGN}


def _reference(node: Any) -> Reference:
    return Reference(
        table=name_of(node.pktable),
        columns=strings(node.pk_attrs),
        on_delete=_ACTIONS.get(node.fk_del_action, "NO ACTION"),
        on_update=_ACTIONS.get(node.fk_upd_action, "NO ACTION"),
        match=_MATCHES.get(node.fk_matchtype, "SIMPLE"),
        cleared=strings(node.fk_del_set_cols),
    )


def _definition(node: Any, column: str | None) -> str:
    """Write the constraint as a table constraint without its name."""
    copy = pb.Constraint()
    copy.CopyFrom(node)
    copy.conname = ""
    if column is not None:
        keys = copy.fk_attrs if node.contype == pb.CONSTR_FOREIGN else copy.keys
        if node.contype != pb.CONSTR_CHECK and not keys:
            keys.add().string.sval = column
    alter = pb.AlterTableStmt(relation=pb.RangeVar(relname="t", inh=True, relpersistence="p"))
    alter.objtype = pb.OBJECT_TABLE
    command = alter.cmds.add().alter_table_cmd
    command.subtype = pb.AT_AddConstraint
    command.behavior = pb.DROP_RESTRICT
    getattr(command, "def").constraint.CopyFrom(copy)
    try:
        return write(alter).removeprefix(_PREFIX)
    except Unreadable:
        return ""
