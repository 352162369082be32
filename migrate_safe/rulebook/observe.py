"""Turn an analysed statement into observations: the facts that rules ask, the words that they use."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.evolve.columns import gives_null
from migrate_safe.effects.partitions import default_of
from migrate_safe.effects.proofs import proves_not_null
from migrate_safe.model.effect import Analysed, TransactionRule
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import ConstraintKind, Generated, TableKind
from migrate_safe.model.statement import (
    AddColumn,
    AlterSequence,
    AlterTable,
    AttachPartition,
    ColumnDef,
    CreateIndex,
    CreateTable,
    DetachPartition,
    Direction,
    Dml,
    DropIndex,
    DropType,
    RefreshView,
    Reindex,
    RenameAttribute,
    RenameColumn,
    RenameTable,
    RenameType,
    Script,
    SetSchema,
    SetTypeSchema,
    Unparsed,
)
from migrate_safe.model.values import replace
from migrate_safe.rulebook.beside import beside
from migrate_safe.rulebook.doings import Doings, doings_of
from migrate_safe.rulebook.facts import Facts, Observation, Words
from migrate_safe.rulebook.long_names import cut_name
from migrate_safe.rulebook.only_here import is_filled, is_only_here
from migrate_safe.rulebook.ours import is_ours
from migrate_safe.rulebook.parts import Part, parts_of
from migrate_safe.rulebook.reach import reach_of, walked
from migrate_safe.rulebook.spoken import listed, plain
from migrate_safe.rulebook.terms import ActionKind, Blocks, ColumnValue, ConstraintFact, ObjectFact, RelationState
from migrate_safe.rulebook.words import words_of


def observe(
    analysed: Analysed, script: Script, *, version: int | None = None, doings: Doings | None = None
) -> tuple[Observation, ...]:
    """Give one observation for each action of a statement on each relation that it names.

    `version` is the server's major where the user told it; None where it is only assumed. `doings` are those of the
    script, for whoever has many statements of it to observe.
    """
    whole = doings if doings is not None else doings_of(script)
    found = [_observation(part, script, version, whole) for part in parts_of(analysed)]
    name, kept = cut_name(analysed.statement.text)
    if name and analysed.statement.direction is Direction.UP:
        found[0] = replace(
            found[0],
            facts=replace(found[0].facts, long_name=True),
            words=replace(found[0].words, long_name=name, short_name=kept),
        )
    return tuple(found)


def empty_file() -> Observation:
    """Give what there is to say of a file without statements."""
    return Observation(Facts(ActionKind.EMPTY_FILE), Words())


def _observation(part: Part, script: Script, version: int | None, doings: Doings) -> Observation:
    whole, effect = part.whole, part.effect
    felt = _felt(part, whole.effect.locks or effect.locks)
    held = _felt(part, whole.held)
    rewritten, scanned, built = (_in_use(part, names) for names in (effect.rewrites, effect.scans, effect.builds))
    rewritten = tuple(name for name in rewritten if not _is_sequence(part, name))
    if _looks_nothing_up(part, script):
        scanned = ()
    if part.kind is ActionKind.TRUNCATE:
        scanned = built = ()  # of a table that it has just emptied
    relation = whole.before.resolve(part.relation) if part.relation is not None else None
    ours = is_only_here(part, script) or is_ours(part, doings)
    facts = Facts(
        action=part.kind,
        relation=_state(part, relation),
        object=_object(part),
        direction=whole.statement.direction,
        blocks=_blocks(felt),
        held=_blocks(held),
        held_elsewhere=_is_elsewhere(part, felt, held),
        rewrites=any(_is_written_anew(part, name, relation) for name in rewritten),
        scans=bool(scanned),
        builds=bool(built),
        in_transaction=whole.in_transaction,
        wrapped=whole.wrapped,
        waits_for_runner=script.held and effect.waits_for_snapshots,
        transaction_forbidden=effect.transaction is TransactionRule.FORBIDDEN,
        lock_timeout=bool(whole.session.lock_timeout),
        fails=effect.fails is not None,
        breaks=frozenset(b.kind for b in effect.breaks),
        loses=bool(effect.loses) and (relation is None or bool(_in_use(part, [relation]))) and not ours,
        depends=bool(effect.depends),
        unknown=effect.unknown is not None,
        nullable=_is_nullable(part, relation),
        partitioned=_is_partitioned(part, relation),
        only_here=ours,
        multiple=part.multiple,
        shared=part.shared,
        in_block=part.in_block,
        inline=part.inline,
        constraint=ConstraintFact(part.constraint.kind.value) if part.constraint is not None else ConstraintFact.NONE,
        complete=whole.before.complete,
        version=version,
    )
    words = replace(
        words_of(part),
        waits=_waits(facts.blocks),
        locks=_locks_text(_of_tables(part, felt)),
        held=_locks_text(_of_tables(part, _still_there(part, held))),
        held_waits=_waits(facts.held),
        rewritten=_names_text(_tables(part, rewritten)),
        tables=_names_text(dict.fromkeys(n for n in (relation, _referenced(part)) if n is not None)),
        scanned=_names_text(_tables(part, scanned)),
        because=_because(part),
        lost=" and ".join(effect.loses),
    )
    facts, words = beside((_said(facts, part), words), part, doings)
    return Observation(facts, words, relation, _effect_lines(felt, rewritten, scanned, built), whole.statement)


# ---- facts that the statement says itself -----------------------------------------------------


def _said(facts: Facts, part: Part) -> Facts:
    match part.action:
        case AddColumn(definition):
            value = _value(definition)
            return replace(facts, column_value=value, not_null=_is_not_null(definition))
        case CreateIndex() | DropIndex() | Reindex() | RefreshView():
            return replace(facts, concurrently=part.action.concurrently)
        case DetachPartition(concurrently=concurrently):
            return replace(facts, concurrently=concurrently, default_partition=_has_default(part, part.relation))
        case AttachPartition():
            return replace(facts, default_partition=_has_default(part, part.relation))
        case CreateTable(as_query=True, reads=reads, with_data=True, persistence="p" | "u"):
            read = _in_use(part, map(part.whole.before.resolve, reads))
            return replace(facts, copies=any(name.schema != "pg_catalog" for name in read))
        case CreateTable(partition_of=Name() as parent):
            return replace(facts, default_partition=_has_default(part, parent))
        case Dml() as dml:
            schema = part.whole.before
            return replace(facts, bounded=dml.bounded, reach=reach_of(schema, dml, _in_use(part, walked(schema, dml))))
        case _:
            return facts


def _value(definition: ColumnDef) -> ColumnValue:
    column = definition.column
    if definition.serial:
        return ColumnValue.SERIAL
    if column.identity is not None:
        return ColumnValue.IDENTITY
    if column.generated is not None:
        return ColumnValue.VIRTUAL if column.generated is Generated.VIRTUAL else ColumnValue.STORED
    return ColumnValue.NULL if gives_null(column.default) else ColumnValue.DEFAULT


def _is_not_null(definition: ColumnDef) -> bool:
    return definition.column.not_null or any(c.kind is ConstraintKind.PRIMARY for c in definition.constraints)


_OBJECTS = {fact.value: fact for fact in ObjectFact}


def _object(part: Part) -> ObjectFact:
    match part.whole.statement.action:
        case AlterTable() | RenameTable() | RenameColumn() | SetSchema() as action:
            return _OBJECTS.get(action.object, ObjectFact.OTHER)
        case DropType() | RenameType() | SetTypeSchema() | RenameAttribute():
            return ObjectFact.TYPE
        case _:
            return ObjectFact.TABLE


# ---- facts about relations ---------------------------------------------------------------------


def _state(part: Part, relation: Name | None) -> RelationState:
    if relation is None:
        return RelationState.NONE
    if part.kind is ActionKind.CREATE_TABLE or not _in_use(part, [relation]):
        return RelationState.BORN
    return RelationState.EXISTING


def _in_use(part: Part, names: Iterable[Name]) -> tuple[Name, ...]:
    """Keep the relations that were there before the migration; an index is as old as its table."""
    born = part.whole.born
    return tuple(n for n in names if n.schema != "pg_temp" and not (born and {n, _owner(part, n)} & born))


def _owner(part: Part, name: Name) -> Name:
    for schema in (part.whole.before, part.whole.after):
        if name in schema.tables or name in schema.views:
            return name
        table = schema.index_table(name)
        if table is not None:
            return table.name
        for view in schema.views.values():
            if name.schema == view.name.schema and any(index.name == name.name for index in view.indexes):
                return view.name
        sequence = schema.sequences.get(name)
        if sequence is not None and sequence.owner is not None:
            return sequence.owner[0]
    return name


def _is_written_anew(part: Part, name: Name, relation: Name | None) -> bool:
    """Say whether what is written anew is a table, or an index that the statement moves; REINDEX is another matter."""
    if part.index is not None and name == part.whole.before.resolve(part.index):
        return False
    return name == relation or _owner(part, name) == name


def _tables(part: Part, names: tuple[Name, ...]) -> tuple[Name, ...]:
    """Leave out the indexes of tables that are named as well."""
    owners = {n: _owner(part, n) for n in names}
    return tuple(n for n, owner in owners.items() if owner == n or owner not in owners)


def _felt(part: Part, locks: Iterable[Lock]) -> tuple[Lock, ...]:
    """Keep the locks that make clients wait."""
    strong = [lock for lock in locks if lock.mode.blocks_writes]
    used = set(_in_use(part, (lock.relation for lock in strong)))
    return tuple(lock for lock in strong if lock.relation in used)


def _of_tables(part: Part, locks: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Leave out what hangs on a table that is locked as strongly: its indexes and sequences."""
    if len(locks) < 2:
        return locks
    modes = {lock.relation: lock.mode for lock in locks}
    owners = {lock.relation: _owner(part, lock.relation) for lock in locks}
    return tuple(
        x
        for x in locks
        if owners[x.relation] == x.relation or x.mode > modes.get(owners[x.relation], LockMode.ACCESS_SHARE)
    )


def _still_there(part: Part, held: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Leave out what is no table, or is gone by now, where the transaction holds a table that is still there."""
    schema = part.whole.before
    there = tuple(x for x in held if x.relation in schema.tables or x.relation in schema.views)
    return there or held


def _is_elsewhere(part: Part, felt: tuple[Lock, ...], held: tuple[Lock, ...]) -> bool:
    """Say whether a statement locks what was free until now, while the transaction holds a lock on something else."""
    if not (felt and held):
        return False
    taken, before = ({_owner(part, lock.relation) for lock in locks} for locks in (felt, held))
    return bool(taken - before)


def _blocks(locks: Iterable[Lock]) -> Blocks:
    strongest = max((lock.mode for lock in locks), default=LockMode.ACCESS_SHARE)
    if strongest.blocks_reads:
        return Blocks.READS
    return Blocks.WRITES if strongest.blocks_writes else Blocks.NOTHING


def _is_partitioned(part: Part, relation: Name | None) -> bool:
    table = part.whole.before.tables.get(relation) if relation is not None else None
    return table is not None and table.kind is TableKind.PARTITIONED


def _has_default(part: Part, relation: Name | None) -> bool:
    schema = part.whole.before
    table = schema.table(relation) if relation is not None else None
    return table is not None and bool(default_of(schema, table))


def _looks_nothing_up(part: Part, script: Script) -> bool:
    """Say whether a foreign key points from a table that this migration made and left empty: no row is looked up."""
    if part.constraint is None or part.constraint.kind is not ConstraintKind.FOREIGN or part.relation is None:
        return False
    return not _in_use(part, [part.whole.before.resolve(part.relation)]) and not is_filled(part, script)


def _referenced(part: Part) -> Name | None:
    """Give the table that a foreign key points to."""
    reference = part.constraint.references if part.constraint is not None else None
    return part.whole.before.resolve(reference.table) if reference is not None else None


def _is_sequence(part: Part, name: Name) -> bool:
    """Say whether a relation is a sequence: a single row, written anew in an instant."""
    altered = isinstance(part.action, AlterSequence)
    return altered or name in part.whole.before.sequences


def _is_nullable(part: Part, relation: Name | None) -> bool:
    """Say whether a column of the constraint may hold NULL, as far as is known."""
    if part.constraint is None or relation is None:
        return False
    table = part.whole.before.tables.get(relation)
    return any(
        table is None
        or not (
            getattr(table.column(column), "not_null", False)
            or any(proves_not_null(c, column) for c in table.constraints)
        )
        for column in part.constraint.columns
    )


# ---- words about effects -----------------------------------------------------------------------


_WAITS = {Blocks.READS: "reads and writes", Blocks.WRITES: "writes", Blocks.NOTHING: ""}


def _waits(blocks: Blocks) -> str:
    return _WAITS[blocks]


def _locks_text(locks: tuple[Lock, ...]) -> str:
    """Write locks grouped by mode, the strongest first: `ACCESS EXCLUSIVE on users and orders`."""
    modes = sorted({lock.mode for lock in locks}, reverse=True)
    return ", ".join(f"{m.sql} on {_names_text(x.relation for x in locks if x.mode is m)}" for m in modes)


def _names_text(names: Iterable[Name]) -> str:
    return listed(map(plain, names))


def _because(part: Part) -> str:
    if isinstance(part.action, Unparsed):
        return part.action.reason
    return part.effect.fails or part.effect.unknown or "; ".join(part.effect.depends)


def _effect_lines(
    felt: tuple[Lock, ...], rewritten: tuple[Name, ...], scanned: tuple[Name, ...], built: tuple[Name, ...]
) -> tuple[str, ...]:
    lines = [str(lock) for lock in felt]
    for verb, names in (("rewrites", rewritten), ("scans", scanned), ("builds an index on", built)):
        lines += [f"{verb} {name}" for name in names]
    return tuple(lines)
