"""Choose the recipe for a change of a column's type."""

from __future__ import annotations

from migrate_safe.catalog.change import known_type
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Column, Constraint, Schema, Table, TypeName
from migrate_safe.model.statement import AlterType
from migrate_safe.planner.choose_constraints import certainly_defined, refuse_partitions
from migrate_safe.planner.conversions import is_cast
from migrate_safe.planner.draft import CannotPlan, Outcome, row_keys
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.recipes.change_type import ChangeType
from migrate_safe.planner.renames import certain
from migrate_safe.planner.retypes import convert_recipe
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.planner.type_effects import checks_over, effect_of, is_instant, without_checks


def choose_type(operation: Operation, table: Name, action: AlterType, around: Surroundings) -> Outcome:
    """Plan ALTER COLUMN TYPE: in an instant where rows stay as they are, by a second column where not."""
    schema = operation.before
    refuse_partitions(schema, table)
    known = schema.table(table)
    column = known.column(action.column) if known is not None else None
    if known is None or column is None:
        raise CannotPlan(
            f"the type of {quote_ident(action.column)} of {table} is not known",
            "give the database, a dump or the earlier migrations with --schema",
        )
    _refuse_shared(known, column.name, around)
    if table not in around.end.tables:
        raise CannotPlan(f"{table} is dropped or gets another name in this migration", "do one after the other, in two")
    same = action.using is None or is_cast(column.name, action.using.sql)
    if same and known_type(schema, column.type) == known_type(schema, action.type) and schema == operation.after:
        return Outcome(touches=(table,))
    checks = checks_over(known, column.name)
    if is_instant(effect_of(operation.text, without_checks(schema, known, checks))):
        return _instant(operation, known, column, checks, around)
    if around.renamed.get(table):
        raise CannotPlan(f"this migration renames columns of {table} too", "do one after the other, in two")
    return convert_recipe(schema, around, known, action, operation.back).steps()


def _refuse_shared(table: Table, column: str, around: Surroundings) -> None:
    """Raise CannotPlan when an index or constraint is over several columns whose types this migration changes."""
    changed = around.of(around.retyped, table.name)
    shared = [i.name or "" for i in table.indexes if len(i.columns & changed) > 1 and column in i.columns]
    shared += [c.name or "" for c in table.constraints if len(set(c.columns) & changed) > 1 and column in c.columns]
    if shared:
        raise CannotPlan(
            f"{', '.join(map(quote_ident, dict.fromkeys(shared)))} is over several columns that get other types",
            "change one after the other, in two migrations",
        )


def _instant(
    operation: Operation, table: Table, column: Column, checks: tuple[Constraint, ...], around: Surroundings
) -> Outcome:
    schema = operation.before
    left = operation.after.tables[table.name].column(column.name)
    end = around.end.tables[table.name].column(column.name)
    if end is not None and end.default is None and column.default is not None:
        raise CannotPlan(
            "the old app may rely on the default, which this migration drops", "drop it in a migration of its own"
        )
    moved = end is not None and left is not None and end.default != left.default
    after = certain(around.end, end.default) if moved and end is not None else None
    collation = f" COLLATE {column.collation}" if column.collation is not None else ""
    old = f"{known_type(schema, column.type)}{collation}"
    back = f"ALTER TABLE {table.name} ALTER COLUMN {quote_ident(column.name)} TYPE {old}"
    narrows = not is_instant(
        effect_of(back, without_checks(operation.after, operation.after.tables[table.name], checks))
    )
    return ChangeType(
        table.name,
        column.name,
        operation.text,
        old,
        tuple(certainly_defined(schema, c) for c in checks),
        (certain(schema, column.default), after),
        _unheld(schema, table.name, column) if narrows else None,
        narrows,
    ).steps()


def _unheld(schema: Schema, table: Name, column: Column) -> Requirement:
    """Find values that the old type cannot hold as they are."""
    name, old = quote_ident(column.name), known_type(schema, column.type)
    query = f"SELECT {row_keys(schema, table)} FROM {table} WHERE {_too_wide(name, old)}"
    return Requirement(query, f"{table} has values in {name} that {old} cannot hold: shorten them first")


def _too_wide(name: str, old: TypeName) -> str:
    match old.name, old.modifiers:
        case "character varying", (length,):
            return f"length({name}::text) > {length}"
        case "numeric", (precision, *scale):
            digits = scale[0] if scale else 0
            return f"abs({name}) >= 10::numeric ^ {precision - digits} OR {name} <> round({name}, {digits})"
        case _:
            return f"({name}::{old})::text IS DISTINCT FROM {name}::text"
