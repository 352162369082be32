"""Columns whose values the server makes: which data statements it refuses for giving them others."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.shapes import columns_given
from migrate_safe.model.schema import Column, Identity, Schema, Table
from migrate_safe.model.statement import Dml, DmlKind, Writing


def refuse_computed(schema: Schema, action: Dml) -> None:
    """Raise CannotApply for a value given to a generated column, or to one GENERATED ALWAYS AS IDENTITY.

    Rules may make another statement of it, and what views show is not looked at.
    """
    if action.kind is DmlKind.COPY_FROM and action.target is not None:
        table = schema.table(action.target)
        _refuse_copied(table, action.columns)
    for writing in action.writings:
        table = schema.table(writing.table)
        if table is not None and not table.rules:
            for column in _given(schema, table, action, writing):
                _refuse(table, column, writing)


def _given(schema: Schema, table: Table, action: Dml, writing: Writing) -> tuple[Column, ...]:
    places = writing.places
    if places is None and writing == action.writings[0]:
        shown = columns_given(schema, action.shape)
        places = tuple(range(len(shown))) if shown is not None else None
    by_place = () if table.partial else tuple(c for i, c in enumerate(table.columns) if i in (places or ()))
    return (*by_place, *(c for c in table.columns if c.name in writing.columns))


def _refuse(table: Table, column: Column, writing: Writing) -> None:
    always = column.identity is Identity.ALWAYS and (writing.updates or not writing.overriding)
    if not (always or column.generated is not None):
        return
    if writing.updates:
        raise CannotApply(f"column {column.name!r} of {table.name} can only be updated to DEFAULT")
    raise CannotApply(f"cannot insert a value into column {column.name!r} of {table.name}, which the server computes")


def _refuse_copied(table: Table | None, columns: tuple[str, ...]) -> None:
    known = [c for c in table.columns if c.name in columns] if table is not None else []
    for column in known:
        if column.generated is not None:
            raise CannotApply(f"cannot copy to generated column {column.name!r}")
