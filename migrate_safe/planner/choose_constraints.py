"""Choose the recipe for a constraint, a NOT NULL or an index."""

from __future__ import annotations

from migrate_safe.catalog.definition import constraint_definition, index_definition
from migrate_safe.catalog.stored_views import as_tables
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import (
    Constraint,
    ConstraintKind,
    Index,
    Schema,
    TableKind,
)
from migrate_safe.model.statement import (
    CreateIndex,
)
from migrate_safe.model.values import replace
from migrate_safe.planner.choose_indexes import choose_partitioned
from migrate_safe.planner.constraints import Held, hold
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank, row_keys
from migrate_safe.planner.failing import may_fail
from migrate_safe.planner.identifiers import copied, tag
from migrate_safe.planner.old_rows import index_kept_by_old_rows, is_given, kept_by_old_rows
from migrate_safe.planner.operations import Operation, resolver
from migrate_safe.planner.recipes import (
    add_check,
    add_foreign_key,
    add_partitioned_key,
    add_primary_key,
    add_unique,
    create_index,
)
from migrate_safe.planner.recipes import set_not_null as not_null_recipe
from migrate_safe.planner.stored import full_rank
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.sql.recompose import Resolve, Thing, index_statement, qualified

_NOT_VALID_ON_PARTITIONED = 18
"""From this major version on a partitioned table can have a foreign key that is NOT VALID."""

_NOT_NULL_IS_LOCAL = 18
"""From this major version on a primary key makes the NOT NULL constraint of a partition its own."""

NEW_COLUMN = "the old app does not know the column, and what its rows hold there keeps it"
_UNREAD = "the old app does not know the materialized view"


def refuse_partitions(schema: Schema, table: Name, *, spreads: bool = False) -> None:
    """Raise CannotPlan for a table whose partitions or children every step would lock with it.

    What `spreads` to partitions that are all known, each step being an instant on them or blocking nobody, may.
    """
    known = schema.table(table)
    if spreads and schema.complete and known is not None and known.kind is TableKind.PARTITIONED:
        return
    if spreads and known is not None and known.kind is TableKind.PARTITIONED:
        raise CannotPlan(f"files do not tell all partitions of {table}", "plan with --schema DSN, which knows them")
    if known is not None and known.kind is not TableKind.TABLE:
        raise CannotPlan(f"{table} is a {known.kind}: no step of this kind spares its partitions", "run it by hand")
    if known is not None and schema.partitions_of(table):
        raise CannotPlan(f"other tables inherit from {table}, and would all be locked with it", "run it by hand")


def choose_not_null(
    operation: Operation, table: Name, column: str, around: Surroundings, wish: Constraint | None = None
) -> Outcome:
    """Plan SET NOT NULL, or the NOT NULL that ADD CONSTRAINT wishes; nothing where the column is known to be so."""
    known = operation.before.table(table)
    present = known.column(column) if known is not None else None
    if present is not None and present.not_null:
        return Outcome(touches=(table,))
    kept = operation.kept or ("the old app's inserts give it its default" if is_given(around, table, column) else None)
    word = tag(around.plan, str(table), column)
    keys = row_keys(operation.before, table)
    if wish is None:
        return not_null_recipe.SetNotNull(table, column, word, keys, kept).steps()
    name = quote_ident(wish.name or "")
    if not wish.validated:
        why = kept or "the old app may write NULL, so it comes after the old app is gone"
        held = Held(table, wish.name or "", constraint_definition(replace(wish, validated=True)), validated=False)
        rank = Rank.ENFORCE if kept is None else Rank.HOLD
        return Outcome(hold(held, rank, why), f"add NOT NULL {name} to {table}", (), (table,))
    declared = f"CONSTRAINT {name} {constraint_definition(wish)}"
    return not_null_recipe.SetNotNull(table, column, word, keys, kept, declared).steps()


def choose_constraint(
    operation: Operation,
    table: Name,
    constraint: Constraint,
    around: Surroundings,
    proven: frozenset[str] = frozenset(),
) -> Outcome:
    """Plan a constraint that has its final name; `proven` are columns that other steps make NOT NULL before."""
    schema = operation.before
    columns = set(constraint.columns) | (constraint.expression.columns if constraint.expression else set())
    taken = around.start.index_table(Name(table.schema, constraint.name or "")) is not None
    new = bool(columns) and columns <= around.of(around.added, table) and not taken
    fits = new and kept_by_old_rows(constraint, operation.after.table(table), around, table)
    kept = operation.kept or (NEW_COLUMN if fits else None)
    keys = row_keys(schema, table)
    match constraint.kind:
        case ConstraintKind.CHECK:
            return add_check.AddCheck(table, _certain_check(schema, constraint), keys, kept).steps()
        case ConstraintKind.FOREIGN:
            leaves = _leaves(schema, table) if schema.server_version < _NOT_VALID_ON_PARTITIONED else ()
            return add_foreign_key.AddForeignKey(table, _certain_key(schema, constraint), keys, kept, leaves).steps()
        case ConstraintKind.UNIQUE:
            return _unique(operation, table, constraint, kept)
        case ConstraintKind.PRIMARY:
            return _primary(operation, table, constraint, kept, around, proven)
        case ConstraintKind.NOT_NULL:
            return choose_not_null(operation, table, constraint.columns[0], around, constraint)
        case ConstraintKind.EXCLUDE:
            raise CannotPlan(
                "an exclusion constraint can only be added under a lock that keeps all out while its index is built",
                "on a small table let it run as it stands, below -- migrate-safe: undo ALTER TABLE ... DROP CONSTRAINT;"
                " else build a new table with it, and let the app move there",
            )


def spreads(constraint: Constraint) -> bool:
    """Say whether a constraint can be added to and taken from all partitions of a table at once."""
    return constraint.kind is not ConstraintKind.EXCLUDE


def _leaves(schema: Schema, table: Name) -> tuple[Name, ...]:
    """Give the partitions that hold the rows of a partitioned table; none for any other table."""
    found: list[Name] = []
    for child in schema.partitions_of(table):
        found += _leaves(schema, child.name) if child.kind is TableKind.PARTITIONED else [child.name]
    return tuple(found)


_HEAD = 'ALTER TABLE "~" ADD '


def _certain_check(schema: Schema, constraint: Constraint) -> Constraint:
    resolve = resolver(schema)
    return _with_definition(constraint, lambda thing, name: None if thing is Thing.RELATION else resolve(thing, name))


def _certain_key(schema: Schema, constraint: Constraint) -> Constraint:
    """Name the far table in full, and its columns where the primary key is meant."""
    far = constraint.references
    assert far is not None, "a foreign key has a far side"
    full = schema.resolve(far.table)
    known = schema.table(full)
    columns = far.columns or (known.primary_key if known is not None else ())
    made = _with_definition(constraint, lambda _, name: full.schema if name == full.name else None)
    return replace(made, references=replace(far, table=full, columns=columns))


def certainly_defined(schema: Schema, constraint: Constraint) -> Constraint:
    """Write what a constraint that is there says, with functions, types and the far table named in full."""
    written = replace(constraint, definition=constraint_definition(constraint))
    match constraint.kind:
        case ConstraintKind.CHECK:
            return _certain_check(schema, written)
        case ConstraintKind.FOREIGN:
            return _certain_key(schema, written)
        case _:
            return written


def _with_definition(constraint: Constraint, resolve: Resolve) -> Constraint:
    if not constraint.definition:
        return constraint
    return replace(constraint, definition=qualified(_HEAD + constraint.definition, resolve).removeprefix(_HEAD))


def _unique(operation: Operation, table: Name, constraint: Constraint, kept: str | None) -> Outcome:
    if operation.before.partitions_of(table):
        return _partitioned_key(operation, table, constraint, (), kept)
    index, statement = _owned_index(operation, table, constraint)
    return add_unique.AddUnique(table, constraint, index, statement, kept).steps()


def _primary(
    operation: Operation,
    table: Name,
    constraint: Constraint,
    kept: str | None,
    around: Surroundings,
    proven: frozenset[str],
) -> Outcome:
    known = operation.before.table(table)
    columns = [known.column(c) if known is not None else None for c in constraint.columns]
    listed = [(n, c) for n, c in zip(constraint.columns, columns, strict=True) if n not in proven]
    nullable = [n for n, c in listed if c is None or not c.not_null]
    keys = row_keys(operation.before, table)
    proofs = tuple(
        not_null_recipe.SetNotNull(table, name, tag(around.plan, str(table), name), keys, kept) for name in nullable
    )
    if operation.before.partitions_of(table):
        if operation.before.server_version >= _NOT_NULL_IS_LOCAL:
            raise CannotPlan(
                f"partition by partition, a primary key would leave {table} partitions with NOT NULL of their own",
                "add UNIQUE and SET NOT NULL, which serve ON CONFLICT and foreign keys as well, or the key by hand",
            )
        return _partitioned_key(operation, table, constraint, proofs, kept)
    index, statement = _owned_index(operation, table, constraint)
    return add_primary_key.AddPrimaryKey(table, constraint, index, statement, proofs, kept).steps()


def _partitioned_key(
    operation: Operation,
    table: Name,
    constraint: Constraint,
    nullable: tuple[not_null_recipe.SetNotNull, ...],
    kept: str | None,
) -> Outcome:
    index, _ = _owned_index(operation, table, constraint)
    leaves: list[tuple[Name, Index]] = []
    for child in operation.before.partitions_of(table):
        after = operation.after.tables[child.name]
        made = [i for i in after.indexes if i.name not in {k.name for k in child.indexes}]
        if child.kind is not TableKind.TABLE or len(made) != 1:
            raise CannotPlan(
                f"{child.name} is partitioned itself, is foreign, or has such a key already",
                "add the key to each partition first, then to the table",
            )
        leaves.append((child.name, replace(made[0], constraint=None, parent=None)))
    key = add_partitioned_key.AddPartitionedKey(table, constraint, index, tuple(leaves), nullable, kept)
    return key.steps()


def _owned_index(operation: Operation, table: Name, constraint: Constraint) -> tuple[Index, str]:
    """Give the index of a key, and the statement that builds it under the key's name."""
    if constraint.using_index is not None:
        raise CannotPlan(
            f"index {quote_ident(constraint.using_index)} was there before, and dropping the constraint would drop it",
            "let the migration build the index, or run the statement by hand: it is metadata only",
        )
    if constraint.period:
        raise CannotPlan("WITHOUT OVERLAPS can only be added under a lock that keeps everybody out", "add it by hand")
    index = operation.after.tables[table].index(constraint.name or "")
    assert index is not None, "a key has an index of its name"
    plain = replace(index, constraint=None)
    return plain, index_definition(table, plain, concurrently=True)


def named(operation: Operation, table: Name, constraint: Constraint) -> Constraint:
    """Give a constraint the name that the server chooses when the statement names none."""
    if constraint.name is not None:
        return constraint
    before, after = operation.before.table(table), operation.after.table(table)
    held = {c.name for c in before.constraints} if before is not None else set()
    same = [
        c.name
        for c in (after.constraints if after is not None else ())
        if c.name not in held and c.kind is constraint.kind and c.columns == constraint.columns
    ]
    if not same:
        raise CannotPlan("the name that the server would choose for the constraint is not known", "name it")
    return replace(constraint, name=same[0])


def _is_new_view(table: Name, around: Surroundings) -> bool:
    return table in around.end.views and table not in around.start.views


def choose_index(operation: Operation, action: CreateIndex, around: Surroundings) -> Outcome:
    """Plan CREATE INDEX, also on a materialized view."""
    table = operation.before.resolve(action.table)
    known = operation.before.tables.get(table)
    if known is None or known.kind is not TableKind.PARTITIONED:
        refuse_partitions(operation.before, table)
    before, after = as_tables(operation.before).table(table), as_tables(operation.after).table(table)
    made = [i for i in (after.indexes if after else ()) if before is None or i not in before.indexes]
    index = made[0]
    rank = Rank.COPY if index.columns & around.of(around.filled, table) else Rank.BUILD
    rank = max(rank, full_rank(table, around))
    new = bool(index.columns) and index.columns <= around.of(around.added, table)
    only_new = new and (not index.unique or index_kept_by_old_rows(index, table, around))
    kept = operation.kept or (NEW_COLUMN if only_new else _UNREAD if _is_new_view(table, around) else None)
    refuses = kept is None and not index.unique and may_fail(known, index)
    rank = Rank.ENFORCE if refuses else rank
    if known is not None and known.kind is TableKind.PARTITIONED:
        held = rank if not index.unique else Rank.ENFORCE if kept is None else max(rank, Rank.COPY)
        return choose_partitioned(operation, action, known, held)
    statement = index_statement(operation.text, index.name or "", concurrently=True)
    planned = create_index.CreateIndex(
        table, index, statement, rank, kept, _beside(operation, table, index, around)
    ).steps()
    note = (
        f"{table}: {quote_ident(index.name or '')} comes in contract: what it computes may fail for what the old app"
        " writes; where it cannot: -- migrate-safe: old-app-keeps REASON"
    )
    return replace(planned, notes=(*planned.notes, note)) if refuses else planned


def _beside(operation: Operation, table: Name, index: Index, around: Surroundings) -> tuple[str, str] | None:
    """Give another name, with the statement that builds under it, while a dropped index has the index's own."""
    name = index.name or ""
    full = Name(table.schema, name)
    if around.start.index_table(full) is None and around.start.index_view(full) is None:
        return None
    copy = copied(name, tag(around.plan, str(table), name))
    return copy, index_statement(operation.text, copy, concurrently=True)
