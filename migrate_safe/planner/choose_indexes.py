"""Choose the recipe for what is done to indexes that are there, and for indexes on partitioned tables."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.catalog.stored_views import as_tables
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Index, Schema, Table, TableKind
from migrate_safe.model.statement import (
    AlterTable,
    CreateIndex,
    DropIndex,
    OtherTableAction,
    Reindex,
    RenameTable,
)
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank
from migrate_safe.planner.identifiers import tag
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.recipes import alter_index, create_partitioned_index, drop_index, reindex, rename_index
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.sql.recompose import index_statement


def choose_indexes(operation: Operation, around: Surroundings) -> Outcome | None:
    """Plan what is done to indexes; None for all other operations."""
    match operation.action:
        case DropIndex() as action:
            return _drop(operation, action, around)
        case RenameTable(table=name, to=to) if _is_index(operation.before, name):
            table, index = _found(operation.before, name)
            full = Name(table.name.schema, index.name or "")
            return rename_index.RenameIndex(table.name, full, to, index.constraint is not None).steps()
        case AlterTable(table=name, actions=(OtherTableAction() as change,)) if _is_index(operation.before, name):
            return _alter(operation, name, change)
        case Reindex() as action:
            return _rebuild(operation, action, around)
        case _:
            return None


def _is_index(schema: Schema, name: Name) -> bool:
    full = schema.resolve(name)
    return schema.index_table(full) is not None or schema.index_view(full) is not None


def _found(schema: Schema, name: Name) -> tuple[Table, Index]:
    """Give an index with its table, or with its materialized view in the form of one."""
    shown = as_tables(schema)
    full = schema.resolve(name)
    table = shown.index_table(full)
    index = table.index(full.name) if table is not None else None
    if table is None or index is None:
        raise CannotPlan(
            f"index {name} is not known here, and so what would bring it back",
            "give the database, a dump or the earlier migrations with --schema",
        )
    return table, index


# ---- those that are there ------------------------------------------------------------------


def _drop(operation: Operation, action: DropIndex, around: Surroundings) -> Outcome:
    if action.cascade:
        raise CannotPlan("CASCADE drops what rests on the index with it", "drop that first, by its own name")
    outcomes = [_drop_one(operation, name, around) for name in action.indexes]
    return Outcome(
        tuple(d for o in outcomes for d in o.drafts),
        "; ".join(o.summary for o in outcomes),
        (),
        tuple(dict.fromkeys(t for o in outcomes for t in o.touches)),
    )


def _drop_one(operation: Operation, name: Name, around: Surroundings) -> Outcome:
    table, index = _found(operation.before, name)
    parted = table.kind is TableKind.PARTITIONED
    if index.unique and parted:
        raise CannotPlan(
            f"unique index {name} of a partitioned table would have to be built anew on the way back",
            "say how it is taken back: -- migrate-safe: undo SQL",
        )
    if index.unique:
        _refuse_marked(table, index)
    word = tag(around.plan, str(table.name), index.name or "")
    doubled = index.unique and is_doubled(table.name, index, around)
    return drop_index.DropIndex(table.name, index, word, parted, doubled).steps()


def is_doubled(table: Name, index: Index, around: Surroundings) -> bool:
    """Say whether the migration makes another unique index that the same ON CONFLICT may rest on."""
    start, end = (as_tables(schema).table(table) for schema in (around.start, around.end))
    if start is None or end is None or end.index(index.name or "") is not None:
        return False
    known = {i.name for i in start.indexes}
    return any(i.unique and i.name not in known and _arbiter(i) == _arbiter(index) for i in end.indexes)


def _arbiter(index: Index) -> object:
    return {(k.column, k.expression, k.collation, k.opclass) for k in index.keys}, index.predicate


def _refuse_marked(table: Table, index: Index) -> None:
    """Refuse an index that its table is ordered or replicated by: a copy would not be."""
    used = []
    if table.clustered_on == index.name:
        used.append("CLUSTER ON")
    if table.replica_identity == f"index {index.name}":
        used.append("REPLICA IDENTITY")
    if used:
        raise CannotPlan(
            f"{table.name} uses index {quote_ident(index.name or '')} for {' and '.join(used)}",
            "let the table use another one first",
        )


def _alter(operation: Operation, name: Name, change: OtherTableAction) -> Outcome:
    table, index = _found(operation.before, name)
    full = Name(table.name.schema, index.name or "")
    match change:
        case OtherTableAction(kind="SetRelOptions" | "ResetRelOptions" as kind, argument=given):
            word = "SET" if kind == "SetRelOptions" else "RESET"
            text, back = f"{word} ({given})", _options_back(index, given)
        case OtherTableAction(kind="SetStatistics", argument=given):
            at, _, number = given.partition(" ")
            before = dict(index.statistics).get(int(at), -1) if at.isdecimal() else -1
            text, back = f"ALTER COLUMN {at} SET STATISTICS {number}", f"ALTER COLUMN {at} SET STATISTICS {before}"
        case OtherTableAction(kind="AttachPartition"):
            raise CannotPlan(
                "an attached index cannot be detached again",
                "write CREATE INDEX on the partitioned table: the plan builds and attaches one for each partition",
            )
        case OtherTableAction(kind="SetTableSpace"):
            raise CannotPlan(
                "SET TABLESPACE copies the whole index while nobody can use its table",
                "create an index in that tablespace, then drop this one",
            )
        case _:
            raise CannotPlan("this kind of ALTER INDEX is not planned", "say how it is taken back: undo SQL above it")
    return alter_index.AlterIndex(table.name, full, text, back).steps()


def _options_back(index: Index, given: str) -> str:
    """Write what sets the parameters again that a change names; one that was not set is reset."""
    names = [part.partition("=")[0].strip() for part in given.split(",")]
    held = dict(index.options)
    if all(n in held for n in names):
        return f"SET ({', '.join(f'{n} = {held[n]}' for n in names)})"
    if not any(n in held for n in names):
        return f"RESET ({', '.join(names)})"
    raise CannotPlan("some of these parameters were set before and some were not", "change them one by one")


def _rebuild(operation: Operation, action: Reindex, around: Surroundings) -> Outcome:
    if action.kind != "index" or action.target is None:
        raise CannotPlan(
            f"REINDEX of a whole {action.kind} is upkeep: it changes nothing that a release could need",
            "name single indexes, or run REINDEX CONCURRENTLY by hand, off-peak",
        )
    table, index = _found(operation.before, action.target)
    if index.constraint is not None or table.kind is TableKind.PARTITIONED or index.parent is not None:
        whose = f"of constraint {quote_ident(index.constraint)}" if index.constraint else "of a partitioned table"
        raise CannotPlan(
            f"the index {whose} cannot change places with a new one",
            f"run REINDEX INDEX CONCURRENTLY {action.target} by hand, off-peak: no app version notices",
        )
    _refuse_marked(table, index)
    word = tag(around.plan, str(table.name), index.name or "")
    return reindex.Reindex(table.name, index, word).steps()


# ---- partitioned tables --------------------------------------------------------------------


def choose_partitioned(operation: Operation, action: CreateIndex, table: Table, rank: Rank) -> Outcome:
    """Plan CREATE INDEX on a partitioned table, with one on each of its partitions."""
    after = operation.after
    made = [i for i in after.tables[table.name].indexes if i not in table.indexes]
    top = made[0]
    only = index_statement(operation.text, top.name or "", concurrently=False, only=True)
    parts = () if action.only else tuple(_parts(operation, table, top))
    return create_partitioned_index.CreatePartitionedIndex(table.name, top, only, parts, rank).steps()


def _parts(operation: Operation, table: Table, above: Index) -> Iterator[create_partitioned_index.Part]:
    parent = Name(table.name.schema, above.name or "")
    for below in operation.before.partitions_of(table.name):
        if below.kind is TableKind.FOREIGN:
            raise CannotPlan(f"partition {below.name} is a foreign table", "create the indexes of the others by hand")
        index = next((i for i in operation.after.tables[below.name].indexes if i.parent == parent), None)
        if index is None or any(i.name == index.name for i in below.indexes):
            held = f"index {quote_ident(index.name or '')} of" if index is not None else ""
            raise CannotPlan(
                f"{held} partition {below.name} would become a part of it, and cannot be given back",
                "say how it is taken back: -- migrate-safe: undo SQL",
            )
        parted = below.kind is TableKind.PARTITIONED
        text = index_statement(operation.text, index.name or "", concurrently=not parted, table=below.name, only=parted)
        yield create_partitioned_index.Part(below.name, index, text, parent, parted)
        if parted:
            yield from _parts(operation, below, index)
