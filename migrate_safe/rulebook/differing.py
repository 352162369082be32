"""How what IF NOT EXISTS finds differs from what the statement would have made: the server says nothing of it."""

from __future__ import annotations

from migrate_safe.catalog.change import known_type, same_type
from migrate_safe.catalog.evolve.indexes import plain_index, same_index
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Schema, Table
from migrate_safe.model.statement import AddColumn, ColumnDef, CreateIndex, CreateTable
from migrate_safe.rulebook.parts import Part
from migrate_safe.rulebook.spoken import plain


def differing(part: Part) -> str:
    """Say how what is there already differs, for people; empty where nothing is there, or nothing differs."""
    schema = part.whole.before
    match part.action:
        case AddColumn(definition, if_not_exists=True) if part.relation is not None:
            table = schema.table(part.relation)
            return _column(schema, table, definition) if table is not None else ""
        case CreateTable(name, columns, if_not_exists=True):
            table = schema.table(name)
            if table is None or schema.resolve(name) in part.whole.born:
                return ""
            return " and ".join(filter(None, (_missing(schema, table, c) for c in columns)))
        case CreateIndex(table_name, index, if_not_exists=True) if index.name is not None:
            table = schema.table(table_name)
            if table is None:
                return ""
            held = schema.index_table(Name(table.name.schema, index.name))
            if held is not None and held.name != table.name:
                return f"an index of {plain(held.name)}"
            old = table.index(index.name)
            same = old is None or same_index(plain_index(old), plain_index(index))
            return "" if same else "an index of other columns or conditions"
        case _:
            return ""


def _missing(schema: Schema, table: Table, wanted: ColumnDef) -> str:
    name = wanted.column.name
    if table.column(name) is None:
        return "" if table.partial else f"no column {quote_ident(name)}"
    difference = _column(schema, table, wanted)
    return f"{quote_ident(name)} as {difference}" if difference else ""


def _column(schema: Schema, table: Table, wanted: ColumnDef) -> str:
    """Say what the column is where its type is another, or NULL is allowed where it should not be."""
    found = table.column(wanted.column.name)
    if found is None:
        return ""
    if not same_type(found.type, known_type(schema, wanted.column.type)):
        return str(found.type)
    return f"{found.type} that may be NULL" if wanted.column.not_null and not found.not_null else ""
