"""Add a value to an enum.

Harm of the plain form: none for locks; but an old app that does not know the value may fail on rows that hold it, and a
value can never be taken away again. Phases: expand. The way back leaves the value where it is, unused, and asks first
that no row holds it. A value or type under another name cannot serve two app versions at once: it is refused.

https://www.postgresql.org/docs/current/sql-altertype.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import AlterEnum, RenameType, SetTypeSchema
from migrate_safe.planner.changes import GIVE_SCHEMA, Change
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank, row_keys
from migrate_safe.planner.operations import Operation


def change_enum(operation: Operation) -> Outcome | None:
    """Plan ALTER TYPE of enums; None for other operations."""
    match operation.action:
        case AlterEnum(old=str(old), value=new):
            raise CannotPlan(
                f"the old app says {_literal(old)} and the new one {_literal(new)}, and a value has one name at a time",
                f"add {_literal(new)} as a value, let the app write it, and update old rows in batches",
            )
        case AlterEnum() as action:
            return _add(operation, action)
        case RenameType(name=name, to=to):
            raise CannotPlan(
                f"a type has one name at a time: the old app says {name}, the new one {to}, and a domain over it"
                " does not compare with its values",
                "keep the name; or, where no app writes it (no casts, no parameters of that type), give the undo:"
                " -- migrate-safe: undo SQL",
            )
        case SetTypeSchema(name=name):
            raise CannotPlan(
                f"{name} stands in one schema at a time",
                "keep it; or, where both apps have both schemas in their search_path: -- migrate-safe: undo SQL",
            )
        case _:
            return None


def _add(operation: Operation, action: AlterEnum) -> Outcome:
    before = operation.before
    places = (
        [action.name] if action.name.schema is not None else [Name(s, action.name.name) for s in before.search_path]
    )
    name = next((p for p in places if p in before.enums), action.name)
    if operation.before == operation.after and action.if_not_exists and before.complete:
        return Outcome()
    literal = quote_literal(action.value).strip()
    where = (
        f" {'AFTER' if action.after else 'BEFORE'} {quote_literal(action.neighbour).strip()}"
        if action.neighbour
        else ""
    )
    used = tuple(_used(before, name, literal))
    change = Change(
        Rank.SHAPE,
        "add-value",
        f"{name}.{quote_ident(action.value)}",
        f"add {literal} to {name}; on the way back it stays, unused: no server can take a value away",
        (f"ALTER TYPE {name} ADD VALUE IF NOT EXISTS {literal}{where}",),
        (),
        tuple(dict.fromkeys(t for t, _ in used)),
        (f"{name}: the old app must bear to read {literal} once the new one writes it",),
        tuple(r for _, r in used),
    )
    return change.steps()


def _literal(value: str) -> str:
    return quote_literal(value).strip()


def _found(schema: Schema, name: Name) -> Name:
    places = [name] if name.schema is not None else [Name(s, name.name) for s in schema.search_path]
    found = next((p for p in places if p in schema.enums), None)
    if found is None:
        raise CannotPlan(f"enum {name} is not known here, nor what uses it", GIVE_SCHEMA)
    return found


def _used(schema: Schema, name: Name, literal: str) -> Iterator[tuple[Name, Requirement]]:
    """Find the columns that may hold the value."""
    for table in schema.tables.values():
        if table.partition_bound is not None:
            continue
        for column in table.columns:
            if column.type.name == name.name and column.type.schema in (name.schema, None):
                held = quote_ident(column.name)
                test = f"{literal} = ANY ({held}::text[])" if column.type.dimensions else f"{held}::text = {literal}"
                query = f"SELECT {row_keys(schema, table.name)} FROM {table.name} WHERE {test}"
                message = f"{table.name} has rows with {literal} in {held}, unknown to the old app: change them"
                yield table.name, Requirement(query, message)
