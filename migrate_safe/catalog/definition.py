"""Constraints and indexes as SQL text, close to what pg_get_constraintdef() and pg_get_indexdef() write."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.schema import Constraint, ConstraintKind, Index, IndexKey, Reference


def constraint_definition(constraint: Constraint) -> str:
    """Write what follows the name in ADD CONSTRAINT; an exclusion constraint keeps the text it came with."""
    match constraint.kind:
        case ConstraintKind.CHECK:
            body = f"CHECK ({constraint.expression})" + (" NO INHERIT" if constraint.no_inherit else "")
        case ConstraintKind.NOT_NULL:
            body = f"NOT NULL {_list(constraint.columns)}" + (" NO INHERIT" if constraint.no_inherit else "")
        case ConstraintKind.FOREIGN:
            near = _list(constraint.columns, last="PERIOD " if constraint.period else "")
            body = f"FOREIGN KEY ({near}) " + _reference(constraint.references, period=constraint.period)
        case ConstraintKind.EXCLUDE:
            return constraint.definition
        case ConstraintKind.PRIMARY | ConstraintKind.UNIQUE:
            distinct = " NULLS NOT DISTINCT" if constraint.nulls_not_distinct else ""
            include = f" INCLUDE ({_list(constraint.include)})" if constraint.include else ""
            span = " WITHOUT OVERLAPS" if constraint.period else ""
            body = f"{constraint.kind.upper()}{distinct} ({_list(constraint.columns)}{span}){include}"
    return body + _flags(constraint)


def index_definition(table: Name, index: Index, *, concurrently: bool = False) -> str:
    """Write the CREATE INDEX statement of an index."""
    unique = "UNIQUE " if index.unique else ""
    how = "CONCURRENTLY " if concurrently else ""
    name = f"{quote_ident(index.name)} " if index.name is not None else ""
    keys = ", ".join(_key(k) for k in index.keys)
    text = f"CREATE {unique}INDEX {how}{name}ON {table} USING {index.method} ({keys})"
    if index.include:
        text += f" INCLUDE ({_list(index.include)})"
    if index.nulls_not_distinct:
        text += " NULLS NOT DISTINCT"
    if index.options:
        text += " WITH (" + ", ".join(f"{key}={value}" for key, value in index.options) + ")"
    if index.tablespace:
        text += f" TABLESPACE {quote_ident(index.tablespace)}"
    return text + (f" WHERE ({index.predicate})" if index.predicate is not None else "")


def _list(columns: Iterable[str], last: str = "") -> str:
    """Write columns; `last` is put before the last one."""
    names = [quote_ident(c) for c in columns]
    return ", ".join([*names[:-1], *(last + n for n in names[-1:])])


def _reference(reference: Reference | None, *, period: bool) -> str:
    if reference is None:
        return ""
    columns = f"({_list(reference.columns, last='PERIOD ' if period else '')})" if reference.columns else ""
    text = f"REFERENCES {reference.table}{columns}"
    if reference.match != "SIMPLE":
        text += f" MATCH {reference.match}"
    if reference.on_update != "NO ACTION":
        text += f" ON UPDATE {reference.on_update}"
    if reference.on_delete != "NO ACTION":
        text += f" ON DELETE {reference.on_delete}"
        text += f" ({_list(reference.cleared)})" if reference.cleared else ""
    return text


def _flags(constraint: Constraint) -> str:
    text = ""
    if constraint.deferrable:
        text += " DEFERRABLE" + (" INITIALLY DEFERRED" if constraint.deferred else "")
    if not constraint.enforced:
        return text + " NOT ENFORCED"
    return text + ("" if constraint.validated else " NOT VALID")


def _key(key: IndexKey) -> str:
    text = quote_ident(key.column) if key.column is not None else f"({key.expression})"
    if key.collation is not None:
        text += f" COLLATE {key.collation}"
    if key.opclass is not None:
        given = ", ".join(f"{quote_ident(name)}={quote_literal(value).strip()}" for name, value in key.parameters)
        text += f" {key.opclass}" + (f" ({given})" if given else "")
    if key.descending:
        text += " DESC"
    if key.nulls_first is not None:
        text += " NULLS FIRST" if key.nulls_first else " NULLS LAST"
    return text
