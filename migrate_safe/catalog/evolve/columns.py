"""How columns come, change and go."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import (
    SYSTEM_COLUMNS,
    CannotApply,
    certain,
    family,
    is_partition,
    is_partitioned,
    known_type,
    need_column,
    put,
    put_column,
    same_type,
    without_constraints,
)
from migrate_safe.catalog.evolve.collating import indexes_follow
from migrate_safe.catalog.evolve.column_rules import (
    kept_collation,
    kept_settings,
    refuse_attributes,
    refuse_cast,
    refuse_circular,
    refuse_default,
    refuse_generated,
    refuse_pseudo_type,
    refuse_typed,
    refuse_unfit,
    refuse_value,
    refuse_virtual_type,
)
from migrate_safe.catalog.evolve.constraints import add_constraint
from migrate_safe.catalog.evolve.drawing import refuse_absent_sequences, without_sequences
from migrate_safe.catalog.evolve.foreign_keys import drop_foreign_keys_on, need_comparable_keys
from migrate_safe.catalog.evolve.freeing import freed, without_statistics
from migrate_safe.catalog.evolve.index_methods import refuse_unsorted
from migrate_safe.catalog.evolve.inheritance import handed_column
from migrate_safe.catalog.evolve.not_null import named_here, set_not_null
from migrate_safe.catalog.evolve.rebuilt_parts import with_parts_rebuilt
from migrate_safe.catalog.evolve.resting import on_column
from migrate_safe.catalog.evolve.retyped import refuse_uncallable
from migrate_safe.catalog.evolve.sequences import column_sequence, with_options
from migrate_safe.catalog.evolve.views import drop_views, views_using
from migrate_safe.model.names import Name
from migrate_safe.model.schema import (
    Column,
    Constraint,
    ConstraintKind,
    Expr,
    Index,
    PublishedTable,
    Schema,
    Table,
    TypeName,
)
from migrate_safe.model.statement import AddColumn, AlterType, ColumnDef, DropColumn, SequenceOptions, SetDefault
from migrate_safe.model.values import replace
from migrate_safe.sql.bounds import partition_key_of
from migrate_safe.sql.canonical import canonical

_LATE = {ConstraintKind.FOREIGN: 3, ConstraintKind.UNIQUE: 2, ConstraintKind.EXCLUDE: 2, ConstraintKind.PRIMARY: 1}
"""The order in which the server makes constraints: CHECK and NOT NULL, the primary key, other indexes, keys."""


_IDENTITY_INHERITED = 17
_GENERATED_HOLDS = 15
"""Before this major version DROP COLUMN silently took the generated columns that use it along."""


def add_column(schema: Schema, table: Table, action: AddColumn, *, only: bool = False) -> Schema:
    """Add a column with its sequence, to the children as well; its constraints are added later on."""
    column = action.definition.column
    if is_partition(table):
        raise CannotApply(f"cannot add column to partition {table.name}")
    if table.column(column.name) is not None:
        if action.if_not_exists:
            return put(schema, table)
        raise CannotApply(f"column {column.name!r} of {table.name} already exists")
    _refuse_new(schema, table, action.definition, only=only)
    schema = put(schema, table)
    schema, made = finished_column(schema, table.name, action.definition)
    refuse_unfit(schema, table, made)
    if not named_here(schema):
        kinds = {c.kind for c in inline_constraints(action.definition)}
        made = replace(made, not_null=ConstraintKind.NOT_NULL in kinds)
    schema = put(schema, replace(table, columns=(*table.columns, made)))
    for child in schema.partitions_of(table.name):
        schema = _received(schema, child, made)
    return schema


def _refuse_new(schema: Schema, table: Table, definition: ColumnDef, *, only: bool) -> None:
    column = definition.column
    refuse_typed(table, "add a column to")
    _refuse_unseen(schema, table, column)
    if only:
        refuse_only(schema, table, "column must be added to")
    if column.name in SYSTEM_COLUMNS:
        raise CannotApply(f"column name {column.name!r} conflicts with a system column name")
    refuse_circular(schema, table.name, column.type)
    plain_children = [c for c in schema.partitions_of(table.name) if not is_partition(c)]
    if column.identity is not None and (plain_children or _no_shared_identity(schema, table)):
        raise CannotApply(f"cannot recursively add identity column to table {table.name} that has child tables")


def _refuse_unseen(schema: Schema, table: Table, column: Column) -> None:
    """Refuse a generated column over one that is not there (yet)."""
    used = column.default.columns if column.generated is not None and column.default is not None else ()
    for name in sorted(used):
        if name != column.name:
            need_column(schema, table, name)


def _no_shared_identity(schema: Schema, table: Table) -> bool:
    return schema.server_version < _IDENTITY_INHERITED and bool(schema.partitions_of(table.name))


def _received(schema: Schema, child: Table, column: Column) -> Schema:
    """Give a child a column of its parent, merged with one of that name that it has."""
    known = child.column(column.name)
    if known is not None:
        if not same_type(known.type, column.type) or known.collation != column.collation:
            raise CannotApply(f"child table {child.name} has different type for column {column.name!r}")
        return schema
    schema = put(schema, replace(child, columns=(*child.columns, replace(column, local=False))))
    for below in schema.partitions_of(child.name):
        schema = _received(schema, below, column)
    return schema


def refuse_only(schema: Schema, table: Table, what: str) -> None:
    """Refuse ONLY where the children have to go along."""
    if schema.partitions_of(table.name):
        raise CannotApply(f"{what} the children of {table.name} too")


def refuse_many_parents(schema: Schema, table: Table, column: str) -> None:
    """Refuse to rename or retype a column that a child has from a parent outside the family as well."""
    members = family(schema, table)
    inside = {m.name for m in members}
    for member in members[1:]:
        for parent in (p for p in member.parents if p not in inside):
            above = schema.tables.get(parent)
            if above is not None and above.column(column) is not None:
                raise CannotApply(f"column {column!r} of {member.name} is inherited from {parent} too")


def refuse_inherited(schema: Schema, table: Table, column: str) -> None:
    """Refuse to drop, rename or retype in a child what it has from a parent."""
    for parent in table.parents:
        above = schema.tables.get(parent)
        if above is not None and above.column(column) is not None:
            raise CannotApply(f"column {column!r} of {table.name} is inherited from {parent}")


def finished_column(schema: Schema, table: Name, definition: ColumnDef) -> tuple[Schema, Column]:
    """Give the column as the catalog will show it, and the schema with the sequence it brings along."""
    refuse_pseudo_type(definition.column.type, f"column {definition.column.name!r}")
    default = kept_default(schema, definition.column.default, definition.column.type)
    column = replace(
        definition.column,
        type=known_type(schema, definition.column.type),
        default=default,
        settings=kept_settings(definition.column),
        collation=kept_collation(definition.column.collation),
        local=True,
    )
    refuse_generated(schema, table, column)
    refuse_attributes(table, column)
    refuse_absent_sequences(schema, column.default)
    refuse_value(schema, column.default, column.type, f"column {column.name!r} of {table}")
    primary = any(c.kind is ConstraintKind.PRIMARY for c in definition.constraints) and named_here(schema)
    if definition.nullable and (
        primary or any(c.kind is ConstraintKind.NOT_NULL for c in inline_constraints(definition))
    ):
        raise CannotApply(f"conflicting NULL/NOT NULL declarations for column {column.name!r} of {table}")
    if not definition.serial and column.identity is None:
        return schema, column
    if definition.column.default is not None:
        raise CannotApply(f"multiple default values for column {column.name!r} of {table}")
    made = column_sequence(schema, table, column, definition.sequence or SequenceOptions())
    name = made.name
    schema = schema.with_sequences(made)
    if definition.serial:
        call = Expr(f"nextval('{name}'::regclass)", functions=frozenset({Name(None, "nextval")}))
        column = replace(column, default=call)
    return schema, replace(column, not_null=False)


def gives_null(default: Expr | None) -> bool:
    """Say whether a new column is NULL in all rows: without a default, or with NULL for one."""
    return default is None or canonical(default.sql) == "null"


def kept_default(schema: Schema, default: Expr | None, type_name: TypeName) -> Expr | None:
    """Give the default as the server keeps it: NULL is none, unless it is fitted to a length or made of a domain."""
    if default is None or type_name.modifiers or canonical(default.sql) != "null":
        return default
    written = known_type(schema, type_name)
    return default if Name(written.schema, written.name) in schema.domains and not written.dimensions else None


def inline_constraints(definition: ColumnDef) -> tuple[Constraint, ...]:
    """Give the constraints of a column definition, with the NOT NULL that serial and identity imply."""
    column = definition.column
    needs = column.not_null or definition.serial or column.identity is not None
    given = any(c.kind is ConstraintKind.NOT_NULL for c in definition.constraints)
    if needs and not given:
        return (Constraint(ConstraintKind.NOT_NULL, (column.name,)), *definition.constraints)
    return definition.constraints


def add_constraints(schema: Schema, table: Name, constraints: Iterable[Constraint], *, only: bool = False) -> Schema:
    """Add several constraints of one statement in the server's order; a twin of the primary key is dropped."""
    for constraint in sorted(without_twins(constraints), key=lambda c: _LATE.get(c.kind, 0)):
        schema = add_constraint(schema, schema.tables[table], constraint, only=only)
    return schema


def without_twins(constraints: Iterable[Constraint]) -> tuple[Constraint, ...]:
    """Leave out unnamed unique constraints that repeat another one of the same statement."""
    kept: list[Constraint] = []
    for constraint in sorted(constraints, key=lambda c: _LATE.get(c.kind, 0)):
        same = [k for k in kept if constraint.kind is ConstraintKind.UNIQUE and _same_index(k, constraint)]
        if not same:
            kept.append(constraint)
        elif same[0].name is None and constraint.name is not None:
            kept[kept.index(same[0])] = replace(same[0], name=constraint.name)
    return tuple(kept)


def _same_index(one: Constraint, two: Constraint) -> bool:
    indexed = one.kind in (ConstraintKind.PRIMARY, ConstraintKind.UNIQUE)
    return indexed and (one.columns, one.include, one.deferrable) == (two.columns, two.include, two.deferrable)


def drop_column(schema: Schema, table: Table, action: DropColumn, *, only: bool = False) -> Schema:
    """Drop a column with the indexes, constraints and sequences that involve it.

    Views, foreign keys and generated columns that rest on it make the server refuse, unless CASCADE. Children lose
    the column too, but for those that define it themselves or have it from another parent.
    """
    name = action.column
    refuse_typed(table, "drop a column of")
    if name in SYSTEM_COLUMNS:
        raise CannotApply(f"cannot drop system column {name!r}")
    if table.column(name) is None and (action.if_exists or not certain(schema, table)):
        return put(schema, table)
    need_column(schema, table, name)
    refuse_inherited(schema, table, name)
    if only and is_partitioned(table):
        refuse_only(schema, table, "column must be dropped from")
    if name in partition_columns(table):
        raise CannotApply(f"cannot drop column {name!r} named in partition key of {table.name}")
    return _dropped(schema, table, name, cascade=action.cascade, only=only)


def _dropped(schema: Schema, table: Table, name: str, *, cascade: bool, only: bool) -> Schema:
    schema = _free_column(schema, table, name, cascade=cascade)
    schema = put(schema, column_removed(schema.tables[table.name], name))
    schema = without_statistics(schema, table.name, name)
    owned = {s.name for s in schema.owned_by(table.name, name)}
    schema = without_sequences(schema, owned, (), cascade=cascade)
    for child in schema.partitions_of(table.name):
        known = child.column(name)
        if known is None:
            continue
        if only:
            schema = put(schema, put_column(child, replace(known, local=True)))
        elif not known.local and not handed_column(schema, child, name):
            if name in partition_columns(child):
                raise CannotApply(f"cannot drop column {name!r} named in partition key of {child.name}")
            schema = _dropped(schema, child, name, cascade=cascade, only=False)
    return schema


def partition_columns(table: Table) -> frozenset[str]:
    """Give the columns that choose the partition of a row, also those inside expressions."""
    if table.partition_key is None:
        return frozenset()
    key = partition_key_of(table.partition_key)
    return key.mentioned if key is not None else frozenset()


def _unpublished(schema: Schema, table: Name, column: str, *, cascade: bool) -> Schema:
    """Drop the publication entries that mention a column, or raise CannotApply."""
    if not cascade:
        _refuse_published(schema, table, column, "depends on")
    kept = {
        n: replace(p, tables=tuple(t for t in p.tables if not _mentions(t, table, column)))
        for n, p in schema.publications.items()
    }
    return replace(schema, publications=kept)


def _refuse_published(schema: Schema, table: Name, column: str, how: str) -> None:
    for publication in schema.publications.values():
        if any(_mentions(t, table, column) for t in publication.tables):
            raise CannotApply(f"publication {publication.name!r} {how} column {column!r} of {table}")


def _mentions(published: PublishedTable, table: Name, column: str) -> bool:
    condition = published.condition is not None and column in published.condition.columns
    return published.table == table and (condition or column in published.columns)


def _is_key(index: Index, column: str) -> bool:
    """Say whether a column is itself a key of an index, or included: then it goes with the column at once."""
    return column in index.include or any(k.column == column for k in index.keys)


def column_removed(table: Table, name: str) -> Table:
    """Give the table without a column and without what involves it."""
    gone = [c.name for c in table.constraints if involves(c, name)]
    gone += [i.constraint for i in table.indexes if name in i.columns and i.constraint is not None]
    table = without_constraints(table, gone)
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name != name),
        indexes=tuple(i for i in table.indexes if name not in i.columns),
    )


def involves(constraint: Constraint, column: str) -> bool:
    """Say whether a constraint mentions the column."""
    inside = constraint.expression is not None and column in constraint.expression.columns
    return inside or column in constraint.columns or column in constraint.include


def _free_column(schema: Schema, table: Table, name: str, *, cascade: bool) -> Schema:
    """Remove what keeps a column from being dropped, or raise CannotApply."""
    generated = [c.name for c in table.columns if c.generated and c.default is not None and name in c.default.columns]
    if generated and not cascade and schema.server_version >= _GENERATED_HOLDS:
        raise CannotApply(f"generated column {generated[0]!r} of {table.name} depends on column {name!r}")
    held = [i for i in table.indexes if i.constraint is not None and name in i.columns and not _is_key(i, name)]
    if held and not cascade:
        raise CannotApply(f"constraint {held[0].constraint!r} of {table.name} depends on column {name!r}")
    schema = _unpublished(schema, table.name, name, cascade=cascade)
    schema = freed(schema, on_column(schema, table, name), f"column {name!r} of {table.name}", cascade=cascade)
    table = schema.tables.get(table.name, table)
    sure = views_using(schema, table.name, name)
    if sure and not cascade:
        raise CannotApply(f"view {sure[0].name} depends on column {name!r} of {table.name}")
    if cascade:
        schema = drop_views(schema, [v.name for v in sure], cascade=True)
    schema = drop_foreign_keys_on(put(schema, table), table, (name,), cascade=cascade)
    here = schema.tables[table.name]
    for column in generated:
        here = column_removed(here, column)
    return put(schema, here)


def alter_type(schema: Schema, table: Table, action: AlterType, *, only: bool = False) -> Schema:
    """Give a column another type; views and generated columns that use it make the server refuse."""
    column = need_column(schema, table, action.column)
    refuse_typed(table, "change the type of a column of")
    refuse_inherited(schema, table, action.column)
    if only:
        refuse_only(schema, table, "type of an inherited column must be changed in")
    refuse_many_parents(schema, table, action.column)
    if any(action.column in partition_columns(m) for m in family(schema, table)):
        raise CannotApply(f"cannot alter column {action.column!r} named in partition key of {table.name}")
    if column is not None and column.generated is not None and action.using is not None:
        raise CannotApply(f"cannot specify USING when altering type of generated column {action.column!r}")
    if column is not None:
        refuse_pseudo_type(action.type, f"column {action.column!r}")
        refuse_circular(schema, table.name, action.type)
        refuse_virtual_type(schema, column, known_type(schema, action.type))
        refuse_cast(schema, column, known_type(schema, action.type), using=action.using is not None)
        users = [c.name for c in table.columns if c.generated and c.default and action.column in c.default.columns]
        if users:
            raise CannotApply(f"generated column {users[0]!r} of {table.name} uses column {action.column!r}")
        sure = views_using(schema, table.name, action.column)
        if sure:
            raise CannotApply(f"view {sure[0].name} uses column {action.column!r} of {table.name}")
        for rest in on_column(schema, table, action.column):
            raise CannotApply(f"{rest} uses column {action.column!r} of {table.name}")
        for member in family(schema, table):
            _refuse_published(schema, member.name, action.column, "uses")
    for member in family(schema, table, only=only):
        known = member.column(action.column)
        if known is not None:
            new = known_type(schema, action.type)
            changed = replace(known, type=new, collation=kept_collation(action.collation))
            member = indexes_follow(put_column(_without_targets(member, action.column), changed), known, changed)
            for index in member.indexes:
                refuse_unsorted(schema, member, index)
            refuse_uncallable(schema, member, action.column)
            schema = _retype_sequence(schema, changed, member.name)
        schema = put(schema, member)
    need_comparable_keys(schema, schema.tables[table.name], action.column)
    return with_parts_rebuilt(schema, schema.tables[table.name], action.column)


def _without_targets(table: Table, column: str) -> Table:
    """Take the statistics targets from the indexes over a column: the server makes them anew from their definitions."""
    indexes = (replace(i, statistics=()) if column in i.columns else i for i in table.indexes)
    return replace(table, indexes=tuple(indexes))


def _retype_sequence(schema: Schema, column: Column, table: Name) -> Schema:
    """Let the sequence of an identity column follow its type; that of a serial column does not."""
    if column.identity is None:
        return schema
    owner = (table, column.name)
    options = SequenceOptions(type=column.type.name)
    changed = {n: with_options(s, options) for n, s in schema.sequences.items() if s.owner == owner}
    return replace(schema, sequences={**schema.sequences, **changed})


def set_default(schema: Schema, table: Table, action: SetDefault, *, only: bool = False) -> Schema:
    """Set or drop the default of a column, in the children as well."""
    refuse_default(action.default)
    refuse_absent_sequences(schema, action.default)
    for member in family(schema, table, only=only):
        column = need_column(schema, member, action.column)
        if column is None:
            schema = put(schema, member)
            continue
        if column.generated is not None or column.identity is not None:
            raise CannotApply(f"column {column.name!r} of {member.name} is a generated or identity column")
        refuse_value(schema, action.default, column.type, f"column {column.name!r} of {member.name}")
        schema = put(
            schema, put_column(member, replace(column, default=kept_default(schema, action.default, column.type)))
        )
    return schema


def mark_not_null(schema: Schema, table: Name, columns: Iterable[tuple[str, Constraint | None]]) -> Schema:
    """Add NOT NULL to columns copied from elsewhere, under the names they had there."""
    for column, constraint in columns:
        own = replace(constraint, local=True) if constraint is not None else None
        schema = set_not_null(schema, schema.tables[table], column, own)
    return schema
