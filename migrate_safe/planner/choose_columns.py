"""Choose the recipe for a column that comes, goes or changes its name."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.change import domain_default, known_type
from migrate_safe.effects.analyse import analyse
from migrate_safe.effects.volatility import volatility
from migrate_safe.model.effect import Effect
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import (
    Column,
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
from migrate_safe.planner.choose_constraints import choose_constraint, choose_not_null, named, refuse_partitions
from migrate_safe.planner.choose_existing import lift_constraint
from migrate_safe.planner.copies import going_with, without
from migrate_safe.planner.dependents import guard, refuse_dependents
from migrate_safe.planner.draft import CannotPlan, Draft, Outcome, Rank, row_keys
from migrate_safe.planner.gone import gone_before
from migrate_safe.planner.identifiers import tag
from migrate_safe.planner.keeping import keep_of
from migrate_safe.planner.loosening import Lifted, lifted
from migrate_safe.planner.null_names import null_name
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.programs import named_in
from migrate_safe.planner.recipes import add_column, drop_index
from migrate_safe.planner.recipes import add_numbered_column as numbered_recipe
from migrate_safe.planner.recipes import drop_column as drop_recipe
from migrate_safe.planner.renames import certain, rename_recipe
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.sql.parse import parse_script
from migrate_safe.sql.recompose import bare_column, without_default

_NAMED_NOT_NULL = 18
"""From this major version on NOT NULL has a name."""


def choose_add(operation: Operation, table: Name, action: AddColumn, around: Surroundings) -> Outcome:
    """Plan ADD COLUMN with all that stands in its definition."""
    definition, schema = action.definition, operation.before
    column = definition.column
    _refuse_definition(definition)
    if _is_numbered(definition):
        return _numbered(operation, table, definition, around)
    given = column.default or domain_default(schema, column.type)
    required = column.not_null and given is None and column.generated is None
    statement = bare_column(operation.text)
    statement = without_default(statement) if required else statement
    default = certain(schema, column.default)
    volatile = column.default is not None and column.generated is None and volatility(schema, column.default).volatile
    bare = without_default(statement) if volatile else None
    effect = _effect(bare or statement, schema)
    if effect.rewrites or effect.scans:
        raise CannotPlan(
            f"adding {quote_ident(column.name)} would read or write the whole table under an exclusive lock",
            "add it with a plain type and without what has to be computed for old rows",
        )
    typed = replace(column, type=known_type(schema, column.type), default=given)
    word = tag(around.plan, str(table), column.name)
    keys = row_keys(schema, table)
    known = schema.table(table)
    keep = keep_of(known, (column.name,), word) if bare is not None and known is not None else None
    made = add_column.AddColumn(table, typed, statement, word, keys, bare, default, keep).steps()
    inline = [choose_constraint(operation, table, c, around) for c in _inline(operation, table, definition)]
    inline += [_given_later(operation, table, definition, around)] if required else []
    former = around.start.tables[table].column(column.name) if table in around.start.tables else None
    if former is not None:
        made = _again(made, table, former, around.end, plain=bare is None and not required)
    drafts = (*made.drafts, *(d for o in inline for d in o.drafts))
    notes = (*made.notes, *(n for o in inline for n in o.notes))
    return Outcome(drafts, made.summary, notes, (table, *(t for o in inline for t in o.touches)))


def _again(made: Outcome, table: Name, former: Column, end: Schema, *, plain: bool) -> Outcome:
    """Let a column come once the one that the migration drops under its name is out of sight. Raises CannotPlan."""
    name = quote_ident(former.name)
    if not plain:
        raise CannotPlan(
            f"{name} of {table} goes and comes under one name, and no row would have a value of the new one in time",
            "give it a constant DEFAULT, or another name; or keep the values: ALTER COLUMN ... TYPE ... USING",
        )
    readers = [str(v.name) for v in end.views.values() if table in v.relations and former.name in v.columns]
    left = end.tables[table]
    readers += [p.name for p in left.policies if former.name in named_in(p)]
    readers += [t.name for t in left.triggers if former.name in {*t.columns, *named_in(t)}]
    if readers:
        raise CannotPlan(
            f"{name} of {table} goes and comes under one name, and {', '.join(readers)} would be of the one that goes",
            "give the new column another name",
        )
    note = (
        f"{table}: {name} is the old one, with its values, until contract, and a new one without them from then on: the"
        " new app must work with both; purge drops the old values"
    )
    rank = Rank.ENFORCE
    late = (replace(d.step, id=f"{rank.phase}.{d.step.id.partition('.')[2]}", phase=rank.phase) for d in made.drafts)
    return replace(made, drafts=tuple(Draft(rank, step) for step in late), notes=(note,))


def _given_later(operation: Operation, table: Name, definition: ColumnDef, around: Surroundings) -> Outcome:
    """Plan the NOT NULL of a column without default: once rows that nobody gave a value have one."""
    column = definition.column.name
    refuse_partitions(operation.before, table, spreads=True)
    named = (c for c in definition.constraints if c.kind is ConstraintKind.NOT_NULL and c.name is not None)
    wish = next(named, None) if operation.before.server_version >= _NAMED_NOT_NULL else None
    made = choose_not_null(operation, table, column, around, wish)
    note = (
        f"{table}: old rows, and those that the old app inserts, have no {quote_ident(column)}: the new app must bear"
        " that, and give them one before contract, which asks first; or say it with DEFAULT"
    )
    return replace(made, notes=(*made.notes, note))


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
            "add a plain column that a trigger fills, or a VIRTUAL one from PostgreSQL 18 on; or, where the table is"
            f" small: -- migrate-safe: undo ALTER TABLE ... DROP COLUMN {name}",
        )
    if any(c.kind is ConstraintKind.EXCLUDE for c in definition.constraints):
        raise CannotPlan(f"column {name} cannot come with such a key", "add the column first")
    if _is_numbered(definition):
        return
    if any(c.kind is ConstraintKind.PRIMARY for c in definition.constraints):
        raise CannotPlan(f"column {name} cannot be such a key before its rows have values", "add the column first")


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
    start = _before_renames(around.start, known)
    lift = lifted(schema, start, column, around.of(around.dropped, table))
    _refuse_shared(start, lift, around)
    late = [lift_constraint(schema, start, c) for c in lift.late]
    late += [drop_index.DropIndex(table, i, tag(around.plan, str(table), i.name or "")).steps() for i in lift.indexes]
    made = drop_recipe.DropColumn(
        table,
        column,
        word,
        row_keys(schema, table),
        guard(table, (column.name,), constraints, indexes, gone=gone, keeps_data=False),
        null_name(schema, known, column.name),
        lift.early,
        replaced=table in around.end.tables and around.end.tables[table].column(column.name) is not None,
    ).steps()
    drafts, notes = (d for o in late for d in o.drafts), (n for o in late for n in o.notes)
    return replace(
        made,
        drafts=(*drafts, *made.drafts),
        notes=(*made.notes, *notes),
        touches=tuple(dict.fromkeys((*made.touches, *(t for o in late for t in o.touches)))),
    )


def _before_renames(start: Schema, table: Table) -> Table:
    """Give a table with the constraints and indexes that it still has, as they were before the migration."""
    former = start.table(table.name)
    if former is None:
        return table
    return replace(
        table,
        constraints=tuple(former.constraint(c.name or "") or c for c in table.constraints),
        indexes=tuple(former.index(i.name or "") or i for i in table.indexes),
    )


def _refuse_shared(table: Table, lift: Lifted, around: Surroundings) -> None:
    """Raise CannotPlan where another column of what is lifted gets another type by a copy of it."""
    moved = around.of(around.converted, table.name)
    shared = [c.name or "" for c in (*lift.early, *lift.late) if moved & {*c.columns, *_named_by(c)}]
    shared += [i.name or "" for i in lift.indexes if moved & i.columns]
    if shared:
        raise CannotPlan(
            f"{', '.join(map(quote_ident, shared))} is over a column that gets another type, and one that goes",
            "do one after the other, in two migrations",
        )


def _named_by(constraint: Constraint) -> frozenset[str]:
    """Give the columns that the expression of a constraint names."""
    return constraint.expression.columns if constraint.expression is not None else frozenset()


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
