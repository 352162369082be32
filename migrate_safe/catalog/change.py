"""Small steps from one Schema to the next, shared by the families of evolve."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.brought import shows_relations
from migrate_safe.catalog.builtin_types import is_builtin
from migrate_safe.model.marked import bearing
from migrate_safe.model.names import Name
from migrate_safe.model.schema import TEMPORARY as TEMPORARY
from migrate_safe.model.schema import (
    Column,
    Constraint,
    ConstraintKind,
    Expr,
    Index,
    Schema,
    Table,
    TableKind,
    TypeName,
)
from migrate_safe.model.values import replace

TYPE_KINDS = ("range", "multirange", "base type", "shell type")
"""The kinds of things that are types."""


class CannotApply(Exception):
    """The server would certainly refuse the statement; `reason` says why, naming the object."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def put(schema: Schema, table: Table) -> Schema:
    """Give the schema with that table added, or replaced under its name."""
    return schema if schema.tables.get(table.name) is table else schema.with_tables(table)


def without_table(schema: Schema, name: Name) -> Schema:
    """Give the schema without that table, known or not."""
    return replace(schema.with_tables(gone=(name,)), absent=schema.absent | {name})


def without_temporary(schema: Schema) -> Schema:
    """Give the schema without what only one session sees."""
    tables = [t.name for t in bearing(schema.tables, TEMPORARY) if t.name.schema == TEMPORARY]
    sequences = [s.name for s in bearing(schema.sequences, TEMPORARY) if s.name.schema == TEMPORARY]
    views = [v.name for v in bearing(schema.views, TEMPORARY) if v.name.schema == TEMPORARY]
    if not tables and not sequences and not views:
        return schema
    return schema.with_tables(gone=tables).with_sequences(gone=sequences).with_views(gone=views)


def target(schema: Schema, name: Name, *, if_exists: bool = False) -> Table | None:
    """Give the table that a statement alters; an unknown one becomes a partly known table.

    Returns None where nothing happens: IF EXISTS on a table known to be absent, or a view, sequence
    or index under that name. Raises CannotApply when the schema is complete and has no such table.
    """
    known = schema.table(name)
    if known is not None:
        return known
    full = schema.resolve(name)
    if full in schema.views or full in schema.sequences or schema.index_table(full) is not None:
        return None
    if schema.index_view(full) is not None:
        return None
    if shows_relations(schema):
        if if_exists:
            return None
        raise CannotApply(f"relation {full} does not exist")
    return Table(full, partial=True)


SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


def need_column(schema: Schema, table: Table, column: str) -> Column | None:
    """Give the column, or None where it may exist unseen; raise CannotApply when it certainly does not."""
    found = table.column(column)
    if found is None and column in SYSTEM_COLUMNS:
        raise CannotApply(f"{column!r} of {table.name} is a system column")
    if found is None and certain(schema, table):
        raise CannotApply(f"column {column!r} of {table.name} does not exist")
    return found


def certain(schema: Schema, table: Table) -> bool:
    """Say whether what the table does not list certainly is not there.

    A table whose parents are not all known may have columns that came from them.
    """
    known = not (table.partial or schema.altered_unseen)
    return known and all(parent in schema.tables for parent in table.parents)


def put_column(table: Table, column: Column) -> Table:
    """Give the table with the column of that name replaced."""
    return replace(table, columns=tuple(column if c.name == column.name else c for c in table.columns))


def put_constraint(table: Table, constraint: Constraint) -> Table:
    """Give the table with the constraint of that name replaced, or added at the end."""
    if constraint.name is not None and table.constraint(constraint.name) is not None:
        kept = tuple(constraint if c.name == constraint.name else c for c in table.constraints)
        return replace(table, constraints=kept)
    return replace(table, constraints=(*table.constraints, constraint))


def put_index(table: Table, index: Index) -> Table:
    """Give the table with the index of that name replaced, or added at the end."""
    if index.name is not None and table.index(index.name) is not None:
        return replace(table, indexes=tuple(index if i.name == index.name else i for i in table.indexes))
    return replace(table, indexes=(*table.indexes, index))


def without_constraints(table: Table, names: Iterable[str | None]) -> Table:
    """Give the table without these constraints and the indexes that they own."""
    gone = set(names)
    return replace(
        table,
        constraints=tuple(c for c in table.constraints if c.name not in gone),
        indexes=tuple(i for i in table.indexes if i.constraint is None or i.constraint not in gone),
    )


def family(schema: Schema, table: Table, *, only: bool = False) -> tuple[Table, ...]:
    """Give the table and, unless ONLY, every table that inherits from it at any depth, parents first."""
    if only:
        return (table,)
    found: list[Table] = [table]
    for member in found:
        found.extend(t for t in schema.partitions_of(member.name) if t not in found)
    return tuple(found)


def is_partition(table: Table) -> bool:
    """Say whether the table is a partition (rather than an inheriting table)."""
    return table.partition_bound is not None


def detaching_from(schema: Schema, table: Table) -> tuple[Table, ...]:
    """Give the partitions whose DETACH CONCURRENTLY from the table was cut off: their bounds are still taken."""
    return tuple(t for t in bearing(schema.tables, ("detaching", table.name)) if t.detaching == table.name)


def dropped_with(schema: Schema, table: Table) -> tuple[Table, ...]:
    """Give the table and all that goes with it, also partitions whose detaching was cut off."""
    members = family(schema, table)
    pending = [p for m in members for p in detaching_from(schema, m)]
    return (*members, *(m for p in pending for m in family(schema, p)))


def keeps_apart(table: Table, index: Index) -> bool:
    """Say whether an index belongs to an exclusion constraint or one WITHOUT OVERLAPS: never built CONCURRENTLY."""
    owner = table.constraint(index.constraint) if index.constraint is not None else None
    return owner is not None and (owner.kind is ConstraintKind.EXCLUDE or owner.period)


def is_partitioned(table: Table) -> bool:
    """Say whether the table is the parent of partitions and holds no rows itself."""
    return table.kind is TableKind.PARTITIONED


def same_type(one: TypeName, two: TypeName) -> bool:
    """Say whether two types may be one: a schema that is not known (of an extension's type) is any."""
    schemas = {one.schema, two.schema} - {None}
    return len(schemas) < 2 and replace(one, schema=None) == replace(two, schema=None)


def known_type(schema: Schema, type_name: TypeName) -> TypeName:
    """Give the type with the schema of a user's type that the search path leads to."""
    if type_name.schema is not None:
        return type_name
    own = is_builtin(type_name.name)
    for namespace in schema.search_path:
        name = Name(namespace, type_name.name)
        if _is_made(schema, name) or (not own and is_row_type(schema, name)):
            return replace(type_name, schema=namespace)
    return type_name


def domain_default(schema: Schema, type_name: TypeName) -> Expr | None:
    """Give the default that a column takes from its domain, or from the one that it is over; None without one."""
    written = known_type(schema, type_name)
    domain = schema.domains.get(Name(written.schema, written.name)) if not written.dimensions else None
    if domain is None or domain.default is not None:
        return domain.default if domain is not None else None
    return domain_default(schema, domain.base)


def type_exists(schema: Schema, name: Name) -> bool:
    """Say whether a type has that qualified name: every table and view has one of its own name, too."""
    return _is_made(schema, name) or is_row_type(schema, name)


def is_row_type(schema: Schema, name: Name) -> bool:
    """Say whether a relation has that qualified name, whose rows are a type."""
    return name in schema.tables or name in schema.views


def _is_made(schema: Schema, name: Name) -> bool:
    if name in schema.enums or name in schema.domains or name in schema.composites:
        return True
    return bool(schema.things) and any((kind, name) in schema.things for kind in TYPE_KINDS)


def type_name(schema: Schema, name: Name) -> Name:
    """Qualify the name of a type along search_path; an unknown one goes to the first schema of it."""
    if name.schema is not None:
        return name
    for namespace in schema.search_path:
        if type_exists(schema, Name(namespace, name.name)):
            return Name(namespace, name.name)
    return Name(schema.first_place, name.name)
