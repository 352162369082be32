"""Choose the recipe for a column that comes, goes or changes its name."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.change import domain_default, known_type
from migrate_safe.effects.analyse import analyse
from migrate_safe.effects.volatility import volatility
from migrate_safe.model.effect import Effect
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import (
    Constraint,
    ConstraintKind,
    Generated,
    Schema,
    Table,
)
from migrate_safe.model.source import Source
from migrate_safe.model.statement import (
    AddColumn,
    ColumnDef,
    DropColumn,
    RenameColumn,
)
from migrate_safe.model.values import replace
from migrate_safe.planner.choose_constraints import choose_constraint, named, refuse_partitions
from migrate_safe.planner.copies import going_with, without
from migrate_safe.planner.dependents import guard, refuse_dependents
from migrate_safe.planner.draft import CannotPlan, Outcome, row_keys
from migrate_safe.planner.gone import gone_before
from migrate_safe.planner.identifiers import tag
from migrate_safe.planner.keeping import keep_of
from migrate_safe.planner.loosening import loosened
from migrate_safe.planner.null_names import null_name
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.recipes import add_column
from migrate_safe.planner.recipes import add_numbered_column as numbered_recipe
from migrate_safe.planner.recipes import drop_column as drop_recipe
from migrate_safe.planner.renames import certain, rename_recipe
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.sql.parse import parse_script
from migrate_safe.sql.recompose import bare_column, without_default


def choose_add(operation: Operation, table: Name, action: AddColumn, around: Surroundings) -> Outcome:
    """Plan ADD COLUMN with all that stands in its definition."""
    definition, schema = action.definition, operation.before
    column = definition.column
    _refuse_definition(definition)
    if _is_numbered(definition):
        return _numbered(operation, table, definition, around)
    statement = bare_column(operation.text)
    default = certain(schema, column.default)
    volatile = column.default is not None and column.generated is None and volatility(schema, column.default).volatile
    bare = without_default(statement) if volatile else None
    effect = _effect(bare or statement, schema)
    if effect.rewrites or effect.scans:
        raise CannotPlan(
            f"adding {quote_ident(column.name)} would read or write the whole table under an exclusive lock",
            "add it with a plain type and without what has to be computed for old rows",
        )
    given = column.default or domain_default(schema, column.type)
    typed = replace(column, type=known_type(schema, column.type), default=given)
    word = tag(around.plan, str(table), column.name)
    keys = row_keys(schema, table)
    known = schema.table(table)
    keep = keep_of(known, (column.name,), word) if bare is not None and known is not None else None
    made = add_column.AddColumn(table, typed, statement, word, keys, bare, default, keep).steps()
    inline = [choose_constraint(operation, table, c, around) for c in _inline(operation, table, definition)]
    drafts = (*made.drafts, *(d for o in inline for d in o.drafts))
    return Outcome(drafts, made.summary, (), (table, *(t for o in inline for t in o.touches)))


def _is_numbered(definition: ColumnDef) -> bool:
    return definition.serial or definition.column.identity is not None


def _numbered(operation: Operation, table: Name, definition: ColumnDef, around: Surroundings) -> Outcome:
    """Plan a serial or identity column, also as the primary key."""
    refuse_partitions(operation.before, table)
    name = definition.column.name
    made = operation.after.tables[table].column(name)
    sequence = next((s for s in operation.after.sequences.values() if s.owner == (table, name)), None)
    if made is None or sequence is None:
        raise CannotPlan(f"the sequence of {quote_ident(name)} is not known", "create it by a statement of its own")
    word, keys = tag(around.plan, str(table), name), row_keys(operation.before, table)
    proven = frozenset({name})
    inline = [choose_constraint(operation, table, c, around, proven) for c in _inline(operation, table, definition)]
    known = operation.before.table(table)
    keep = keep_of(known, (name,), word) if known is not None else None
    writers = () if known is None else _writers(known)
    column = numbered_recipe.AddNumberedColumn(table, made, sequence, word, keys, keep, writers).steps()
    drafts = (*column.drafts, *(d for o in inline for d in o.drafts))
    return replace(column, drafts=drafts, touches=(table, *(t for o in inline for t in o.touches)))


def _writers(table: Table) -> tuple[str, ...]:
    """Name the roles that may insert into a table, into some columns at least."""
    whole = {g.role for g in table.grants if g.privilege == "INSERT"}
    return tuple(sorted(whole | {g.role for c in table.columns for g in c.grants if g.privilege == "INSERT"}))


def _refuse_definition(definition: ColumnDef) -> None:
    column, name = definition.column, quote_ident(definition.column.name)
    if column.generated is Generated.STORED:
        raise CannotPlan(
            f"a stored generated column {name} writes every row anew",
            "add a plain column that a trigger fills, or a VIRTUAL one from PostgreSQL 18 on",
        )
    if any(c.kind is ConstraintKind.EXCLUDE for c in definition.constraints):
        raise CannotPlan(f"column {name} cannot come with such a key", "add the column first")
    if _is_numbered(definition):
        return
    if any(c.kind is ConstraintKind.PRIMARY for c in definition.constraints):
        raise CannotPlan(f"column {name} cannot be such a key before its rows have values", "add the column first")
    if column.not_null and column.default is None and column.generated is None:
        raise CannotPlan(
            f"rows that exist, and inserts of the old app, have no value for {name}",
            "give it a DEFAULT, or add it without NOT NULL and SET NOT NULL in a later migration",
        )


def _inline(operation: Operation, table: Name, definition: ColumnDef) -> Iterator[Constraint]:
    """Give the constraints of a new column under the names that the server chooses."""
    for constraint in definition.constraints:
        if constraint.kind is not ConstraintKind.NOT_NULL:
            yield named(operation, table, constraint)


def _effect(text: str, schema: Schema) -> Effect:
    return analyse(parse_script(Source("<plan>", text)), schema)[0].effect


def choose_drop(operation: Operation, table: Name, action: DropColumn, around: Surroundings) -> Outcome:
    """Plan DROP COLUMN."""
    schema = operation.before
    known = schema.table(table)
    column = known.column(action.column) if known is not None else None
    if known is None or column is None:
        raise CannotPlan(
            f"{quote_ident(action.column)} of {table} is not known",
            "give the database, a dump or the earlier migrations with --schema",
        )
    refuse_dependents(schema, known, (column.name,), keeps_data=False)
    constraints = [c.name or "" for c in known.constraints if column.name in c.columns or _checks(c, column.name)]
    indexes = [i.name or "" for i in known.indexes if column.name in i.columns]
    gone = gone_before(around.start, schema, around.plan)
    word = tag(around.plan, str(table), column.name)
    return drop_recipe.DropColumn(
        table,
        column,
        word,
        row_keys(schema, table),
        guard(table, (column.name,), constraints, indexes, gone=gone, keeps_data=False),
        null_name(schema, known, column.name),
        loosened(schema, known, column),
    ).steps()


def _checks(constraint: Constraint, column: str) -> bool:
    return constraint.expression is not None and column in constraint.expression.columns


def choose_rename(operation: Operation, action: RenameColumn, around: Surroundings) -> Outcome:
    """Plan all renames of a table at the first of them."""
    table = operation.before.resolve(action.table)
    renames = around.renamed[table]
    if next(iter(renames)) != action.column:
        return Outcome()
    known = operation.before.table(table)
    if known is None:
        raise CannotPlan(
            f"the columns of {table} are not known",
            "give the database, a dump or the earlier migrations with --schema",
        )
    start = around.start.table(table) or known  # where the drop comes first, they are gone from `known`
    going = going_with(start, renames, around.of(around.dropped, table))
    recipe = rename_recipe(operation.before, without(known, going), renames, around.plan)
    gone = gone_before(around.start, operation.before, around.plan)
    return replace(recipe, going=tuple(x.name or "" for x in going), gone=gone).steps()
