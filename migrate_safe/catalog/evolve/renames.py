"""New names for tables, columns, constraints, indexes, views and sequences, and everything that follows them."""

from __future__ import annotations

from collections.abc import Mapping

from migrate_safe.catalog.change import (
    SYSTEM_COLUMNS,
    CannotApply,
    certain,
    family,
    need_column,
    put,
    target,
    without_table,
)
from migrate_safe.catalog.evolve.column_rules import refuse_typed
from migrate_safe.catalog.evolve.columns import refuse_inherited, refuse_many_parents
from migrate_safe.catalog.evolve.following import programs_follow
from migrate_safe.catalog.evolve.inheritance import handed_constraint
from migrate_safe.catalog.evolve.not_null import defined
from migrate_safe.catalog.evolve.sequences import moved_sequence
from migrate_safe.catalog.evolve.views import column_renamed, relation_renamed, rename_view_column
from migrate_safe.catalog.guesses import NO_TABLES
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.stored_views import as_tables, as_views
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name
from migrate_safe.model.schema import (
    Column,
    Constraint,
    ConstraintKind,
    Expr,
    Index,
    IndexKey,
    Policy,
    Reference,
    Rule,
    Schema,
    Sequence,
    Table,
    TableKind,
    Trigger,
)
from migrate_safe.model.statement import RenameColumn, RenameConstraint, RenameTable, SetSchema
from migrate_safe.model.values import replace
from migrate_safe.sql.rewrite import rename_columns


def rename_table(schema: Schema, action: RenameTable) -> Schema:
    """Rename a table, index, view or sequence; PostgreSQL lets ALTER TABLE rename any of them.

    Of a view, index or sequence that is not known nothing is known afterwards.
    """
    full = schema.resolve(action.table)
    _refuse_other_kinds(schema, full, action.object)
    if _is_unseen(schema, full, action):
        return _unseen_moved(schema, full, Name(full.schema, action.to))
    return move(schema, full, Name(full.schema, action.to), if_exists=action.if_exists)


def set_schema(schema: Schema, action: SetSchema) -> Schema:
    """Move a table (with its indexes and owned sequences), view or sequence to another schema."""
    full = schema.resolve(action.table)
    _refuse_other_kinds(schema, full, action.object)
    new = Name(action.to, full.name)
    if _is_unseen(schema, full, action):
        return _unseen_moved(schema, full, new)
    if full in schema.sequences and schema.sequences[full].owner is not None:
        raise CannotApply(f"sequence {full} is owned by a column and moves with its table")
    if new == full and relation_exists(schema, full):
        return schema
    if schema.index_table(full) is not None:
        raise CannotApply(f"cannot change schema of index {full}: change that of its table")
    table = schema.tables.get(full)
    for index in table.indexes if table is not None and not relation_exists(schema, new) else ():
        if index.name is not None and relation_exists(schema, Name(action.to, index.name)):
            raise CannotApply(f"relation {index.name!r} already exists in schema {action.to!r}")
    return move(schema, full, new, if_exists=action.if_exists)


def _is_unseen(schema: Schema, name: Name, action: RenameTable | SetSchema) -> bool:
    """Say whether what is said to be no table is not known, and may be there or need not be."""
    if action.object not in NO_TABLES or relation_exists(schema, name):
        return False
    return not schema.complete or (action.object == "index" and action.if_exists)


def _unseen_moved(schema: Schema, old: Name, new: Name) -> Schema:
    if relation_exists(schema, new):
        raise CannotApply(f"relation {new} already exists")
    return replace(schema, absent=(schema.absent | {old}) - {new})


def _refuse_other_kinds(schema: Schema, name: Name, kind: str) -> None:
    """Refuse ALTER VIEW and the like on relations of another kind; ALTER TABLE takes them all."""
    view = schema.views.get(name)
    held = {
        "view": view is not None and not view.materialized,
        "materialized view": view is not None and view.materialized,
        "sequence": name in schema.sequences,
        "foreign table": name in schema.tables and schema.tables[name].kind is TableKind.FOREIGN,
    }
    if kind in held and relation_exists(schema, name) and not held[kind]:
        raise CannotApply(f"{name} is not a {kind}")


def move(schema: Schema, old: Name, new: Name, *, if_exists: bool = False) -> Schema:
    """Give a relation another qualified name."""
    if if_exists and schema.complete and not relation_exists(schema, old):
        return schema
    if relation_exists(schema, new) and (relation_exists(schema, old) or not schema.complete):
        raise CannotApply(f"relation {new} already exists")
    if old in schema.views:
        view = replace(schema.views[old], name=new)
        views = {n: v for n, v in schema.views.items() if n != old}
        return programs_follow(relation_renamed(replace(schema, views={**views, new: view}), old, new), old, new)
    if old in schema.sequences:
        schema = moved_sequence(schema, old, new)
        sequence = replace(schema.sequences[old], name=new)
        rest = {n: s for n, s in schema.sequences.items() if n != old}
        return replace(schema, sequences={**rest, new: sequence})
    stored = schema.index_view(old)
    if stored is not None:
        inside = as_tables(schema)
        return as_views(schema, _rename_index(inside, inside.tables[stored.name], old.name, new.name))
    carrier = schema.index_table(old)
    if carrier is not None:
        return _rename_index(schema, carrier, old.name, new.name)
    table = target(schema, old, if_exists=if_exists)
    return schema if table is None else _move_table(put(schema, table), table, new)


def _rename_index(schema: Schema, table: Table, old: str, new: str) -> Schema:
    """Rename an index and the constraint that owns it."""
    owner = next((i.constraint for i in table.indexes if i.name == old), None)
    if owner is not None and table.constraint(new) is not None:
        raise CannotApply(f"constraint {new!r} of {table.name} already exists")
    schema = put(schema, _index_renamed(table, old, new, owner))
    return _parts_following(schema, {Name(table.name.schema, old): Name(table.name.schema, new)})


def _parts_following(schema: Schema, moved: Mapping[Name, Name]) -> Schema:
    """Let the parts of partitioned indexes follow an index that got another name."""
    for table in schema.tables.values():
        if any(i.parent in moved for i in table.indexes):
            changed = (replace(i, parent=moved.get(i.parent, i.parent)) if i.parent else i for i in table.indexes)
            schema = put(schema, replace(table, indexes=tuple(changed)))
    return schema


def _index_renamed(table: Table, old: str, new: str, owner: str | None) -> Table:
    indexes = tuple(
        replace(i, name=new, constraint=new if owner is not None else None) if i.name == old else i
        for i in table.indexes
    )
    constraints = tuple(replace(c, name=new) if owner is not None and c.name == owner else c for c in table.constraints)
    return replace(table, indexes=indexes, constraints=constraints)


def _move_table(schema: Schema, table: Table, new: Name) -> Schema:
    old = table.name
    schema = put(without_table(schema, old), replace(table, name=new))
    schema = _parts_following(
        schema, {Name(old.schema, i.name): Name(new.schema, i.name) for i in table.indexes if i.name}
    )
    tables = {n: _following_table(t, old, new) for n, t in schema.tables.items()}
    sequences = dict(_following_sequence(s, old, new) for s in schema.sequences.values())
    schema = relation_renamed(replace(schema, tables=tables, sequences=sequences), old, new)
    return programs_follow(schema, old, new)


def _following_table(table: Table, old: Name, new: Name) -> Table:
    """Let foreign keys and children follow a table that moved."""
    if old in table.parents:
        table = replace(table, parents=tuple(new if p == old else p for p in table.parents))
    if not any(c.references is not None and c.references.table == old for c in table.constraints):
        return table
    changed = [
        defined(replace(c, references=replace(c.references, table=new)))
        if c.references is not None and c.references.table == old
        else c
        for c in table.constraints
    ]
    return replace(table, constraints=tuple(changed))


def _following_sequence(sequence: Sequence, old: Name, new: Name) -> tuple[Name, Sequence]:
    """Let an owned sequence follow its table, into another schema too."""
    if sequence.owner is None or sequence.owner[0] != old:
        return sequence.name, sequence
    name = Name(new.schema, sequence.name.name)
    return name, replace(sequence, name=name, owner=(new, sequence.owner[1]))


def rename_constraint(schema: Schema, action: RenameConstraint) -> Schema:
    """Rename a constraint, its index, and what children inherited of it."""
    table = target(schema, action.table, if_exists=action.if_exists)
    if table is None:
        return schema
    known = table.constraint(action.constraint)
    if known is None:
        if certain(schema, table):
            raise CannotApply(f"constraint {action.constraint!r} of {table.name} does not exist")
        return put(schema, table)
    if table.constraint(action.to) is not None:
        raise CannotApply(f"constraint {action.to!r} of {table.name} already exists")
    index = next((i for i in table.indexes if i.constraint == known.name), None)
    if index is not None and index.name is not None:
        if relation_exists(schema, Name(table.name.schema, action.to)):
            raise CannotApply(f"relation {action.to!r} already exists")
        return _rename_index(schema, table, index.name, action.to)
    return _constraint_renamed(schema, table, known, action)


def _constraint_renamed(schema: Schema, table: Table, known: Constraint, action: RenameConstraint) -> Schema:
    """Rename a constraint that has no index; children have CHECK and NOT NULL under the parent's name."""
    handed = known.kind in (ConstraintKind.CHECK, ConstraintKind.NOT_NULL) and not known.no_inherit
    if handed and handed_constraint(schema, table, known):
        raise CannotApply(f"cannot rename inherited constraint {known.name!r} of {table.name}")
    if handed and action.only and schema.partitions_of(table.name):
        raise CannotApply(f"inherited constraint {known.name!r} must be renamed in the children of {table.name} too")
    members = family(schema, table, only=not handed)
    _refuse_foreign_parents(schema, members, known)
    for member in members:
        if known.kind is ConstraintKind.NOT_NULL and member.constraint(known.name or "") is None:
            raise CannotApply(f"constraint {known.name!r} of {member.name} does not exist")
        if member.name != table.name and member.constraint(action.to) is not None:
            raise CannotApply(f"constraint {action.to!r} of {member.name} already exists")
        renamed = tuple(
            replace(c, name=action.to) if c.name == known.name and c.kind is known.kind else c
            for c in member.constraints
        )
        schema = put(schema, replace(member, constraints=renamed))
    return schema


def _refuse_foreign_parents(schema: Schema, members: tuple[Table, ...], known: Constraint) -> None:
    """Refuse a rename in a child that has the constraint from a parent outside the family as well."""
    inside = {m.name for m in members}
    for member in members[1:]:
        outside = replace(member, parents=tuple(p for p in member.parents if p not in inside))
        held = member.constraint(known.name or "")
        if held is not None and handed_constraint(schema, outside, held):
            raise CannotApply(f"cannot rename inherited constraint {known.name!r} of {member.name}")


def rename_column(schema: Schema, action: RenameColumn) -> Schema:
    """Rename a column everywhere: constraints, indexes, expressions, triggers, views, foreign keys, children."""
    full = schema.resolve(action.table)
    if full in schema.views:
        schema = rename_view_column(schema, action)
        view = schema.views[full]
        indexes = tuple(_index(i, {action.column: action.to}) for i in view.indexes)
        return replace(schema, views={**schema.views, full: replace(view, indexes=indexes)})
    table = target(schema, action.table, if_exists=action.if_exists)
    if table is None:
        return schema
    if action.column in SYSTEM_COLUMNS:
        raise CannotApply(f"cannot rename system column {action.column!r}")
    need_column(schema, table, action.column)
    refuse_inherited(schema, table, action.column)
    if action.only and schema.partitions_of(table.name):
        raise CannotApply(f"inherited column {action.column!r} must be renamed in the children of {table.name} too")
    refuse_typed(table, "rename a column of")
    refuse_many_parents(schema, table, action.column)
    renames = {action.column: action.to}
    for member in family(schema, table):
        if action.to in SYSTEM_COLUMNS:
            raise CannotApply(f"column name {action.to!r} conflicts with a system column name")
        if member.column(action.to) is not None:
            raise CannotApply(f"column {action.to!r} of {member.name} already exists")
        schema = put(schema, renamed_in_table(member, renames))
        schema = column_renamed(schema, member.name, action.column, action.to)
        tables = {n: _far_side_renamed(t, member.name, renames) for n, t in schema.tables.items()}
        schema = replace(schema, tables=tables)
    owner, moved = (table.name, action.column), (table.name, action.to)
    sequences = {n: replace(s, owner=moved) if s.owner == owner else s for n, s in schema.sequences.items()}
    return replace(schema, sequences=sequences)


def renamed_in_table(table: Table, renames: Mapping[str, str]) -> Table:
    """Rename columns in all parts of one table."""
    return replace(
        table,
        columns=tuple(_column(c, renames) for c in table.columns),
        constraints=tuple(_constraint(c, renames) for c in table.constraints),
        indexes=tuple(_index(i, renames) for i in table.indexes),
        triggers=tuple(_trigger(t, renames) for t in table.triggers),
        policies=tuple(_policy(p, renames) for p in table.policies),
        rules=tuple(_rule(r, renames) for r in table.rules),
        partition_key=_partition_key(table.partition_key, renames),
    )


def _far_side_renamed(table: Table, referenced: Name, renames: Mapping[str, str]) -> Table:
    if not any(c.references is not None and c.references.table == referenced for c in table.constraints):
        return table
    changed = [
        defined(replace(c, references=replace(c.references, columns=_names(c.references.columns, renames))))
        if c.references is not None and c.references.table == referenced
        else c
        for c in table.constraints
    ]
    return replace(table, constraints=tuple(changed))


def _names(names: tuple[str, ...], renames: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(renames.get(n, n) for n in names)


def _expression(expression: Expr | None, renames: Mapping[str, str]) -> Expr | None:
    if expression is None or not expression.columns & set(renames):
        return expression
    columns = frozenset(renames.get(c, c) for c in expression.columns)
    return replace(expression, sql=_text(expression.sql, renames), columns=columns)


def _column(column: Column, renames: Mapping[str, str]) -> Column:
    name = renames.get(column.name, column.name)
    return replace(column, name=name, default=_expression(column.default, renames))


def _constraint(constraint: Constraint, renames: Mapping[str, str]) -> Constraint:
    changed = replace(
        constraint,
        columns=_names(constraint.columns, renames),
        include=_names(constraint.include, renames),
        expression=_expression(constraint.expression, renames),
        references=_cleared(constraint.references, renames),
    )
    return constraint if changed == constraint else defined(changed)


def _trigger(trigger: Trigger, renames: Mapping[str, str]) -> Trigger:
    condition = _expression(trigger.condition, renames)
    return replace(trigger, columns=_names(trigger.columns, renames), condition=condition)


def _policy(policy: Policy, renames: Mapping[str, str]) -> Policy:
    return replace(policy, using=_expression(policy.using, renames), check=_expression(policy.check, renames))


def _rule(rule: Rule, renames: Mapping[str, str]) -> Rule:
    columns = rule.columns | {new for old, new in renames.items() if old in rule.columns}
    return replace(rule, condition=_expression(rule.condition, renames), columns=columns)


def _cleared(reference: Reference | None, renames: Mapping[str, str]) -> Reference | None:
    """Rename the columns of this table that ON DELETE SET NULL names."""
    return replace(reference, cleared=_names(reference.cleared, renames)) if reference is not None else None


def _index(index: Index, renames: Mapping[str, str]) -> Index:
    return replace(
        index,
        keys=tuple(_index_key(k, renames) for k in index.keys),
        include=_names(index.include, renames),
        predicate=_expression(index.predicate, renames),
    )


def _index_key(key: IndexKey, renames: Mapping[str, str]) -> IndexKey:
    column = renames.get(key.column, key.column) if key.column is not None else None
    return replace(key, column=column, expression=_expression(key.expression, renames))


def _partition_key(text: str | None, renames: Mapping[str, str]) -> str | None:
    """Rename columns in `RANGE (a, lower(b))`."""
    if text is None:
        return None
    strategy, _, rest = text.partition("(")
    return strategy + _text(f"ROW({rest}", renames).removeprefix("ROW")


def _text(expression: str, renames: Mapping[str, str]) -> str:
    """Rename columns in an expression; text that cannot be read stays as it is."""
    try:
        return rename_columns(expression, renames)
    except UsageError:
        return expression
