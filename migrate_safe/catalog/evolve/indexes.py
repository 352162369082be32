"""How indexes come and go, and which belong together on a partitioned table."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.change import (
    CannotApply,
    is_partitioned,
    need_column,
    put,
    put_constraint,
    put_index,
    target,
    without_constraints,
)
from migrate_safe.catalog.evolve.collating import index_collated
from migrate_safe.catalog.evolve.expressions import refuse_mutable, refuse_subquery
from migrate_safe.catalog.evolve.foreign_keys import drop_foreign_keys_on
from migrate_safe.catalog.evolve.index_methods import ORDERED, refuse_method, refuse_opclasses, refuse_unsorted
from migrate_safe.catalog.evolve.not_null import defined
from migrate_safe.catalog.evolve.parameters import refuse_parameters
from migrate_safe.catalog.evolve.whole_rows import index_over_table
from migrate_safe.catalog.naming import index_name, relation_exists
from migrate_safe.model.names import Name
from migrate_safe.model.schema import (
    Constraint,
    ConstraintKind,
    Expr,
    Generated,
    Index,
    IndexKey,
    Schema,
    Table,
    TableKind,
)
from migrate_safe.model.statement import CreateIndex, DropIndex
from migrate_safe.model.values import replace
from migrate_safe.sql.bounds import partition_key_of
from migrate_safe.sql.canonical import canonical

_EXCLUSION_ON_PARTITIONED = 17


def create_index(schema: Schema, action: CreateIndex) -> Schema:
    """Add an index, on every partition too unless ONLY, which leaves the parent's index invalid."""
    full = schema.resolve(action.table)
    if full in schema.views:
        raise CannotApply(f"cannot create an index on view {full}")
    table = target(schema, action.table)
    if table is None:
        raise CannotApply(f"{full} is not a table")
    if table.kind is TableKind.FOREIGN:
        raise CannotApply(f"cannot create an index on foreign table {full}")
    index = index_over_table(table, index_collated(table, _plain(action.index)))
    if action.concurrently and is_partitioned(table):
        raise CannotApply(f"cannot create index on partitioned table {table.name} concurrently")
    if "" in index.include:
        raise CannotApply("expressions are not supported in included columns")
    refuse_method(schema, index)
    refuse_parameters(index.method, index.options)
    refuse_keys(schema, table, index)
    if index.name is not None and relation_exists(schema, Name(table.name.schema, index.name)):
        if action.if_not_exists:
            return schema
        raise CannotApply(f"relation {index.name!r} already exists")
    name = index.name or index_name(schema, table.name, index)
    return add_index(schema, table, replace(index, name=name), only=action.only)


def refuse_keys(schema: Schema, table: Table, index: Index) -> None:
    """Refuse an index over columns that are not there or cannot be sorted."""
    for column in sorted(index.columns):
        known = need_column(schema, table, column)
        if known is not None and known.generated is Generated.VIRTUAL:
            raise CannotApply(f"indexes on virtual generated columns are not supported: {column!r} of {table.name}")
    for expression in (*(k.expression for k in index.keys), index.predicate):
        refuse_mutable(expression, "an index", table.columns)
        refuse_subquery(expression, "an index")
    refuse_unsorted(schema, table, index)
    refuse_opclasses(schema, index)


def _refuse_without_partition_key(schema: Schema, table: Table, index: Index, constraint: Constraint | None) -> None:
    """Demand that what is unique over all partitions names the columns that choose the partition."""
    exclusion = constraint is not None and constraint.kind is ConstraintKind.EXCLUDE
    if exclusion and schema.server_version < _EXCLUSION_ON_PARTITIONED:
        raise CannotApply(f"exclusion constraints are not supported on partitioned table {table.name}")
    key = partition_key_of(table.partition_key or "")
    if key is None or not (index.unique or exclusion):
        return
    named = {k.column for k in index.keys}
    if exclusion and constraint is not None:
        pairs = zip(index.keys, constraint.operators, strict=False)
        named = {k.column for k, operator in pairs if operator == "="}
    if None in key.columns or not named >= set(key.columns):
        raise CannotApply(f"a unique constraint of partitioned table {table.name} must include its partition key")


def add_index(
    schema: Schema, table: Table, index: Index, constraint: Constraint | None = None, *, only: bool = False
) -> Schema:
    """Add an index with the constraint that owns it; partitions get theirs, or one that they have serves.

    Under ONLY, and where the index of a partition is not valid, that of a partitioned table is not valid either.
    """
    alone = only or not is_partitioned(table)
    if is_partitioned(table):
        _refuse_without_partition_key(schema, table, index, constraint)
    if constraint is not None:
        table = put_constraint(table, constraint)
    children = schema.partitions_of(table.name) if is_partitioned(table) else ()
    schema = put(schema, put_index(table, replace(index, valid=not (only and is_partitioned(table)))))
    if alone:
        return schema
    above = Name(table.name.schema, index.name or "")
    for child in children:
        schema = hand_index_down(schema, schema.tables[child.name], index, constraint, above)
    valid = all(i.valid for c in schema.partitions_of(table.name) for i in c.indexes if i.parent == above)
    here = schema.tables[table.name]
    return schema if valid else put(schema, put_index(here, replace(index, valid=False)))


def hand_index_down(
    schema: Schema, child: Table, index: Index, constraint: Constraint | None, above: Name, *, attaching: bool = False
) -> Schema:
    """Give the index of a partitioned table to a partition, `attaching` where it becomes one just now."""
    twin = twin_of(child, index, constraint, alike=attaching and schema.server_version >= ALIKE_ON_ATTACH)
    if twin is not None:
        return adopted(schema, child, twin, above)
    bare = replace(index, name=None, constraint=None, parent=above, valid=True, statistics=())
    kind = constraint.kind if constraint is not None else None
    name = index_name(schema, child.name, bare, kind)
    if constraint is None:
        return add_index(schema, child, replace(bare, name=name))
    if constraint.kind is ConstraintKind.PRIMARY and child.primary_key:
        raise CannotApply(f"multiple primary keys for table {child.name}")
    made = defined(replace(constraint, name=name, local=False))
    return add_index(schema, child, replace(bare, name=name, constraint=name), made)


ALIKE_ON_ATTACH = 17
"""From this major version on ATTACH PARTITION takes for a constraint only the index of one of its kind."""


def twin_of(child: Table, index: Index, constraint: Constraint | None, *, alike: bool = False) -> Index | None:
    """Find the index of a partition that can be its part of its parent's.

    For a constraint it has to be that of a constraint, `alike`: of the same kind.
    """
    for held in child.indexes:
        owner = child.constraint(held.constraint) if held.constraint is not None else None
        if constraint is not None and (owner is None or (alike and owner.kind is not constraint.kind)):
            continue
        if held.parent is None and same_index(held, index):
            return held
    return None


def adopted(schema: Schema, child: Table, index: Index, above: Name) -> Schema:
    """Make an index of a partition the part of its parent's, with the constraint that owns it."""
    owner = child.constraint(index.constraint) if index.constraint is not None else None
    handed = schema.index_table(above)
    if owner is not None and handed is not None and _is_of_constraint(handed, above.name):
        child = put_constraint(child, replace(owner, local=False))
    return put(schema, put_index(child, replace(index, parent=above)))


def _is_of_constraint(table: Table, index: str) -> bool:
    found = table.index(index)
    return found is not None and found.constraint is not None


def attach_index(schema: Schema, name: Name, part: Name) -> Schema:
    """ALTER INDEX ... ATTACH PARTITION; once every partition has its part, the index of the parent is valid."""
    table, child = schema.index_table(name), schema.index_table(schema.resolve(part))
    if table is None or child is None:
        if schema.complete:
            raise CannotApply(f"index {name if table is None else part} does not exist")
        return schema
    index, mine = table.index(name.name), child.index(part.name)
    if index is None or mine is None or mine.parent == name:
        return schema
    owner = table.constraint(index.constraint) if index.constraint is not None else None
    if table.name not in child.parents and not child.partial:
        raise CannotApply(f"index {part} is not on any partition of table {table.name}")
    if any(i.parent == name for i in child.indexes):
        raise CannotApply(f"another index is already attached for partition {child.name}")
    if mine.parent is not None or not same_index(mine, index) or (owner is not None and mine.constraint is None):
        raise CannotApply(f"cannot attach index {part} as a partition of index {name}: the definitions do not match")
    schema = adopted(schema, child, mine, name)
    return whole_when_complete(schema, name)


def whole_when_complete(schema: Schema, name: Name) -> Schema:
    """Mark the index of a partitioned table valid when every partition has a valid part of it."""
    table = schema.index_table(name)
    index = table.index(name.name) if table is not None else None
    if table is None or index is None or index.valid:
        return schema
    parts = [[i for i in p.indexes if i.parent == name and i.valid] for p in schema.partitions_of(table.name)]
    if not all(parts):
        return schema
    schema = put(schema, put_index(table, replace(index, valid=True)))
    return whole_when_complete(schema, index.parent) if index.parent is not None else schema


def drop_index(schema: Schema, action: DropIndex) -> Schema:
    """Drop indexes; one that a constraint owns makes the server refuse."""
    if action.concurrently and len(action.indexes) > 1:
        raise CannotApply("DROP INDEX CONCURRENTLY does not support dropping multiple objects")
    if action.concurrently and action.cascade:
        raise CannotApply("DROP INDEX CONCURRENTLY does not support CASCADE")
    names = [schema.resolve(wanted) for wanted in action.indexes]
    for full in names:
        table = schema.index_table(full)
        index = table.index(full.name) if table is not None else None
        if table is None or index is None:
            if full in schema.tables or full in schema.views or full in schema.sequences:
                raise CannotApply(f"{full} is not an index")
            if schema.complete and not action.if_exists:
                raise CannotApply(f"index {full} does not exist")
            continue
        if index.constraint is not None:
            raise CannotApply(f"constraint {index.constraint!r} of {table.name} requires index {full}")
        if action.concurrently and is_partitioned(table):
            raise CannotApply(f"cannot drop partitioned index {full} concurrently")
        if index.parent is not None and index.parent not in names:
            raise CannotApply(f"index {full} is part of index {index.parent}")
    for full in names:
        schema = _dropped(schema, full, cascade=action.cascade)
    return schema


def _dropped(schema: Schema, name: Name, *, cascade: bool) -> Schema:
    table = schema.index_table(name)
    index = table.index(name.name) if table is not None else None
    if table is None or index is None:
        return schema
    if index.unique:
        schema = _free_keys(schema, table, index, cascade=cascade)
    return without_index(schema, schema.tables[table.name], index)


def _free_keys(schema: Schema, table: Table, index: Index, *, cascade: bool) -> Schema:
    """Drop the foreign keys that rest on a unique index without a constraint."""
    columns = tuple(k.column for k in index.keys if k.column is not None)
    others = [i for i in table.indexes if i.unique and i != index and i.predicate is None]
    same = [i for i in others if {k.column for k in i.keys} == set(columns)]
    if same or index.predicate is not None or len(columns) < len(index.keys):
        return schema
    stand_in = Constraint(ConstraintKind.UNIQUE, columns)
    return drop_foreign_keys_on(schema, table, columns, cascade=cascade, constraint=stand_in)


def without_index(schema: Schema, table: Table, index: Index) -> Schema:
    """Take an index and the constraint that owns it from a table, and the parts of it from the partitions."""
    if index.constraint is not None:
        table = without_constraints(table, [index.constraint])
    schema = put(schema, replace(table, indexes=tuple(i for i in table.indexes if i.name != index.name)))
    above = Name(table.name.schema, index.name or "")
    for child in schema.partitions_of(table.name):
        for part in [i for i in child.indexes if i.parent == above]:
            schema = without_index(schema, schema.tables[child.name], part)
    return schema


def set_options(schema: Schema, name: Name, text: str, *, reset: bool = False) -> Schema:
    """Set or reset storage parameters of an index, given as `fillfactor=70, fastupdate=off`."""
    table = schema.index_table(name)
    index = table.index(name.name) if table is not None else None
    if table is None or index is None:
        return schema
    if is_partitioned(table):
        raise CannotApply(f"storage parameters of index {name} of a partitioned table cannot be set")
    given = [(k.strip(), v.strip()) for k, _, v in (part.partition("=") for part in text.split(","))]
    if not reset:
        refuse_parameters(index.method, given)
    kept = [o for o in index.options if o[0] not in dict(given)]
    return put(schema, put_index(table, replace(index, options=(*kept, *(() if reset else given)))))


def set_statistics(schema: Schema, name: Name, place: int, target: int) -> Schema:
    """Set the statistics target of an expression of an index; -1 takes it back."""
    table = schema.index_table(name)
    index = table.index(name.name) if table is not None else None
    if table is None or index is None:
        return schema
    if not 0 < place <= len(index.keys):
        raise CannotApply(f"column number {place} of index {name} does not exist")
    if index.keys[place - 1].column is not None:
        raise CannotApply(f"cannot alter statistics on column number {place} of index {name}: it is no expression")
    kept = [pair for pair in index.statistics if pair[0] != place]
    given = [*kept, (place, target)] if target >= 0 else kept
    return put(schema, put_index(table, replace(index, statistics=tuple(sorted(given)))))


def parts_below(schema: Schema, table: Table, index: Name) -> Iterator[tuple[Table, Index]]:
    """Give the parts that an index of a partitioned table has in its partitions, at every depth."""
    for child in schema.partitions_of(table.name):
        for part in child.indexes:
            if part.parent == index and part.name is not None:
                yield child, part
                yield from parts_below(schema, child, Name(child.name.schema, part.name))


def same_index(one: Index, two: Index) -> bool:
    """Say whether an index can be the part of another: the server compares neither order nor storage."""
    return _compared(one) == _compared(two)


def _compared(index: Index) -> tuple[object, ...]:
    keys = tuple((k.column, _text(k.expression), k.collation, k.opclass) for k in index.keys)
    named = (index.unique, index.method, index.include, index.nulls_not_distinct)
    return (keys, _text(index.predicate), *named)


def _text(expression: Expr | None) -> str | None:
    return canonical(expression.sql) if expression is not None else None


def plain_index(index: Index) -> Index:
    """Give the index with what is the server's default left out, as the catalog shows it."""
    plain = _plain(index)
    return replace(plain, keys=tuple(_without_default(k) for k in plain.keys))


def _plain(index: Index) -> Index:
    tablespace = None if index.tablespace == DEFAULT_TABLESPACE else index.tablespace
    return replace(index, keys=tuple(_plain_key(k, index.method) for k in index.keys), tablespace=tablespace)


def _without_default(key: IndexKey) -> IndexKey:
    named = key.collation is not None and key.collation.name == "default"
    return replace(key, collation=None) if named else key


DEFAULT_TABLESPACE = "pg_default"


def _plain_key(key: IndexKey, method: str) -> IndexKey:
    if method != ORDERED:
        return replace(key, descending=False, nulls_first=None)
    return replace(key, nulls_first=None if key.nulls_first == key.descending else key.nulls_first)
