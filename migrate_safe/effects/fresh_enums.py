"""Which statements use an enum value that their own transaction adds: the server takes it only after COMMIT."""

from __future__ import annotations

import re

from migrate_safe.catalog.change import type_name
from migrate_safe.effects.combine import Scene
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Table
from migrate_safe.model.statement import (
    AddColumn,
    AlterTable,
    CreateIndex,
    CreateTable,
    CreateView,
    Dml,
    Statement,
)
from migrate_safe.sql.texts import texts_of_columns


def used_too_early(scene: Scene, statement: Statement) -> str | None:
    """Say which value the statement surely uses though this transaction adds it, or None."""
    for enum, value in sorted(v for v in scene.fresh_values if v[1]):
        if _surely_uses(scene, statement, enum, value):
            return f"uses value {value!r} of enum {enum}, which this transaction adds, before it is committed"
    return None


def _surely_uses(scene: Scene, statement: Statement, enum: Name, value: str) -> bool:
    """Say whether it casts the value to the enum, or gives it to, or compares it with, a column of that enum."""
    quoted = re.escape("'" + value.replace("'", "''") + "'")
    if re.search(quoted, statement.text) is None:
        return False
    if re.search(quoted + rf"::\s*(\w+\.)?\"?{re.escape(enum.name)}\b", statement.text):
        return True
    groups = _columns(scene, statement)
    target = tuple(c.name for c in groups[0]) if groups and isinstance(statement.action, Dml) else ()
    return any(
        text == value and _is_of(scene, [c for g in groups for c in g if c.name == column], enum)
        for column, text in texts_of_columns(statement.text, target)
    )


def _is_of(scene: Scene, columns: list[Column], enum: Name) -> bool:
    """Say whether all columns of one name, of which there are some, are of the enum."""
    named = [(type_name(scene.schema, Name(c.type.schema, c.type.name)), c.type.dimensions) for c in columns]
    return bool(named) and set(named) == {(enum, 0)}


def _columns(scene: Scene, statement: Statement) -> list[tuple[Column, ...]]:
    """Give the columns of every relation that a statement names, the written one first; none where one is not known."""
    own: tuple[Column, ...] = ()
    match statement.action:
        case Dml(target=target, reads=reads, also=also):
            named = [*([target] if target is not None else []), *(n for _, n in also), *reads]
        case CreateIndex(table=table):
            named = [table]
        case AlterTable(table=table, actions=actions):
            named, own = [table], tuple(a.definition.column for a in actions if isinstance(a, AddColumn))
        case CreateTable(columns=columns, inherits=inherits, reads=reads):
            named, own = [*inherits, *reads], tuple(d.column for d in columns)
        case CreateView(view=view):
            named = sorted(view.relations)
        case _:
            return []
    tables = [scene.schema.table(n) for n in named]
    known = [t for t in tables if isinstance(t, Table)]
    return [*(t.columns for t in known), own] if len(known) == len(tables) else []
