"""Ask a server how it spells the expressions of a schema that was told by files.

The server keeps what an expression means to it and prints that: `DEFAULT '90 minutes'` of an interval comes back as
'01:30:00'. What the two spellings have in common only the input functions of its types know. So the tables are made
once more, empty and in a schema of their own, with every default, CHECK, generated column, index, trigger and policy
as the files spell it; they are read as any table is, and rolled back. What the server does not take keeps its
spelling, so that it goes on to count as different.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.catalog.definition import index_definition
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import (
    Column,
    Constraint,
    ConstraintKind,
    Index,
    Policy,
    Schema,
    Table,
    TableKind,
    Trigger,
)
from migrate_safe.model.values import replace

Connection = psycopg.Connection[Any]

_SAID = "~ms_said"
"""The schema in which the tables are made; it is never committed."""
_PATH = "SELECT pg_catalog.set_config('search_path', %s, true)"


def respelled(connection: Connection, planned: Schema, tables: Iterable[Name]) -> Schema:
    """Give the schema with the expressions of these tables as the server spells them; nothing stays on the server."""
    wanted = [planned.tables[n] for n in dict.fromkeys(map(planned.resolve, tables)) if n in planned.tables]
    wanted = [t for t in wanted if t.kind is TableKind.TABLE]
    said: dict[Name, Table] = {}
    with connection.transaction():
        path = connection.execute("SELECT current_setting('search_path')").fetchone()
        connection.execute(_PATH, (", ".join(map(quote_ident, planned.search_path)),))
        try:
            with connection.transaction():
                connection.execute(f"CREATE SCHEMA {quote_ident(_SAID)}")
        except psycopg.Error:
            raise psycopg.Rollback from None
        for at, table in enumerate(wanted):
            _make(connection, table, _place(at))
        connection.execute(_PATH, path)
        read = read_schema(connection).tables
        said = {t.name: read[_place(at)] for at, t in enumerate(wanted) if _place(at) in read}
        raise psycopg.Rollback
    return replace(planned, tables={**planned.tables, **{n: _merged(planned.tables[n], t) for n, t in said.items()}})


def _place(at: int) -> Name:
    """Name the table of that number: two planned tables may have one name in different schemas."""
    return Name(_SAID, f"t{at}")


def _make(connection: Connection, table: Table, place: Name) -> None:
    plain = [c for c in table.columns if c.generated is None]
    listed = ", ".join(_column(c) for c in plain)
    if not _taken(connection, f"CREATE TABLE {place} ({listed})"):
        return
    for statement in _expressions(table, place):
        _taken(connection, statement)


def _taken(connection: Connection, statement: str) -> bool:
    """Run a statement, and say whether the server took it."""
    try:
        with connection.transaction():
            connection.execute(statement.encode())
    except (psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError):
        return False
    return True


def _expressions(table: Table, place: Name) -> Iterator[str]:
    alter = f"ALTER TABLE {place}"
    for column in table.columns:
        if column.generated is not None:
            kind = column.generated.upper()
            yield f"{alter} ADD COLUMN {_column(column)} GENERATED ALWAYS AS ({column.default}) {kind}"
        elif column.default is not None:
            yield f"{alter} ALTER COLUMN {quote_ident(column.name)} SET DEFAULT {column.default}"
    for constraint in table.constraints:
        if constraint.kind is ConstraintKind.CHECK and constraint.name is not None:
            yield f"{alter} ADD CONSTRAINT {quote_ident(constraint.name)} CHECK ({constraint.expression})"
    for index in table.indexes:
        if index.predicate is not None or any(k.expression is not None for k in index.keys):
            yield index_definition(place, index)
    yield from (_trigger(t, place) for t in table.triggers if t.condition is not None)
    yield from (_policy(p, place) for p in table.policies)


def _column(column: Column) -> str:
    collation = f" COLLATE {column.collation}" if column.collation is not None else ""
    return f"{quote_ident(column.name)} {column.type}{collation}"


def _trigger(trigger: Trigger, place: Name) -> str:
    level = "ROW" if trigger.for_each_row else "STATEMENT"
    columns = f" OF {', '.join(map(quote_ident, trigger.columns))}" if trigger.columns else ""
    events = " OR ".join(e + columns * (e == "UPDATE") for e in trigger.events)
    return (
        f"CREATE TRIGGER {quote_ident(trigger.name)} {trigger.timing} {events} ON {place}"
        f" FOR EACH {level} WHEN ({trigger.condition}) EXECUTE FUNCTION {trigger.function}()"
    )


def _policy(policy: Policy, place: Name) -> str:
    using = f" USING ({policy.using})" if policy.using is not None else ""
    check = f" WITH CHECK ({policy.check})" if policy.check is not None else ""
    return f"CREATE POLICY {quote_ident(policy.name)} ON {place} FOR {policy.command}{using}{check}"


# ---- what was said, in the place of what was planned -------------------------------------------


def _merged(table: Table, said: Table) -> Table:
    return replace(
        table,
        columns=tuple(_said_column(c, said) for c in table.columns),
        constraints=tuple(_said_constraint(c, said) for c in table.constraints),
        indexes=tuple(_said_index(i, said) for i in table.indexes),
        triggers=tuple(_said_trigger(t, said) for t in table.triggers),
        policies=tuple(_said_policy(p, said) for p in table.policies),
    )


def _said_column(column: Column, said: Table) -> Column:
    found = said.column(column.name)
    return replace(column, default=found.default) if found is not None and found.default is not None else column


def _said_constraint(constraint: Constraint, said: Table) -> Constraint:
    found = said.constraint(constraint.name or "")
    if found is None or found.kind is not ConstraintKind.CHECK:
        return constraint
    return replace(constraint, expression=found.expression)


def _said_index(index: Index, said: Table) -> Index:
    found = said.index(index.name or "")
    if found is None:
        return index
    keys = tuple(
        replace(k, expression=f.expression) if k.expression is not None else k
        for k, f in zip(index.keys, found.keys, strict=True)
    )
    return replace(index, keys=keys, predicate=found.predicate)


def _said_trigger(trigger: Trigger, said: Table) -> Trigger:
    found = next((t for t in said.triggers if t.name == trigger.name), None)
    return trigger if found is None else replace(trigger, condition=found.condition)


def _said_policy(policy: Policy, said: Table) -> Policy:
    found = next((p for p in said.policies if p.name == policy.name), None)
    return policy if found is None else replace(policy, using=found.using, check=found.check)
