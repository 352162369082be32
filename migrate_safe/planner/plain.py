"""Operations that need no recipe: metadata that nobody waits for, and whatever is done to tables that are new."""

from __future__ import annotations

import re
from collections.abc import Sequence

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Requirement
from migrate_safe.model.said import Vacuum
from migrate_safe.model.schema import Expr, Schema
from migrate_safe.model.statement import (
    AlterTable,
    CreateEnum,
    CreateFunction,
    CreateIndex,
    CreatePolicy,
    CreateSequence,
    CreateTable,
    CreateTrigger,
    CreateView,
    Dml,
    DmlKind,
    Other,
    RenameColumn,
    RenameConstraint,
)
from migrate_safe.planner.changes import BY_HAND, Change, proven
from migrate_safe.planner.comments import comments_of
from migrate_safe.planner.draft import CannotPlan, Draft, Outcome, Rank, column_target, draft, sql
from migrate_safe.planner.loosening import is_null
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.planner.sync import set_default
from migrate_safe.sql.recompose import certainly_created, comment_of, comment_target, index_statement


def new_tables(found: Sequence[Operation], born: frozenset[Name], start: Schema) -> Draft:
    """Make one step of everything that is done to new tables: nobody else can see them yet."""
    if taken := sorted(born & {*start.tables, *start.views}):
        raise CannotPlan(
            f"{taken[0]} goes and another comes under its name: at no moment would both app versions find theirs",
            "give the new one another name, or change the old one by ALTER TABLE",
        )
    names = ", ".join(str(n) for n in sorted(born))
    made = ", ".join(str(_created(o)) for o in reversed(found) if isinstance(o.action, CreateTable))
    drops = (f"DROP TABLE {made}", *(_dropped_routine(o) for o in reversed(found) if _is_routine(o)))
    statements = tuple(_inside(o) for o in found)
    filled = {o.before.resolve(o.action.target) for o in found if isinstance(o.action, Dml) and o.action.target}
    unused = tuple(
        Requirement(f"SELECT * FROM {t}", f"{t} has rows that dropping it would lose: move or delete them first")
        for t in sorted(born - filled)
    )
    does = f"create {names}; no app version uses it yet"
    return draft(Rank.SHAPE, "create-table", names, does, sql(*statements), sql(*drops, require=unused))


def is_on_new_table(operation: Operation, born: frozenset[Name]) -> bool:
    """Say whether an operation is about tables that the migration creates, and reads no other."""
    resolve = operation.before.resolve
    match operation.action:
        case CreateTable(table=name):
            return operation.after.resolve(name) in born
        case AlterTable(table=name) | CreateIndex(table=name) | CreateTrigger(table=name) | CreatePolicy(table=name):
            return resolve(name) in born
        case RenameColumn(table=name) | RenameConstraint(table=name):
            return resolve(name) in born
        case Dml(target=Name() as target, reads=reads):
            return {resolve(r) for r in (target, *reads)} <= born
        case Other(kind="CommentStmt"):
            return _commented(operation)[1] in born
        case Other(kind="GrantStmt" | "CreateStatsStmt", objects=objects) if objects:
            return resolve(objects[0]) in born
        case _:
            return False


def trigger_functions(found: Sequence[Operation], born: frozenset[Name]) -> tuple[Operation, ...]:
    """Give what creates the functions that triggers of new tables call: they must be there before the triggers."""
    triggers = [o.action.trigger for o in found if isinstance(o.action, CreateTrigger) and is_on_new_table(o, born)]
    called = {t.function for t in triggers if t.function is not None}
    return tuple(o for o in found if _is_routine(o) and o.undo is None and _is_called(o, called))


def _is_routine(operation: Operation) -> bool:
    return isinstance(operation.action, CreateFunction)


def _is_called(operation: Operation, called: set[Name]) -> bool:
    """Say whether an operation certainly makes a new function that is among those called, as they are written."""
    action, before = operation.action, operation.before
    assert isinstance(action, CreateFunction)
    full = action.function.name.within(before.first_place)
    new = full not in before.functions and (before.complete or not action.replace)
    return new and any(f == full or (f.schema is None and f.name == full.name) for f in called)


def _dropped_routine(operation: Operation) -> str:
    assert isinstance(operation.action, CreateFunction)
    name = operation.action.function.name.within(operation.before.first_place)
    made = operation.after.functions[name][0]
    return f"DROP {made.kind.upper()} {name}({made.arguments})"


def _created(operation: Operation) -> Name:
    assert isinstance(operation.action, CreateTable)
    return operation.after.resolve(operation.action.table)


def _inside(operation: Operation) -> str:
    """Write an operation for the one transaction in which the table is made."""
    match operation.action:
        case CreateTable(partition_of=Name()) | CreateTable(inherits=(_, *_)):
            raise CannotPlan("partitions and inheriting tables are not planned yet", "create it by hand, off-peak")
        case CreateTable(persistence="t"):
            raise CannotPlan("a temporary table lives in one session only", "use a plain table, and drop it later")
        case CreateTable(as_query=False):
            return certainly_created(operation.text)
        case CreateTable(as_query=True):
            raise CannotPlan("its query may run long in a transaction", "create the table, then fill it in batches")
        case CreateIndex(table=table):
            known = operation.after.tables[operation.before.resolve(table)]
            before = operation.before.tables[known.name].indexes
            name = next(i.name for i in known.indexes if i not in before)
            return index_statement(operation.text, name or "", concurrently=False)
        case Dml(kind=kind) if kind not in (DmlKind.INSERT, DmlKind.UPDATE, DmlKind.DELETE):
            raise CannotPlan("it is not a plain change of a new table's data", "leave it out")
        case _:
            return operation.text


# ---- metadata ------------------------------------------------------------------------------


def change_default(
    operation: Operation, table: Name, column: str, default: Expr | None, around: Surroundings
) -> Outcome:
    """Plan SET DEFAULT or DROP DEFAULT, which DEFAULT NULL is too; of a column that this plan renames it comes last."""
    dropped = default is None or is_null(default)
    moved = column in around.renamed.get(table, {}).values()
    known = operation.before.table(table)
    before = known.column(column) if known is not None else None
    if before is None:
        raise CannotPlan(
            f"the present default of {quote_ident(column)} of {table} is not known",
            "give the database, a dump or the earlier migrations with --schema",
        )
    back = set_default(table, column, None if before.default is None else before.default.sql)
    late = moved or dropped
    word = "stop giving" if dropped else "give"
    does = f"{word} {quote_ident(column)} a default" + (
        "; the old app may rely on the present one" if late else "; rows that the old app inserts without it get it too"
    )
    freed = not moved and set(around.start.sequences) - set(around.end.sequences)  # they are hidden after it
    made = draft(
        (Rank.QUIET if freed else Rank.ENFORCE) if late else Rank.SHAPE,
        "drop-default" if dropped else "set-default",
        column_target(table, column),
        does,
        sql(operation.text),
        sql(back),
    )
    return Outcome((made,), f"change the default of {quote_ident(column)} of {table}", (), (table,))


def comment(operation: Operation) -> Outcome:
    """Plan COMMENT ON whatever the catalog keeps comments of."""
    before, after = (dict(comments_of(s)) for s in (operation.before, operation.after))
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    kind, table, column = _commented(operation)
    if not changed and operation.before.complete and kind not in _NO_COMMENTS:
        return Outcome(touches=() if table is None or table not in operation.before.tables else (table,))
    known = operation.before.table(table) if table is not None else None
    if not changed or (known is not None and known.partial):
        raise CannotPlan(f"the present comment on this {kind} is not known here", BY_HAND)
    at = changed[0]
    if kind in ("table", "column") and table is not None:
        at = column_target(table, column) if kind == "column" else str(table)
    back = (comment_of(operation.text, before.get(changed[0])),)
    touched = (known.name,) if known is not None else ()
    return proven(operation, Change(Rank.SHAPE, "comment", at, "change a comment", (operation.text,), back, touched))


_NO_COMMENTS = frozenset({"database", "role", "tablespace", "cast", "language", "operator", "extension", "largeobject"})
"""Kinds of which comments are not read."""


def _commented(operation: Operation) -> tuple[str, Name | None, str]:
    """Give kind, table and column of a COMMENT."""
    kind, words = comment_target(operation.text)
    match kind, words:
        case "table", (schema, name):
            return kind, Name(schema, name), ""
        case "column", (schema, name, column):
            return kind, Name(schema, name), column
        case _:
            return kind, None, ""


_ALL_OF = re.compile(r'\s*SELECT\s+(\*|"?\w+"?(\s*,\s*"?\w+"?)*)\s+FROM\s+[\w."]+\s*', re.IGNORECASE)
"""A query that shows every row of one relation, with columns of it."""


def _stands_in(operation: Operation, name: Name, around: Surroundings) -> bool:
    """Say whether a view shows, under a table's old name, the columns and rows that the table has under its new one."""
    before, view = around.start.tables.get(name), operation.after.views.get(name)
    if before is None or view is None:
        return False
    shown = {operation.after.resolve(r) for r in view.relations}
    moved = shown <= set(around.end.tables) - set(around.start.tables) - around.born
    same = moved and len(shown) == 1 and bool(view.shows) and {*view.shows} <= {c.name for c in before.columns}
    return same and _ALL_OF.fullmatch(view.definition.rstrip().rstrip(";")) is not None


def _analyzed(text: str, tables: tuple[Name, ...]) -> Outcome:
    names = ", ".join(map(str, tables))
    does = f"gather the statistics of {names}, while clients read and write"
    return Outcome((draft(Rank.HOLD, "analyze", names, does, sql(text)),), f"analyze {names}", (), tables)


def _view_rank(operation: Operation, name: Name, around: Surroundings) -> Rank:
    """Give the first move in which all is there, under its final name, that a new view reads."""
    view = operation.after.views[name]
    if around.reads(view, around.converted):
        return Rank.ENFORCE
    if _stands_in(operation, name, around):
        return Rank.HIDE
    return Rank.SHAPE


def new_object(operation: Operation, around: Surroundings) -> Outcome:
    """Plan the creation of a type, sequence or view that nothing uses yet, and ANALYZE."""
    resolve, rank = operation.before.resolve, Rank.SHAPE
    match operation.action:
        case Other(says=Vacuum(vacuum=False, tables=tended)) if tended:
            tables = tuple(resolve(t.table) for t in tended)
            return _analyzed(operation.text, tables)
        case CreateEnum(name=name, values=values):
            full = name.within(operation.before.first_place)
            listed = ", ".join(quote_literal(v).strip() for v in values)
            kind, text = "type", f"CREATE TYPE {full} AS ENUM ({listed})"
        case CreateSequence(name=name):
            kind, full, text = "sequence", resolve(name), certainly_created(operation.text)
        case CreateView(view=view, replace=False, if_not_exists=False, temporary=False) if not view.materialized:
            kind, full, text = "view", view.name.within(operation.before.first_place), operation.text
            rank = _view_rank(operation, full, around)
        case _:
            raise CannotPlan("statements of this kind are not planned yet", BY_HAND)
    made = draft(
        rank, f"create-{kind}", str(full), f"create {kind} {full}", sql(text), sql(f"DROP {kind.upper()} {full}")
    )
    note = f"{full}: it comes in contract, right after a column that it reads has its new type"
    return Outcome((made,), f"create {kind} {full}", (note,) if rank is Rank.ENFORCE else (), ())
