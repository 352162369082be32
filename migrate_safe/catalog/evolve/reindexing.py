"""What REINDEX leaves in the catalog: an index that was not valid is, once it is built again."""

from __future__ import annotations

from migrate_safe.catalog.change import family, is_partitioned, put
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Table
from migrate_safe.model.statement import Reindex
from migrate_safe.model.values import replace


def reindex(schema: Schema, action: Reindex) -> Schema:
    """Make valid what is built again; CONCURRENTLY passes over the invalid indexes of a table, but for one named."""
    if action.kind == "system" or (action.concurrently and action.kind != "index"):
        return schema
    for table in _tables(schema, action):
        invalid = [i for i in table.indexes if not i.valid and i.name is not None]
        named = [i.name for i in invalid if action.kind != "index" or _is_part(schema, table, i.name, action.target)]
        if named and not is_partitioned(table):
            whole = tuple(replace(i, valid=True) if i.name in named else i for i in table.indexes)
            schema = put(schema, replace(table, indexes=whole))
    return schema


def _tables(schema: Schema, action: Reindex) -> tuple[Table, ...]:
    match action.kind:
        case "table" if action.target is not None:
            table = schema.table(action.target)
            return family(schema, table) if table is not None and is_partitioned(table) else (table,) if table else ()
        case "schema" if action.target is not None:
            return tuple(t for t in schema.tables.values() if t.name.schema == action.target.name)
        case _:
            return tuple(schema.tables.values())


def _is_part(schema: Schema, table: Table, index: str | None, wanted: Name | None) -> bool:
    """Say whether an index is the one wanted, or a part of it at any depth."""
    known = table.index(index or "")
    if known is None or wanted is None:
        return False
    if Name(table.name.schema, known.name or "") == schema.resolve(wanted):
        return True
    above = schema.index_table(known.parent) if known.parent is not None else None
    return above is not None and known.parent is not None and _is_part(schema, above, known.parent.name, wanted)
