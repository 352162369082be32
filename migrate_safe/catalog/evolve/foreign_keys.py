"""How foreign keys come, and what becomes of them when the other side goes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from migrate_safe.catalog.brought import shows_relations
from migrate_safe.catalog.change import (
    CannotApply,
    certain,
    is_partitioned,
    need_column,
    put,
    put_constraint,
    without_constraints,
)
from migrate_safe.catalog.evolve.column_rules import FAMILIES
from migrate_safe.catalog.evolve.not_null import defined
from migrate_safe.catalog.naming import constraint_name, make_object_name, none_such
from migrate_safe.model.schema import Column, Constraint, ConstraintKind, Generated, Index, Schema, Table
from migrate_safe.model.values import replace

INDEXED = frozenset({ConstraintKind.PRIMARY, ConstraintKind.UNIQUE, ConstraintKind.EXCLUDE})
"""Constraints with an index of their own."""

_NOT_VALID_ON_PARTITIONED = 18
_NUMBERED_NAMES = 18
_WRITING = frozenset({"SET NULL", "SET DEFAULT"})
_REFERABLE = {"p": "p", "u": "pu", "t": "t"}
"""Which persistence a table may refer to, by its own: what is kept must not rest on what a crash empties."""

_WIDTHS = {"numeric": 1, "real": 2, "double precision": 2}


def add_foreign_key(schema: Schema, table: Table, constraint: Constraint, *, only: bool = False) -> Schema:
    """Add a foreign key, to every partition as well."""
    assert constraint.references is not None
    far = schema.resolve(constraint.references.table)
    other = table if far == table.name else schema.tables.get(far)
    if other is None and (shows_relations(schema) or far in schema.views):
        raise CannotApply(none_such(schema, far, "table"))
    _refuse_on_partitioned(schema, table, constraint, only=only)
    columns = constraint.references.columns or (other.primary_key if other is not None else ())
    if other is not None:
        _refuse_persistence(table, other)
        if not columns and certain(schema, other):
            raise CannotApply(f"there is no primary key for referenced table {other.name}")
        _need_unique(schema, other, columns, constraint)
        _need_comparable(table, constraint.columns, other, columns)
    _refuse_actions(table, constraint)
    name = constraint.name or constraint_name(schema, table.name, ConstraintKind.FOREIGN, constraint.columns)
    reference = replace(constraint.references, table=far, columns=columns)
    made = defined(replace(constraint, name=name, references=reference))
    schema = put(schema, put_constraint(schema.tables.get(table.name, table), made))
    return hand_key_down(schema, table, made)


def hand_key_down(schema: Schema, table: Table, key: Constraint) -> Schema:
    """Give a foreign key of a partitioned table to its partitions; one that they have already serves."""
    for child in schema.partitions_of(table.name) if is_partitioned(table) else ():
        schema = give_key(schema, child, key)
    return schema


def give_key(schema: Schema, child: Table, key: Constraint) -> Schema:
    """Give a foreign key of its parent to a partition."""
    same = next((c for c in child.constraints if c.local and _serves(schema, c, key)), None)
    if same is not None:
        same = defined(replace(same, local=False, validated=same.validated or key.validated))
        schema = put(schema, put_constraint(child, same))
        return hand_key_down(schema, child, same)
    name = key.name
    if name is None or child.constraint(name) is not None:
        name = _other_name(schema, child, key)
    made = replace(key, name=name, local=False)
    return hand_key_down(put(schema, put_constraint(child, made)), child, made)


def _other_name(schema: Schema, child: Table, key: Constraint) -> str:
    """Name a key whose parent's name is taken: from PostgreSQL 18 on by a number behind that name."""
    if schema.server_version < _NUMBERED_NAMES or key.name is None:
        return constraint_name(schema, child.name, ConstraintKind.FOREIGN, key.columns)
    taken = {c.name for t in schema.tables.values() if t.name.schema == child.name.schema for c in t.constraints}
    numbered = (make_object_name(key.name, None, str(n)) for n in count(1))
    return next(n for n in numbered if n not in taken)


def _serves(schema: Schema, mine: Constraint, wanted: Constraint) -> bool:
    """Say whether a key of a partition can be its part of its parent's; PostgreSQL 18 validates it for that."""
    parts = ["kind", "columns", "references", "deferrable", "deferred", "enforced", "period"]
    if schema.server_version < _NOT_VALID_ON_PARTITIONED:
        parts.append("validated")
    return all(getattr(mine, part) == getattr(wanted, part) for part in parts)


def _refuse_on_partitioned(schema: Schema, table: Table, constraint: Constraint, *, only: bool) -> None:
    if not is_partitioned(table):
        return
    if only:
        raise CannotApply(f"cannot use ONLY for foreign key on partitioned table {table.name}")
    if not constraint.validated and schema.server_version < _NOT_VALID_ON_PARTITIONED:
        raise CannotApply(f"cannot add NOT VALID foreign key on partitioned table {table.name} before PostgreSQL 18")


def _refuse_persistence(table: Table, other: Table) -> None:
    if other.persistence not in _REFERABLE[table.persistence]:
        raise CannotApply(f"a foreign key of {table.name} may not rest on {other.name}, which is less permanent")


def _refuse_actions(table: Table, constraint: Constraint) -> None:
    """Refuse ON DELETE and ON UPDATE actions that could not write what they should."""
    assert constraint.references is not None
    reference = constraint.references
    strange = [c for c in reference.cleared if c not in constraint.columns]
    if strange:
        raise CannotApply(f"column {strange[0]!r} in ON DELETE SET action must be part of the foreign key")
    columns = [c for c in map(table.column, constraint.columns) if c is not None]
    if any(c.generated is Generated.VIRTUAL for c in columns):
        raise CannotApply(f"foreign keys on virtual generated columns are not supported: {table.name}")
    writes = reference.on_update in (_WRITING | {"CASCADE"}) or reference.on_delete in _WRITING
    if writes and any(c.generated for c in columns):
        raise CannotApply(f"invalid action for a foreign key of {table.name} that contains a generated column")


def _need_unique(schema: Schema, other: Table, columns: Sequence[str], key: Constraint) -> None:
    for column in columns:
        need_column(schema, other, column)
    if not certain(schema, other):
        return
    if len(set(columns)) < len(columns) or not any(_is_target(other, i, columns, key) for i in other.indexes):
        raise CannotApply(f"no unique constraint of {other.name} matches the foreign key's columns")


def _is_target(other: Table, index: Index, columns: Sequence[str], key: Constraint) -> bool:
    """Say whether a foreign key can rest on an index: unique at once, over exactly these columns."""
    owner = other.constraint(index.constraint) if index.constraint is not None else None
    if owner is not None and (owner.deferrable or owner.period != key.period):
        return False
    plain = index.predicate is None and index.valid and all(k.column is not None for k in index.keys)
    return index.unique and plain and {k.column for k in index.keys} == set(columns)


def _need_comparable(table: Table, columns: Sequence[str], other: Table, far_columns: Sequence[str]) -> None:
    """Refuse a foreign key whose types certainly have no equality: text and integer, numeric that refers to integer."""
    if not far_columns and other.partial:
        return
    if len(columns) != len(far_columns):
        raise CannotApply(f"a foreign key of {table.name} has another number of columns than what it references")
    for near, far in zip(map(table.column, columns), map(other.column, far_columns), strict=True):
        families = {_family(c) for c in (near, far) if c is not None and not c.type.dimensions}
        wider = near is not None and far is not None and _width(near) > _width(far)
        if (len(families) == 2 and None not in families) or (wider and families == {"number"}):
            raise CannotApply(f"foreign key of {table.name} compares {near and near.type} with {far and far.type}")


def need_comparable_keys(schema: Schema, table: Table, column: str) -> None:
    """Refuse a column's new type where a key between two tables then has no equality any more.

    Of a key within one table the same statement may change the other side too.
    """
    near = [(table, c, schema.tables.get(c.references.table)) for c in table.constraints if c.references is not None]
    for mine, key, other in (*near, *((t, c, table) for t, c in schema.referencing(table.name))):
        assert key.references is not None
        far = key.references.columns or (other.primary_key if other is not None else ())
        touched = column in (key.columns if mine is table else far)
        if other is not None and mine.name != other.name and touched and key.local:
            _need_comparable(mine, key.columns, other, far)


def _width(column: Column) -> int:
    """Rank numbers by what they are taken for: a key of integers may refer to numeric, not the other way round."""
    return _WIDTHS.get(column.type.name, 0)


def _family(column: Column) -> str | None:
    return FAMILIES.get(column.type.name)


def drop_foreign_keys_on(
    schema: Schema, table: Table, columns: Sequence[str], *, cascade: bool, constraint: Constraint | None = None
) -> Schema:
    """Drop the foreign keys of other tables that rest on a constraint (or on any of the columns)."""
    if constraint is not None and constraint.kind not in INDEXED:
        return schema
    for other, key in schema.referencing(table.name):
        assert key.references is not None
        far = key.references.columns or table.primary_key
        rests = set(far) == set(columns) if constraint is not None else bool(set(far) & set(columns))
        if rests and constraint is not None and _another_serves(table, constraint, far):
            rests = False
        if not rests or key.name is None:
            continue
        if not cascade and not (other.name == table.name and constraint is None):
            raise CannotApply(f"foreign key {key.name!r} of {other.name} depends on {table.name}")
        schema = without_key(schema, schema.tables[other.name], key)
    return schema


def without_key(schema: Schema, table: Table, key: Constraint) -> Schema:
    """Take a foreign key from a table and from the partitions that have it from there."""
    schema = put(schema, without_constraints(table, [key.name]))
    for child in schema.partitions_of(table.name) if is_partitioned(table) else ():
        for held in child.constraints:
            if not held.local and _same_key(held, key):
                schema = without_key(schema, schema.tables[child.name], held)
    return schema


def _same_key(one: Constraint, two: Constraint) -> bool:
    return one.kind is ConstraintKind.FOREIGN and (one.columns, one.references) == (two.columns, two.references)


def _another_serves(table: Table, dropped: Constraint, far: Sequence[str]) -> bool:
    """Say whether the key was rather made on another constraint: the server prefers the primary key."""
    others = [c for c in table.constraints if c.kind in INDEXED and c != dropped and set(c.columns) == set(far)]
    return bool(others) and dropped.kind is not ConstraintKind.PRIMARY
