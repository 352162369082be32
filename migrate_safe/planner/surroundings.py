"""What the operations of one migration mean for each other: which tables are new, which columns come, move or go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct

from migrate_safe.catalog.change import domain_default
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, Expr, Schema, View
from migrate_safe.model.statement import (
    AddColumn,
    AddConstraint,
    AlterTable,
    AlterType,
    ChangeIdentity,
    ColumnDef,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropNotNull,
    RenameColumn,
    RenameTable,
    SetDefault,
    SetNotNull,
    SetSchema,
)
from migrate_safe.planner.draft import CannotPlan
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.type_effects import changes_in_an_instant

Columns = Mapping[Name, frozenset[str]]


class Given(Struct, frozen=True):
    """What a row holds in a new column that it does not name: its default (None for NULL), or a number of its `own`."""

    default: Expr | None
    own: bool = False


class Surroundings(Struct, frozen=True):
    """What a recipe must know of the rest of the migration.

    `born` are the tables it creates. By table: `added` columns, what rows are `given` in them that the old app inserts
    (of several defaults any), `filled` ones (a backfill of this plan does), `dropped` ones, and `renamed` (old name to
    new).
    """

    plan: str
    start: Schema
    born: frozenset[Name]
    added: Columns
    given: Mapping[Name, Mapping[str, tuple[Given, ...]]]
    filled: Columns
    dropped: Columns
    renamed: Mapping[Name, Mapping[str, str]]
    constrained: Mapping[Name, tuple[Constraint, ...]]
    """By table: constraints that the migration adds."""
    retyped: Columns
    """Columns that get another type."""
    numbered: Columns
    """Columns that become identity columns: a default that they had goes with that."""
    converted: Columns
    """Those of them that another column takes the place of, in contract."""
    end: Schema
    """What the plain migration leaves."""
    reshaped: frozenset[Name]
    """Tables of the live apps whose columns come, go or change their names."""

    def reads(self, view: View, columns: Columns) -> bool:
        """Say whether the query of a view may name one of the columns."""
        return any(t in view.relations and (view.star or view.columns & cs) for t, cs in columns.items())

    def of(self, columns: Columns, table: Name) -> frozenset[str]:
        """Give the columns of one table."""
        return columns.get(table, frozenset())

    def given_to(self, table: Name, column: str) -> tuple[Given, ...]:
        """Give what rows of the old app may hold in a new column; nothing for any other column."""
        return self.given.get(table, {}).get(column, ())


def survey(found: Sequence[Operation], plan: str, start: Schema) -> Surroundings:
    """Look over all operations before any is planned."""
    born: set[Name] = set()
    added: defaultdict[Name, frozenset[str]] = defaultdict(frozenset)
    given: defaultdict[Name, dict[str, tuple[Given, ...]]] = defaultdict(dict)
    filled: defaultdict[Name, frozenset[str]] = defaultdict(frozenset)
    renamed: defaultdict[Name, dict[str, str]] = defaultdict(dict)
    dropped: defaultdict[Name, frozenset[str]] = defaultdict(frozenset)
    constrained: defaultdict[Name, tuple[Constraint, ...]] = defaultdict(tuple)
    retyped: defaultdict[Name, frozenset[str]] = defaultdict(frozenset)
    numbered: defaultdict[Name, frozenset[str]] = defaultdict(frozenset)
    converted: defaultdict[Name, frozenset[str]] = defaultdict(frozenset)
    for operation in found:
        match operation.action:
            case CreateTable(table=name) if operation.before is not operation.after:
                born.add(operation.after.resolve(name))
            case AlterTable(table=name, actions=(AddColumn(definition=definition),)):
                table = operation.before.resolve(name)
                if table in start.tables and start.tables[table].column(definition.column.name) is not None:
                    continue  # it takes the name of one that goes
                added[table] |= {definition.column.name}
                given[table][definition.column.name] = (_given(operation.before, definition),)
                if definition.column.default is not None:
                    filled[table] |= {definition.column.name}
            case AlterTable(table=name, actions=(SetDefault(column=column, default=Expr() as default),)):
                late = given[operation.before.resolve(name)]
                late |= {column: (*late[column], Given(default))} if column in late else {}
            case RenameColumn(table=name, column=old, to=new, object="table"):
                table = operation.before.resolve(name)
                if table not in born:
                    renamed[table][old] = new
                    filled[table] |= {new}
            case AlterTable(table=name, actions=(DropColumn(column=column),)):
                dropped[operation.before.resolve(name)] |= {column}
            case AlterTable(table=name, actions=(AddConstraint(constraint=constraint),)):
                constrained[operation.before.resolve(name)] += (constraint,)
            case AlterTable(table=name, actions=(AlterType(column=column),)):
                retyped[operation.before.resolve(name)] |= {column}
                if not changes_in_an_instant(operation, operation.before.table(name), column):
                    converted[operation.before.resolve(name)] |= {column}
            case AlterTable(table=name, actions=(ChangeIdentity(column=column, add=True),)):
                numbered[operation.before.resolve(name)] |= {column}
    reshaped = frozenset({*added, *renamed, *dropped, *retyped} - born)
    end = found[-1].after if found else start
    return Surroundings(
        plan=plan,
        start=start,
        born=frozenset(born),
        added=added,
        given=given,
        filled=filled,
        dropped=dropped,
        renamed=renamed,
        constrained=constrained,
        retyped=retyped,
        numbered=numbered,
        converted=converted,
        end=end,
        reshaped=reshaped,
    )


def _given(schema: Schema, definition: ColumnDef) -> Given:
    column = definition.column
    default = column.default if column.default is not None else domain_default(schema, column.type)
    return Given(default, definition.serial or column.identity is not None)


def refuse_clash(operation: Operation, earlier: Sequence[Operation], later: Sequence[Operation]) -> None:
    """Raise CannotPlan when a column that this operation renames or drops is meant by other operations too.

    After a rename the new name may be used; what was said of the old name before it may not.
    """
    match operation.action:
        case RenameTable(table=name) | SetSchema(table=name) if (
            operation.before.resolve(name) in operation.before.tables
        ):
            _refuse_company(operation, (*earlier, *later))
            return
        case RenameColumn(table=name, column=column):
            others: tuple[Operation, ...] = (*earlier,)
            order = "put the rename first, and use the new name after it"
        case AlterTable(table=name, actions=(DropColumn(column=column),)):
            others = (*earlier, *(o for o in later if not _adds(o, column)))
            order = "leave out what is done to a column that goes"
        case AlterTable(table=name, actions=(AlterType(column=column),)):
            instant = changes_in_an_instant(operation, operation.before.table(name), column)
            others = tuple(o for o in (*earlier, *later) if not _goes_beside(o, instant=instant))
            order = "change its type in a migration of its own"
        case AlterTable(actions=(DropNotNull(),)):
            _refuse_both_ways(operation, (*earlier, *later))
            return
        case _:
            return
    table = operation.before.resolve(name)
    for other in others:
        if other is not operation and table == target_of(other) and column in mentioned(other):
            raise CannotPlan(
                f'column "{column}" of {table} is changed by another statement ({other.statement.span}) as well', order
            )


def _refuse_company(operation: Operation, others: Sequence[Operation]) -> None:
    """Raise CannotPlan when a table that gets another name is changed in other ways too: until contract it has both."""
    gone = set(operation.before.tables) - set(operation.after.tables)
    come = set(operation.after.tables) - set(operation.before.tables)
    for other in others:
        if target_of(other) in gone | come:
            raise CannotPlan(
                f"it is changed by another statement ({other.statement.span}) as well",
                "give it the other name in a migration of its own",
            )


def _adds(operation: Operation, column: str) -> bool:
    action = operation.action
    return isinstance(action, AlterTable) and any(
        isinstance(a, AddColumn) and a.definition.column.name == column for a in action.actions
    )


def _goes_beside(operation: Operation, *, instant: bool) -> bool:
    """Say whether an operation on a column is no bar to a change of its type, which may be an instant."""
    match operation.action:
        case AlterTable(actions=(SetDefault(),)):
            return True
        case AlterTable(actions=(AddColumn() | AlterType(),)) | RenameColumn():
            return False
        case _:
            return instant


def _refuse_both_ways(operation: Operation, others: Sequence[Operation]) -> None:
    """Raise CannotPlan when a column is to be NOT NULL and not to be: the plan's order would decide."""
    for other in others:
        match other.action:
            case AlterTable(actions=(SetNotNull(column=column),)):
                if target_of(other) == target_of(operation) and column in mentioned(operation):
                    at = other.statement.span
                    raise CannotPlan(f'column "{column}" is made NOT NULL by this migration ({at})', "keep one of them")


def target_of(operation: Operation) -> Name | None:
    """Give the table that an operation is about, None for other objects."""
    match operation.action:
        case AlterTable(table=name) | RenameColumn(table=name) | CreateIndex(table=name) | CreateTable(table=name):
            return operation.before.resolve(name)
        case _:
            return None


def mentioned(operation: Operation) -> frozenset[str]:
    """Give the columns of its table that an operation names, under the names they have before it."""
    match operation.action:
        case RenameColumn(column=old, to=new):
            return frozenset({old, new})
        case CreateIndex(index=index):
            return index.columns
        case AlterTable(actions=(action,)):
            match action:
                case AddColumn(definition=definition):
                    return frozenset({definition.column.name})
                case (
                    DropColumn(column=column)
                    | SetDefault(column=column)
                    | AlterType(column=column)
                    | SetNotNull(column=column)
                    | DropNotNull(column=column)
                ):
                    return frozenset({column})
                case AddConstraint(constraint=constraint):
                    inside = constraint.expression.columns if constraint.expression is not None else frozenset()
                    return frozenset(constraint.columns) | inside
                case _:
                    return frozenset()
        case _:
            return frozenset()
