"""Whether ON CONFLICT finds what it looks for: an index by columns, or a constraint by name."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply, certain
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, ConstraintKind, Index, Schema, Table, Trigger
from migrate_safe.model.statement import Conflict, Dml

_WITH_INDEX = (ConstraintKind.PRIMARY, ConstraintKind.UNIQUE, ConstraintKind.EXCLUDE)


def refuse_conflict(schema: Schema, action: Dml, target: Name) -> None:
    """Raise CannotApply for an ON CONFLICT that no unique index and no constraint of the table serves."""
    conflict = action.conflict
    if conflict is None:
        return
    if not conflict.looks_for_index and conflict.updates:
        raise CannotApply("ON CONFLICT DO UPDATE requires columns or a constraint")
    if conflict.constraint is not None and target in schema.views:
        raise CannotApply(f"constraint {conflict.constraint!r} of {target} does not exist")
    table = schema.tables.get(target)
    if table is None or not certain(schema, table):
        return
    serving = _serving(table, conflict)
    if not action.from_query and not any(map(_may_turn_away, table.triggers)):
        _refuse_deferrable(table, serving)


def _serving(table: Table, conflict: Conflict) -> set[str | None]:
    """Give the constraints whose conflicts are looked for: all of them, unless something says which."""
    if not conflict.looks_for_index:
        return {c.name for c in table.constraints}
    name = conflict.constraint
    return _inferred(table, conflict) if name is None else _named(table, name, updates=conflict.updates)


def _named(table: Table, name: str, *, updates: bool) -> set[str | None]:
    constraint = table.constraint(name)
    if constraint is None:
        raise CannotApply(f"constraint {name!r} of {table.name} does not exist")
    if constraint.kind not in _WITH_INDEX:
        raise CannotApply(f"constraint {name!r} of {table.name} has no index that ON CONFLICT could use")
    if constraint.kind is ConstraintKind.EXCLUDE and updates:
        raise CannotApply(f"ON CONFLICT DO UPDATE is not supported with exclusion constraint {name!r}")
    return {name}


def _inferred(table: Table, conflict: Conflict) -> set[str | None]:
    serving = [i for i in table.indexes if i.unique and i.valid and _may_serve(i, conflict)]
    if not serving:
        wanted = ", ".join([*conflict.columns, *(e.sql for e in conflict.expressions)])
        raise CannotApply(f"{table.name} has no unique index over exactly {wanted} for ON CONFLICT")
    return {i.constraint for i in serving}


def _may_serve(index: Index, conflict: Conflict) -> bool:
    """Say whether an index is over these columns; what expressions and conditions amount to is not judged."""
    keys = {k.column for k in index.keys if k.column is not None}
    computed = [k.expression for k in index.keys if k.expression is not None]
    named = {c for e in computed for c in e.columns}
    wanted = {c for e in conflict.expressions for c in e.columns}
    if keys != set(conflict.columns) or bool(computed) != bool(conflict.expressions) or named != wanted:
        return False
    if index.predicate is None:
        return True
    given = conflict.predicate
    if given is None:
        return False
    return not given.columns or not index.predicate.columns or bool(given.columns & index.predicate.columns)


def _refuse_deferrable(table: Table, serving: set[str | None]) -> None:
    """Refuse, once there is a row, an index whose constraint may be checked later."""
    late = [c for c in table.constraints if c.name in serving and _is_late(c)]
    if late:
        raise CannotApply(f"ON CONFLICT does not support deferrable constraint {late[0].name!r}")


def _may_turn_away(trigger: Trigger) -> bool:
    return trigger.timing == "BEFORE" and "INSERT" in trigger.events


def _is_late(constraint: Constraint) -> bool:
    return constraint.deferrable and constraint.kind in _WITH_INDEX
