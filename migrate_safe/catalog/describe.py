"""A table as a list of parts, each in words and in a canonical form: the ground of fingerprints and differences."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.definition import constraint_definition, index_definition
from migrate_safe.catalog.describe_programs import acting_parts
from migrate_safe.catalog.part import Part as Part
from migrate_safe.catalog.stored_views import as_tables
from migrate_safe.model.names import Name
from migrate_safe.model.schema import (
    Column,
    Constraint,
    ConstraintKind,
    Expr,
    Index,
    Reference,
    Schema,
    Table,
    TypeName,
    View,
)
from migrate_safe.sql.bounds import canonical_bound
from migrate_safe.sql.canonical import canonical


def parts_of(schema: Schema, name: Name) -> Iterator[Part]:
    """Describe a table: itself, columns, constraints, indexes, foreign triggers, and the views that rest on it.

    Left out is what changes while a plan runs or says nothing about it: the order of columns, numbers of rows,
    comments, grants, partitions below the table, and NOT NULL constraints of PostgreSQL 18 that only repeat their
    column.
    """
    table = schema.tables.get(name)
    if table is None:
        yield from _stored_view_parts(schema, name)
        return
    yield Part(f"table {name}", _table_text(table), _table_meaning(table))
    yield from acting_parts(table)
    yield from _family_parts(table)
    for column in table.columns:
        yield Part(f"column {column.name} of {name}", column_text(column), _column_meaning(column))
    for constraint in table.constraints:
        if constraint.kind is not ConstraintKind.NOT_NULL or not constraint.validated:
            text = constraint_definition(constraint)
            yield Part(f"constraint {constraint.name} of {name}", text, _constraint_meaning(constraint))
    yield from index_parts(table)
    if table.replica_identity != "default":
        yield Part(f"replica identity of {name}", table.replica_identity, (table.replica_identity,))
    for view in schema.views.values():
        if name in view.relations:
            yield Part(
                f"view {view.name} on {name}", _view_text(view), (view.materialized, tuple(sorted(view.relations)))
            )


def _stored_view_parts(schema: Schema, name: Name) -> Iterator[Part]:
    """Describe a materialized view as far as an index on it rests on it."""
    view = schema.views.get(name)
    if view is not None and view.materialized:
        yield Part(f"materialized view {name}", _view_text(view), (view.shows, tuple(sorted(view.relations))))
        yield from index_parts(as_tables(schema).tables[name])


def index_parts(table: Table) -> Iterator[Part]:
    """Describe the indexes of a table."""
    for index in table.indexes:
        text = index_definition(table.name, index) + ("" if index.valid else " -- invalid")
        yield Part(f"index {index.name} of {table.name}", text, _index_meaning(table, index))


def _family_parts(table: Table) -> Iterator[Part]:
    """Describe what a table has to do with its parents and with a type."""
    name = table.name
    if table.of_type is not None:
        yield Part(f"type of {name}", f"of {table.of_type}", (table.of_type,))
    if table.partition_bound is not None:
        bound = canonical_bound(table.partition_bound)
        yield Part(f"bound of {name}", table.partition_bound, (bound,), rests=False)
    if table.detaching is not None:
        yield Part(f"detach of {name}", f"pending from {table.detaching}", (table.detaching,), rests=False)
    own = [c.name for c in table.columns if c.local]
    if table.parents:
        yield Part(f"own columns of {name}", ", ".join(own), tuple(own), rests=False)
    kept = sorted(str(c.name) for c in table.constraints if not c.local)
    if kept:
        yield Part(f"inherited constraints of {name}", ", ".join(kept), tuple(kept), rests=False)
    for index in table.indexes:
        if index.parent is not None:
            yield Part(f"parent of index {index.name} of {name}", str(index.parent), (index.parent,), rests=False)


def column_text(column: Column) -> str:
    """Write a column as SQL defines it."""
    words = [str(column.type)]
    if column.collation is not None:
        words.append(f"COLLATE {column.collation}")
    if column.not_null:
        words.append("NOT NULL")
    if column.generated is not None:
        words.append(f"GENERATED ALWAYS AS ({column.default}) {column.generated.upper()}")
    elif column.default is not None:
        words.append(f"DEFAULT {column.default}")
    if column.identity is not None:
        words.append(f"GENERATED {column.identity.upper()} AS IDENTITY")
    return " ".join(words)


def _table_text(table: Table) -> str:
    words = {"p": "", "u": "unlogged ", "t": "temporary "}[table.persistence] + table.kind.value
    if table.partition_key is not None:
        words += f" partitioned by {table.partition_key}"
    if table.parents:
        words += " under " + ", ".join(map(str, table.parents))
    return words


def _table_meaning(table: Table) -> tuple[object, ...]:
    return (table.kind.value, table.persistence, table.parents, _squeezed(table.partition_key))


def _squeezed(text: str | None) -> str | None:
    """Drop blanks and parentheses, and fold case: the server writes partition keys with fewer of them."""
    return "".join(c for c in text.lower() if c not in " ()") if text is not None else None


def _expr(expression: Expr | None) -> str | None:
    return canonical(expression.sql) if expression is not None else None


def _type(type_name: TypeName) -> tuple[object, ...]:
    return (type_name.name, type_name.modifiers, type_name.dimensions)


def _last(name: Name | None) -> str | None:
    return name.name if name is not None else None


def _column_meaning(column: Column) -> tuple[object, ...]:
    return (
        _type(column.type),
        column.not_null,
        _expr(column.default),
        column.generated,
        column.identity,
        _last(column.collation),
    )


def _constraint_meaning(constraint: Constraint) -> tuple[object, ...]:
    columns = () if constraint.kind is ConstraintKind.CHECK else constraint.columns
    return (
        constraint.kind.value,
        columns,
        _expr(constraint.expression),
        _far(constraint.references),
        constraint.validated,
        constraint.deferrable,
        constraint.deferred,
        constraint.no_inherit,
        constraint.enforced,
        constraint.include,
        constraint.nulls_not_distinct,
        *((constraint.operators,) if constraint.operators else ()),
        *(("period",) if constraint.period else ()),
    )


def _far(reference: Reference | None) -> tuple[object, ...] | None:
    if reference is None:
        return None
    cleared = (reference.cleared,) if reference.cleared else ()
    return (reference.table, reference.columns, reference.on_delete, reference.on_update, reference.match, *cleared)


def _index_meaning(table: Table, index: Index) -> tuple[object, ...]:
    keys = tuple(
        (
            k.column,
            _expr(k.expression),
            _last(k.collation),
            _opclass(table, k.column, k.opclass),
            k.descending,
            k.nulls_first,
            *(k.parameters,) * bool(k.parameters),
        )
        for k in index.keys
    )
    return (
        keys,
        index.unique,
        index.method,
        index.include,
        _expr(index.predicate),
        index.nulls_not_distinct,
        index.valid,
        index.constraint,
        tuple(sorted(index.options)),
        index.tablespace,
        *((index.statistics,) if index.statistics else ()),
    )


def _opclass(table: Table, column: str | None, opclass: str | None) -> str | None:
    """Leave out an operator class that is the default of the column's type: `text_ops` on text."""
    known = table.column(column) if column is not None else None
    short = {"integer": "int4", "bigint": "int8", "smallint": "int2", "character varying": "text"}
    if opclass is None or known is None:
        return opclass
    plain = opclass.rpartition(".")[2]
    return None if plain == f"{short.get(known.type.name, known.type.name)}_ops" else plain


def _view_text(view: View) -> str:
    return ("materialized view" if view.materialized else "view") + " of " + ", ".join(map(str, sorted(view.relations)))
