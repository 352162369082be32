"""The parts of a partitioned table's indexes that ALTER TYPE makes anew: under names of the server's choice."""

from __future__ import annotations

from migrate_safe.catalog.change import is_partitioned
from migrate_safe.catalog.evolve.indexes import hand_index_down, parts_below, without_index
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Index, Schema, Table


def with_parts_rebuilt(schema: Schema, table: Table, column: str) -> Schema:
    """Give the schema once the indexes over a column of a partitioned table are made anew in its partitions."""
    over = _over(table, column)
    for index in over:
        above = Name(table.name.schema, index.name or "")
        for child in schema.partitions_of(table.name):
            for part in [i for i in child.indexes if i.parent == above]:
                schema = without_index(schema, schema.tables[child.name], part)
    for index in over:
        above = Name(table.name.schema, index.name or "")
        owner = table.constraint(index.constraint) if index.constraint is not None else None
        for child in schema.partitions_of(table.name):
            schema = hand_index_down(schema, schema.tables[child.name], index, owner, above)
    return schema


def parts_renamed(schema: Schema, table: Table, column: str) -> frozenset[Name]:
    """Give the names that parts of indexes over a column lose when they are made anew."""
    parts = [(m, i) for index in _over(table, column) for m, i in _parts(schema, table, index)]
    names = frozenset(Name(m.name.schema, i.name or "") for m, i in parts)
    after = with_parts_rebuilt(schema, table, column) if parts else schema
    return frozenset(n for n in names if after.index_table(n) is None)


def _over(table: Table, column: str) -> list[Index]:
    return [i for i in table.indexes if column in i.columns] if is_partitioned(table) else []


def _parts(schema: Schema, table: Table, index: Index) -> list[tuple[Table, Index]]:
    return list(parts_below(schema, table, Name(table.name.schema, index.name or "")))
