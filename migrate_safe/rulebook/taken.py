"""What a statement takes away beside what it names: by CASCADE, or because it rests on a column that goes."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.change import family
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Table
from migrate_safe.model.statement import (
    Action,
    AlterTable,
    DropColumn,
    DropConstraint,
    DropPart,
    DropTrigger,
    Truncate,
)
from migrate_safe.rulebook.parts import Part
from migrate_safe.rulebook.spoken import plain


def taken_along(part: Part) -> tuple[str, ...]:
    """Name what is in use, goes with the statement and is not named by it, for people."""
    before, after = part.whole.before, part.whole.after
    if after is before:
        return ()
    if isinstance(part.action, DropColumn) and not part.action.cascade:
        return tuple(_with_column(part, part.action.column))
    named, own = _named(part), _own(part.whole.statement.action)
    gone = _gone(before, after, part.whole.born)
    return tuple(text for text in gone if text not in named and not text.startswith(own))


def emptied_along(part: Part) -> tuple[Name, ...]:
    """Name the tables that TRUNCATE ... CASCADE empties beside those that it names and their partitions."""
    schema = part.whole.before
    assert isinstance(part.whole.statement.action, Truncate)
    tables = [schema.table(name) for name in part.whole.statement.action.tables]
    named = {member.name for table in tables if table is not None for member in family(schema, table)}
    return tuple(n for n in part.effect.rewrites if n in schema.tables and n not in named)


def _with_column(part: Part, column: str) -> Iterator[str]:
    """Name the indexes and constraints over the column that serve other columns too."""
    assert part.relation is not None
    table = part.whole.before.table(part.relation)
    if table is None:
        return
    owned = {i.name for i in table.indexes if i.constraint is not None}
    for index in table.indexes:
        if column in index.columns and len(index.columns) > 1 and index.name not in owned:
            yield f"index {index.name}"
    for constraint in table.constraints:
        if column in constraint.columns and len(constraint.columns) > 1:
            yield f"constraint {constraint.name}"


def _named(part: Part) -> set[str]:
    """Give what the statement itself says, as it would be told of."""
    action = part.whole.statement.action
    resolve = part.whole.before.resolve
    found = {f"{kind} {plain(resolve(name))}" for kind in ("table", "view", "sequence") for name in _names(action)}
    found |= {part.thing} | {f"function {plain(resolve(name))}" for name in _names(action)}
    for item in action.actions if isinstance(action, AlterTable) else ():
        if isinstance(item, DropColumn):
            found.add(f"column {item.column} of {plain(resolve(action.table))}")  # type: ignore[union-attr]
        if isinstance(item, DropConstraint):
            found.add(f"constraint {item.name} of {plain(resolve(action.table))}")  # type: ignore[union-attr]
    return found


def _own(action: Action) -> tuple[str, ...]:
    """Give how it is told that the trigger or policy which the statement names is gone, also from partitions."""
    match action:
        case DropTrigger(trigger=name):
            return (f"trigger {name} of ",)
        case DropPart(kind=kind, name=name):
            return (f"{kind} {name} of ",)
        case _:
            return ()


def _names(action: object) -> tuple[Name, ...]:
    for attribute in ("tables", "views", "sequences"):
        if hasattr(action, attribute):
            return tuple(getattr(action, attribute))
    routines = getattr(action, "routines", ())
    return tuple(routine.name for routine in routines)


def _gone(before: Schema, after: Schema, born: frozenset[Name]) -> Iterator[str]:
    for name, table in before.tables.items():
        left = after.tables.get(name)
        if left is table or name in born:
            continue
        if left is None:
            yield f"table {plain(name)}"
        else:
            yield from _gone_of(table, left)
    if after.views is not before.views:
        yield from (f"view {plain(n)}" for n in before.views if n not in after.views and n not in born)
    if after.functions is not before.functions:
        yield from (f"function {plain(n)}" for n in before.functions if n not in after.functions)
    if after.sequences is not before.sequences:
        gone = (n for n, s in before.sequences.items() if n not in after.sequences and s.owner is None)
        yield from (f"sequence {plain(n)}" for n in gone)


def _gone_of(table: Table, left: Table) -> Iterator[str]:
    """Name the parts of a table that stays; indexes of constraints go by the name of these."""
    where = f"of {plain(table.name)}"
    columns = {c.name for c in table.columns} - {c.name for c in left.columns}
    yield from (f"column {c.name} {where}" for c in table.columns if c.name in columns)
    for column in table.columns:
        now = left.column(column.name)
        if now is not None and column.default is not None and now.default is None:
            yield f"the default of {column.name} {where}"
    kept = {c.name for c in left.constraints}
    for constraint in table.constraints:
        if constraint.name not in kept and not columns.issuperset(constraint.columns or {""}):
            yield f"constraint {constraint.name} {where}"
    for kind in ("triggers", "policies"):
        kept = {p.name for p in getattr(left, kind)}
        word = "trigger" if kind == "triggers" else "policy"
        yield from (f"{word} {p.name} {where}" for p in getattr(table, kind) if p.name not in kept)
