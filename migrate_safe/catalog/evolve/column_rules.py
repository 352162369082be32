"""What the server refuses of a column's definition, and how it keeps the rest."""

from __future__ import annotations

from migrate_safe.catalog.casts import WHOLE, base_type, is_assigned
from migrate_safe.catalog.change import CannotApply, known_type
from migrate_safe.catalog.evolve.column_types import usual_storage
from migrate_safe.catalog.evolve.expressions import refuse_mutable, refuse_subquery
from migrate_safe.catalog.literals import is_no_value
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Expr, Generated, Schema, Table, TableKind, TypeName
from migrate_safe.sql.values import constant_type, value_of

_WITHOUT_COLLATION = frozenset(
    "smallint|integer|bigint|numeric|real|double precision|boolean|date|uuid|json|jsonb|bytea|inet|cidr|interval|"
    "timestamp without time zone|timestamp with time zone|time without time zone|time with time zone".split("|")
)
_SIZED = ("character varying", "character")
_VIRTUAL = 18
"""The first major version with virtual generated columns."""


_PSEUDO = frozenset(
    """
    any anyarray anycompatible anycompatiblearray anycompatiblemultirange anycompatiblenonarray anycompatiblerange
    anyelement anyenum anymultirange anynonarray anyrange cstring event_trigger fdw_handler index_am_handler internal
    language_handler pg_ddl_command record table_am_handler trigger tsm_handler unknown void
    """.split()
)
_WITH_ARRAYS = ("record", "cstring")


def refuse_pseudo_type(given: TypeName, holder: str) -> None:
    """Refuse a type that only functions have."""
    if given.schema is None and given.name in _PSEUDO and (not given.dimensions or given.name in _WITH_ARRAYS):
        raise CannotApply(f"{holder} cannot have pseudo-type {given}")


def refuse_circular(schema: Schema, holder: Name, given: TypeName) -> None:
    """Refuse a type that has rows of the relation or type that it is to become a part of among its own parts."""
    pending, seen = [given], set[Name]()
    while pending:
        written = known_type(schema, pending.pop())
        name = schema.resolve(Name(written.schema, written.name))
        if name == holder:
            raise CannotApply(f"composite type {holder} cannot be made a member of itself")
        if name not in seen:
            seen.add(name)
            table = schema.tables.get(name)
            pending += [t for _, t in schema.composites.get(name, ())]
            pending += [c.type for c in table.columns] if table is not None else []


def refuse_typed(table: Table, what: str) -> None:
    """Refuse to change the columns of a typed table: they are its type's attributes."""
    if table.of_type is not None:
        raise CannotApply(f"cannot {what} typed table {table.name}")


def refuse_cast(schema: Schema, column: Column, new: TypeName, *, using: bool) -> None:
    """Refuse a type change where the values (unless there is USING) or the default are not assigned to the new type.

    Where not all is known, somebody may have made a cast between types that are not everyday ones.
    """
    if not using and _is_not_assigned(schema, column.type, new):
        raise CannotApply(f"column {column.name!r} cannot be cast automatically to type {new}")
    default = column.default if column.generated is None and column.default is not None else None
    if default is not None and default.constant:
        given = constant_type(default.sql, column.type)
        if given is not None and _is_not_assigned(schema, given, new):
            raise CannotApply(f"default for column {column.name!r} cannot be cast automatically to type {new}")


def _is_not_assigned(schema: Schema, old: TypeName, new: TypeName) -> bool:
    everyday = FAMILIES.keys() >= {old.name, new.name} and not (old.dimensions or new.dimensions)
    return (schema.complete or everyday) and is_assigned(schema, old, new) is False


FAMILIES = {
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric", "real", "double precision"), "number"),
    **dict.fromkeys(("text", "character varying", "character"), "text"),
    **dict.fromkeys(("date", "timestamp without time zone", "timestamp with time zone"), "time"),
    **dict.fromkeys(("json", "jsonb"), "json"),
    **{name: name for name in ("uuid", "boolean", "bytea", "inet")},
}
"""Types that compare only with their like, and are assigned only to their like or to text."""


def refuse_generated(schema: Schema, table: Name, column: Column) -> None:
    """Refuse a generated column over itself, another generated one or a column that is not there."""
    if column.generated is None or column.default is None:
        return
    if column.generated is Generated.VIRTUAL and schema.server_version < _VIRTUAL:
        raise CannotApply("virtual generated columns exist from PostgreSQL 18 on")
    refuse_virtual_type(schema, column, column.type)
    known = schema.tables.get(table)
    refuse_expression(known, column.name, column.default)


def refuse_attributes(table: Name, column: Column) -> None:
    """Refuse a default over other columns, and COLLATE on a type that has no collations."""
    if column.generated is None:
        refuse_default(column.default)
    if column.collation is not None and column.type.name in _WITHOUT_COLLATION:
        raise CannotApply(f"collations are not supported by type {column.type}: column {column.name!r} of {table}")


def refuse_default(default: Expr | None) -> None:
    """Refuse a default that names a column or asks a query."""
    if default is not None and default.columns:
        raise CannotApply(f"cannot use column reference in DEFAULT expression: {sorted(default.columns)[0]!r}")
    refuse_subquery(default, "DEFAULT expression")


def refuse_value(schema: Schema, value: Expr | None, type_name: TypeName, holder: str) -> None:
    """Refuse a constant (or the call of a well-known function) that is no value of the type which it is given for."""
    given = value_of(value.sql) if value is not None and not value.columns else None
    if given is None:
        return
    read_as = given.type or type_name
    if given.text is not None and is_no_value(schema, given.text, base_type(schema, read_as)):
        raise CannotApply(f"invalid input for type {read_as}: {given.text!r} as default of {holder}")
    if _is_not_assigned(schema, read_as, type_name):
        raise CannotApply(f"{holder} is of type {type_name}, but its default is of type {read_as}")


def refuse_unfit(schema: Schema, table: Table, column: Column) -> None:
    """Refuse a constant too long or too big for a column that comes: its default is computed at once, without rows."""
    given = value_of(column.default.sql) if column.default is not None and column.generated is None else None
    if given is None or given.text is None or table.kind is not TableKind.TABLE:
        return
    into = base_type(schema, column.type)
    too_long = given.type is None and into.name in _SIZED and len(given.text.rstrip(" ")) > max((0, *into.modifiers))
    too_big = given.type is not None and given.type.name in WHOLE and into.name in WHOLE
    if (too_long and into.modifiers) or (too_big and is_no_value(schema, given.text, into)):
        raise CannotApply(f"default of column {column.name!r} of {table.name} does not fit into type {into}")


def refuse_expression(table: Table | None, column: str, expression: Expr) -> None:
    """Refuse an expression that a generated column may not have."""
    if column in expression.columns:
        raise CannotApply(f"generated column {column!r} cannot be used in its own expression")
    for name in sorted(expression.columns) if table is not None else ():
        used = table.column(name) if table is not None else None
        if used is not None and used.generated is not None:
            raise CannotApply(f"cannot use generated column {name!r} in column generation expression")
    refuse_mutable(expression, "a column generation expression", table.columns if table is not None else ())
    refuse_subquery(expression, "a column generation expression")


def kept_settings(column: Column) -> tuple[str, ...]:
    """Give STORAGE and COMPRESSION as the catalog shows them: the storage that the type has anyhow is left out."""
    return tuple(s for s in column.settings if s != f"SET STORAGE {usual_storage(column)}")


def kept_collation(collation: Name | None) -> Name | None:
    """Give a collation as the catalog shows it: the database's own is none."""
    return None if collation is not None and collation.name == "default" else collation


def refuse_virtual_type(schema: Schema, column: Column, new: TypeName) -> None:
    """Refuse a domain as the type of a virtual column."""
    if column.generated is Generated.VIRTUAL and Name(new.schema, new.name) in schema.domains:
        raise CannotApply(f"virtual generated column {column.name!r} cannot have a domain type")
