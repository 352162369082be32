"""Names of NOT NULL constraints: they exist from PostgreSQL 18 on, and a rename of the column leaves them as they are.

https://www.postgresql.org/docs/18/release-18.html
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.catalog.evolve.not_null import not_null_of
from migrate_safe.catalog.naming import constraint_name
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.schema import ConstraintKind, Schema, Table
from migrate_safe.model.values import replace

_IF_THERE = """\
DO $ms$ BEGIN
  IF {found} (SELECT FROM pg_constraint WHERE conrelid = {table}::regclass AND conname = {name}) THEN
    {statement};
  END IF;
END $ms$"""


class NullName(Struct, frozen=True):
    """Names for the NOT NULL of a column: the one it has, and those the server chooses for it and for its new name."""

    original: str
    chosen: str
    chosen_new: str


def null_name(schema: Schema, table: Table, column: str, new: str | None = None) -> NullName:
    """Find the names for a column; on servers before 18 those that it would have there."""
    present = not_null_of(table, column)
    chosen = _chosen(schema, table, column, ignore=present.name if present is not None else None)
    original = present.name if present is not None and present.name is not None else chosen
    return NullName(original, chosen, _chosen(schema, table, new or column, ignore=None if new else original))


def renamed_null(table: Name, old: str, new: str) -> tuple[str, ...]:
    """Write the rename of a NOT NULL constraint for servers that have one; nothing where the name stays."""
    if old == new:
        return ()
    statement = f"ALTER TABLE {table} RENAME CONSTRAINT {quote_ident(old)} TO {quote_ident(new)}"
    return (if_constraint(table, old, statement),)


def if_constraint(table: Name, constraint: str, statement: str) -> str:
    """Write a statement that runs only where the table has a constraint of that name."""
    return _guarded("EXISTS", table, constraint, statement)


def unless_constraint(table: Name, constraint: str, statement: str) -> str:
    """Write a statement that runs only where the table has no constraint of that name."""
    return _guarded("NOT EXISTS", table, constraint, statement)


def _guarded(found: str, table: Name, constraint: str, statement: str) -> str:
    literals = (quote_literal(text).strip() for text in (str(table), constraint))
    return _IF_THERE.format(found=found, table=next(literals), name=next(literals), statement=statement)


def _chosen(schema: Schema, table: Table, column: str, ignore: str | None) -> str:
    """Ask for the name that the server would choose if the constraint `ignore` were not there."""
    kept = replace(table, constraints=tuple(c for c in table.constraints if c.name != ignore or ignore is None))
    without = replace(schema, tables={**schema.tables, table.name: kept})
    return constraint_name(without, table.name, ConstraintKind.NOT_NULL, (column,))
