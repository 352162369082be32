"""How sequences come, change and go."""

from __future__ import annotations

from migrate_safe.catalog.brought import shows_relations
from migrate_safe.catalog.change import CannotApply, put, put_column
from migrate_safe.catalog.evolve.views import created_name
from migrate_safe.catalog.naming import none_such, relation_exists, sequence_name
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.schema import Column, Schema, Sequence, Table
from migrate_safe.model.statement import (
    AlterSequence,
    CreateSequence,
    DropSequence,
    OtherTableAction,
    SequenceAction,
    SequenceOptions,
)
from migrate_safe.model.values import replace
from migrate_safe.sql.expressions import drawn_sequences

_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_UNLOGGED_FROM = 15


def sequence_action(schema: Schema, action: SequenceAction) -> Schema:
    """Apply a statement about sequences."""
    match action:
        case CreateSequence():
            return create_sequence(schema, action)
        case AlterSequence():
            return alter_sequence(schema, action)
        case DropSequence():
            return drop_sequence(schema, action)


def create_sequence(schema: Schema, action: CreateSequence) -> Schema:
    """Add a sequence."""
    name = created_name(schema, action.name, temporary=action.persistence == "t")
    if relation_exists(schema, name):
        if action.if_not_exists:
            return schema
        raise CannotApply(f"relation {name} already exists")
    if action.persistence == "u" and schema.server_version < _UNLOGGED_FROM:
        raise CannotApply("unlogged sequences are not supported")
    made = new_sequence(Sequence(name, persistence=action.persistence), action.options)
    return put_sequence(schema, _owned(schema, made, action.options))


def put_sequence(schema: Schema, sequence: Sequence) -> Schema:
    """Give the schema with that sequence added, or replaced under its name."""
    return schema.with_sequences(sequence)


def column_sequence(schema: Schema, table: Name, column: Column, options: SequenceOptions) -> Sequence:
    """Give the sequence that a new serial or identity column brings along."""
    holder = schema.tables.get(table)
    held = holder.persistence if holder is not None else "p"
    follows = held == "t" or schema.server_version >= _UNLOGGED_FROM
    name = options.name.within(table.schema or "public") if options.name is not None else None
    name = name or Name(table.schema, sequence_name(schema, table, column.name))
    if relation_exists(schema, name):
        raise CannotApply(f"relation {name} already exists")
    persistence = options.persistence or (held if follows else "p")
    return new_sequence(Sequence(name, column.type.name, (table, column.name), persistence=persistence), options)


def copied_options(sequence: Sequence) -> SequenceOptions:
    """Give what LIKE INCLUDING IDENTITY copies of a sequence: its bounds as numbers, and not its type."""
    low, high = bounds(sequence)
    return SequenceOptions(
        type="bigint",
        start=sequence.start,
        increment=sequence.increment,
        minimum=low,
        maximum=high,
        cycle=sequence.cycle,
        cache=sequence.cache,
    )


def new_sequence(bare: Sequence, options: SequenceOptions) -> Sequence:
    """Give a new sequence with its options; without START it starts at the bound that it leaves."""
    kind = options.type or bare.type
    directed = replace(bare, type=kind, increment=options.increment if options.increment is not None else 1)
    made = _with_options(directed, options)
    low, high = bounds(made)
    start = options.start if options.start is not None else (low if made.increment > 0 else high)
    return _checked(replace(made, start=start), options)


def with_options(sequence: Sequence, options: SequenceOptions) -> Sequence:
    """Give a sequence with other options, but for its owner; refuse those that contradict each other."""
    if options.name is not None:
        raise CannotApply("SEQUENCE NAME is an option of new identity columns only")
    changed = _with_options(sequence, options)
    return _checked(changed if options.start is None else replace(changed, start=options.start), options)


def _with_options(sequence: Sequence, options: SequenceOptions) -> Sequence:
    kind = options.type or sequence.type
    if kind not in _LARGEST:
        raise CannotApply("sequence type must be smallint, integer, or bigint")
    increment = options.increment if options.increment is not None else sequence.increment
    if increment == 0:
        raise CannotApply("INCREMENT must not be zero")
    low, high = bounds(sequence)
    widest = -_LARGEST[kind] - 1, _LARGEST[kind]
    if kind != sequence.type:
        low = widest[0] if low == -_LARGEST[sequence.type] - 1 else low
        high = widest[1] if high == _LARGEST[sequence.type] else high
    usual = (1, widest[1]) if increment > 0 else (widest[0], -1)
    low = options.minimum if options.minimum is not None else usual[0] if options.no_minimum else low
    high = options.maximum if options.maximum is not None else usual[1] if options.no_maximum else high
    return replace(
        sequence,
        type=kind,
        increment=increment,
        minimum=None if low == usual[0] else low,
        maximum=None if high == usual[1] else high,
        cycle=options.cycle if options.cycle is not None else sequence.cycle,
        cache=options.cache if options.cache is not None else sequence.cache,
    )


def bounds(sequence: Sequence) -> tuple[int, int]:
    """Give the least and the greatest value of a sequence."""
    largest = _LARGEST.get(sequence.type, _LARGEST["bigint"])
    low, high = (1, largest) if sequence.increment > 0 else (-largest - 1, -1)
    return (
        sequence.minimum if sequence.minimum is not None else low,
        sequence.maximum if sequence.maximum is not None else high,
    )


def _checked(sequence: Sequence, options: SequenceOptions) -> Sequence:
    low, high = bounds(sequence)
    largest = _LARGEST[sequence.type]
    if low < -largest - 1 or high > largest:
        raise CannotApply(f"a bound of sequence {sequence.name} is out of range for type {sequence.type}")
    if low >= high:
        raise CannotApply(f"MINVALUE of sequence {sequence.name} must be less than MAXVALUE")
    if not low <= sequence.start <= high:
        raise CannotApply(f"START of sequence {sequence.name} is outside its bounds")
    if options.restart_at is not None and not low <= options.restart_at <= high:
        raise CannotApply(f"RESTART of sequence {sequence.name} is outside its bounds")
    if sequence.cache < 1:
        raise CannotApply("CACHE must be greater than zero")
    return sequence


def alter_sequence(schema: Schema, action: AlterSequence) -> Schema:
    """Apply ALTER SEQUENCE with options."""
    name = schema.resolve(action.name)
    known = schema.sequences.get(name)
    if known is None:
        if relation_exists(schema, name) or (shows_relations(schema) and not action.if_exists):
            raise CannotApply(none_such(schema, name, "sequence"))
        return schema
    changed = with_options(known, action.options)
    return put_sequence(schema, _owned(schema, changed, action.options))


def _owned(schema: Schema, sequence: Sequence, options: SequenceOptions) -> Sequence:
    """Give the sequence with the owner that OWNED BY names."""
    if (options.owner is not None or options.unowned) and is_of_identity(schema, sequence):
        raise CannotApply(f"cannot change the owner of sequence {sequence.name}, which is that of an identity column")
    if options.unowned:
        return replace(sequence, owner=None)
    if options.owner is None:
        return sequence
    full, column = schema.resolve(options.owner[0]), options.owner[1]
    table, view = schema.tables.get(full), schema.views.get(full)
    if schema.complete and table is None and (view is None or view.materialized):
        if not relation_exists(schema, full):
            raise CannotApply(f"relation {full} does not exist")
        raise CannotApply(f"{full} cannot own sequence {sequence.name}")
    if table is not None and not table.partial and table.column(column) is None:
        raise CannotApply(f"column {column!r} of {full} does not exist")
    if view is not None and view.shows and column not in view.shows:
        raise CannotApply(f"column {column!r} of {full} does not exist")
    if full.schema != sequence.name.schema:
        raise CannotApply(f"sequence {sequence.name} must be in the schema of its owner {full}")
    return replace(sequence, owner=(full, column))


def is_of_identity(schema: Schema, sequence: Sequence) -> bool:
    """Say whether a sequence belongs to an identity column."""
    if sequence.owner is None:
        return False
    table = schema.tables.get(sequence.owner[0])
    column = table.column(sequence.owner[1]) if table is not None else None
    return column is not None and column.identity is not None


def _is_beside_another(schema: Schema, sequence: Sequence) -> bool:
    """Say whether its column owns another one too: that of a serial column that became an identity is left over."""
    return sequence.owner is not None and len(schema.owned_by(*sequence.owner)) > 1


def drop_sequence(schema: Schema, action: DropSequence) -> Schema:
    """Drop sequences; with CASCADE the defaults that draw from them go too."""
    names = [schema.resolve(n) for n in action.sequences]
    for name in names:
        known = schema.sequences.get(name)
        if known is None and (relation_exists(schema, name) or (shows_relations(schema) and not action.if_exists)):
            raise CannotApply(none_such(schema, name, "sequence"))
        if known is not None and is_of_identity(schema, known) and not _is_beside_another(schema, known):
            raise CannotApply(f"an identity column requires sequence {name}")
        for table, column in drawing_columns(schema, name):
            if not action.cascade:
                raise CannotApply(f"default of column {column.name!r} of {table.name} depends on sequence {name}")
            schema = put(schema, put_column(schema.tables[table.name], replace(column, default=None)))
    return schema.with_sequences(gone=names)


def drawing_columns(schema: Schema, sequence: Name) -> list[tuple[Table, Column]]:
    """Give the columns whose default takes values from a sequence."""
    return [
        (table, column)
        for table in schema.tables.values()
        for column in table.columns
        if column.default is not None
        and any(schema.resolve(parse_name(n)) == sequence for n in drawn_sequences(column.default.sql))
    ]


def alter_as_table(schema: Schema, name: Name, action: object) -> Schema:
    """Apply an action of ALTER TABLE to a sequence: SET LOGGED and SET UNLOGGED."""
    known = schema.sequences[name]
    match action:
        case OtherTableAction(kind="SetLogged" | "SetUnLogged" as kind):
            if schema.server_version < _UNLOGGED_FROM:
                raise CannotApply(f"{name} is a sequence, which is always logged")
            return put_sequence(schema, replace(known, persistence="u" if kind == "SetUnLogged" else "p"))
        case OtherTableAction(kind="ChangeOwner"):
            return schema  # who owns it is the affair of all that has owners
        case _:
            raise CannotApply(f"{name} is a sequence")


def moved_sequence(schema: Schema, old: Name, new: Name) -> Schema:
    """Let the defaults that draw from a sequence follow it to another name."""
    for table, column in drawing_columns(schema, old):
        assert column.default is not None, "only columns with a default draw"
        texts = {n for n in drawn_sequences(column.default.sql) if schema.resolve(parse_name(n)) == old}
        sql = column.default.sql
        for text in texts:
            sql = sql.replace(f"'{text}'", f"'{new}'")
        changed = replace(column, default=replace(column.default, sql=sql))
        schema = put(schema, put_column(schema.tables[table.name], changed))
    return schema
