"""Choose the recipe for what happens to a constraint that is there, and for a NOT NULL that goes."""

from __future__ import annotations

from migrate_safe.catalog.definition import constraint_definition, index_definition
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Constraint, ConstraintKind, Index, Schema, Table
from migrate_safe.model.statement import (
    AlterConstraint,
    DropConstraint,
    DropNotNull,
    RenameConstraint,
    ValidateConstraint,
)
from migrate_safe.model.values import replace
from migrate_safe.planner.choose_constraints import certainly_defined, refuse_partitions
from migrate_safe.planner.choose_indexes import is_doubled
from migrate_safe.planner.constraints import offending_rows
from migrate_safe.planner.draft import CannotPlan, Outcome, row_keys
from migrate_safe.planner.identifiers import tag
from migrate_safe.planner.null_names import null_name
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.recipes import alter_constraint, rename_constraint, validate_constraint
from migrate_safe.planner.recipes import drop_constraint as drop_recipe
from migrate_safe.planner.recipes import drop_not_null as null_recipe
from migrate_safe.planner.recipes.create_index import duplicates
from migrate_safe.planner.recipes.drop_constraint import remark
from migrate_safe.planner.surroundings import Surroundings

_MORE = "give the database, a dump or the earlier migrations with --schema"


def choose_nullable(operation: Operation, table: Name, action: DropNotNull, around: Surroundings) -> Outcome:
    """Plan DROP NOT NULL."""
    schema = operation.before
    refuse_partitions(schema, table, spreads=True)
    known = schema.table(table)
    column = known.column(action.column) if known is not None else None
    if known is None or column is None:
        raise CannotPlan(f"it is not known whether {quote_ident(action.column)} of {table} is NOT NULL", _MORE)
    return _nullable(schema, known, action.column, around)


def _nullable(schema: Schema, table: Table, column: str, around: Surroundings) -> Outcome:
    _refuse_moved(table, {column}, around)
    word = tag(around.plan, str(table.name), column, "null")
    names = null_name(schema, table, column)
    return null_recipe.DropNotNull(table.name, column, word, row_keys(schema, table.name), names).steps()


def choose_dropped(operation: Operation, table: Name, action: DropConstraint, around: Surroundings) -> Outcome:
    """Plan DROP CONSTRAINT."""
    schema = operation.before
    known, constraint = _constraint(schema, table, action.name)
    refuse_partitions(schema, table, spreads=constraint.kind in (ConstraintKind.CHECK, ConstraintKind.NOT_NULL))
    _refuse_moved(known, _columns(constraint), around)
    if action.cascade and (hanging := _hanging(schema, known, constraint)):
        raise CannotPlan(
            f"CASCADE takes along {', '.join(hanging)}",
            "drop them by statements of their own first, without CASCADE",
        )
    match constraint.kind:
        case ConstraintKind.NOT_NULL:
            return _nullable(schema, known, constraint.columns[0], around)
        case ConstraintKind.PRIMARY | ConstraintKind.UNIQUE:
            return _dropped_key(schema, known, constraint, around)
        case ConstraintKind.EXCLUDE:
            raise CannotPlan(
                f"exclusion constraint {quote_ident(action.name)} could only be added again under a lock that keeps"
                " everybody out",
                "drop it by hand, off-peak, once no app version relies on it",
            )
        case _:
            certainly = certainly_defined(schema, constraint)
            offending = offending_rows(table, certainly, row_keys(schema, table))
            remarks, again = _remarks(table, constraint), _is_replaced(constraint, around, table)
            return drop_recipe.DropConstraint(
                table, certainly, certainly.definition, offending, None, remarks, again
            ).steps()


def _is_replaced(constraint: Constraint, around: Surroundings, table: Name) -> bool:
    """Say whether the migration adds a key over the same columns again, or another constraint of that name."""
    return any(
        new.name == constraint.name or (new.columns == constraint.columns and new.kind is constraint.kind)
        for new in around.constrained.get(table, ())
        if constraint.kind is not ConstraintKind.CHECK
    )


def lift_constraint(schema: Schema, table: Table, constraint: Constraint) -> Outcome:
    """Plan to take away, until purge, a foreign key or unique constraint that goes with a column in the end."""
    if constraint.kind is ConstraintKind.UNIQUE:
        return _dropped_key(schema, table, constraint, None)
    certainly = certainly_defined(schema, constraint)
    offending = offending_rows(table.name, certainly, row_keys(schema, table.name))
    remarks = _remarks(table.name, constraint)
    return drop_recipe.DropConstraint(table.name, certainly, certainly.definition, offending, None, remarks).steps()


def _dropped_key(schema: Schema, table: Table, constraint: Constraint, around: Surroundings | None) -> Outcome:
    index = next((i for i in table.indexes if i.constraint == constraint.name), None)
    if index is None:
        raise CannotPlan(f"the index behind {quote_ident(constraint.name or '')} is not known here", _MORE)
    _refuse_roles(schema, table, constraint, index)
    plain = replace(index, constraint=None)
    return drop_recipe.DropConstraint(
        table.name,
        constraint,
        constraint_definition(constraint),
        duplicates(table.name, plain),
        index_definition(table.name, plain, concurrently=True),
        _remarks(table.name, constraint, index),
        around is not None and _is_replaced(constraint, around, table.name),
        around is not None and constraint.kind is ConstraintKind.UNIQUE and is_doubled(table.name, index, around),
    ).steps()


def _refuse_roles(schema: Schema, table: Table, constraint: Constraint, index: Index) -> None:
    """Raise CannotPlan for a key that does more than refuse duplicates."""
    name = quote_ident(constraint.name or "")
    identity = table.replica_identity == f"index {index.name}"
    published = any(table.name in {t.table for t in p.tables} or p.all_tables for p in schema.publications.values())
    if constraint.period:
        raise CannotPlan(f"{name} (WITHOUT OVERLAPS) could only be added again under a lock", "drop it by hand")
    if identity or (constraint.kind is ConstraintKind.PRIMARY and table.replica_identity == "default" and published):
        raise CannotPlan(
            f"{name} identifies rows for replication: without it UPDATE and DELETE of {table.name} fail",
            "give the table another REPLICA IDENTITY first",
        )
    if table.clustered_on == index.name:
        raise CannotPlan(f"the table is marked CLUSTER ON {name}", "ALTER TABLE ... SET WITHOUT CLUSTER first")


def _hanging(schema: Schema, table: Table, constraint: Constraint) -> tuple[str, ...]:
    """Give the foreign keys that rest on a key."""
    if constraint.kind not in (ConstraintKind.PRIMARY, ConstraintKind.UNIQUE):
        return ()
    return tuple(
        f"foreign key {quote_ident(key.name or '')} of {near.name}"
        for near, key in schema.referencing(table.name)
        if key.references is not None and set(key.references.columns or table.primary_key) == set(constraint.columns)
    )


def choose_renamed(operation: Operation, action: RenameConstraint) -> Outcome:
    """Plan RENAME CONSTRAINT; where its column gets another name too, that comes first."""
    table = operation.before.resolve(action.table)
    refuse_partitions(operation.before, table)
    return rename_constraint.RenameConstraint(table, action.constraint, action.to).steps()


def choose_validated(operation: Operation, table: Name, action: ValidateConstraint, around: Surroundings) -> Outcome:
    """Plan VALIDATE CONSTRAINT; nothing where it is known to be valid."""
    schema = operation.before
    known, constraint = _constraint(schema, table, action.name)
    refuse_partitions(schema, table, spreads=constraint.kind is ConstraintKind.CHECK)
    if constraint.validated:
        return Outcome(touches=(table,))
    _refuse_moved(known, _columns(constraint), around)
    certainly = certainly_defined(schema, constraint)
    offending = offending_rows(table, certainly, row_keys(schema, table))
    drop = f"ALTER TABLE {table} DROP CONSTRAINT {quote_ident(action.name)}"
    if constraint.kind is ConstraintKind.NOT_NULL:
        column = quote_ident(constraint.columns[0])
        query = f"SELECT {row_keys(schema, table)} FROM {table} WHERE {column} IS NULL"
        offending = Requirement(query, f"{table} has rows without {column}: fill them first")
    return validate_constraint.ValidateConstraint(
        table, certainly, certainly.definition, drop, offending, _remarks(table, constraint)
    ).steps()


def choose_altered(operation: Operation, table: Name, action: AlterConstraint, around: Surroundings) -> Outcome:
    """Plan ALTER CONSTRAINT; nothing where it is so already."""
    refuse_partitions(operation.before, table)
    known, before = _constraint(operation.before, table, action.name)
    after = operation.after.tables[table].constraint(action.name)
    assert after is not None, "altered, not dropped"
    if action.enforced is not None or action.no_inherit is not None:
        raise CannotPlan(
            "whether a constraint is enforced or inherited is not changed by plans",
            "drop it and add it again, in two migrations",
        )
    if (before.deferrable, before.deferred) == (after.deferrable, after.deferred):
        return Outcome(touches=(table,))
    _refuse_moved(known, _columns(before), around)
    return alter_constraint.AlterConstraint(table, before, after).steps()


def _constraint(schema: Schema, table: Name, name: str) -> tuple[Table, Constraint]:
    known = schema.table(table)
    constraint = known.constraint(name) if known is not None else None
    if known is None or constraint is None:
        raise CannotPlan(f"what constraint {quote_ident(name)} of {table} says is not known", _MORE)
    return known, constraint


def _refuse_moved(table: Table, columns: set[str], around: Surroundings) -> None:
    """Raise CannotPlan where the same migration renames a column that is meant."""
    renamed = around.renamed.get(table.name, {})
    if columns & {*renamed, *renamed.values()}:
        raise CannotPlan("this migration renames the column that it is about", "do one after the other, in two")


def _columns(constraint: Constraint) -> set[str]:
    inside = constraint.expression.columns if constraint.expression is not None else frozenset()
    return {*constraint.columns, *constraint.include, *inside}


def _remarks(table: Name, constraint: Constraint, index: Index | None = None) -> tuple[str, ...]:
    name = quote_ident(constraint.name or "")
    own = remark("CONSTRAINT", f"{name} ON {table}", constraint.comment)
    return own if index is None else (*own, *remark("INDEX", str(Name(table.schema, index.name or "")), index.comment))
