"""The names that Postgres chooses when a statement names no constraint, index or sequence.

These follow makeObjectName(), ChooseRelationName(), ChooseConstraintName() and ChooseIndexName() of
PostgreSQL 14 to 18, which differ in nothing that matters here; tests/truth compares them with servers.
"""

from __future__ import annotations

from collections.abc import Sequence

from migrate_safe.model.names import MAX_IDENTIFIER_BYTES, Name, shorten
from migrate_safe.model.schema import ConstraintKind, Index, Schema
from migrate_safe.sql.canonical import expression_name

_CONSTRAINT_LABELS = {
    ConstraintKind.PRIMARY: "pkey",
    ConstraintKind.UNIQUE: "key",
    ConstraintKind.EXCLUDE: "excl",
    ConstraintKind.CHECK: "check",
    ConstraintKind.FOREIGN: "fkey",
    ConstraintKind.NOT_NULL: "not_null",
}
_PARTS_NAMED_APART = 18
"""Before this major version the parts of a key to a partitioned table got names of the kind that new keys get."""


def index_name(schema: Schema, table: Name, index: Index, kind: ConstraintKind | None = None) -> str:
    """Choose the name of an index that a statement left unnamed; `kind` where a constraint asks for it."""
    addition = None if kind is ConstraintKind.PRIMARY else joined(key_names(index))
    label = "idx" if kind is None else _CONSTRAINT_LABELS[kind]
    return _choose(schema, table, addition, label, relation=True, constraint=kind is not None)


def constraint_name(schema: Schema, table: Name, kind: ConstraintKind, columns: Sequence[str]) -> str:
    """Choose the name of a CHECK, foreign key or NOT NULL constraint that a statement left unnamed.

    A CHECK gets a column into its name only when it mentions exactly one.
    """
    addition: str | None = joined(columns)
    if kind is ConstraintKind.FOREIGN and schema.server_version < _PARTS_NAMED_APART:
        taken = _parts_of_keys(schema, table, tuple(columns))
        return _choose(schema, table, addition, _CONSTRAINT_LABELS[kind], relation=False, constraint=True, taken=taken)
    if kind is ConstraintKind.CHECK and len(columns) != 1:
        addition = None
    return _choose(schema, table, addition, _CONSTRAINT_LABELS[kind], relation=False, constraint=True)


def _parts_of_keys(schema: Schema, table: Name, columns: tuple[str, ...]) -> int:
    """Count the parts that keys over these columns have, one for each partition that they refer to."""
    held = schema.tables.get(table)
    far = [c.references.table for c in held.constraints if c.references and c.columns == columns] if held else []
    return sum(_count_below(schema, f) for f in far)


def _count_below(schema: Schema, table: Name) -> int:
    below = [p for p in schema.partitions_of(table) if p.partition_bound is not None]
    return len(below) + sum(_count_below(schema, p.name) for p in below)


def sequence_name(schema: Schema, table: Name, column: str) -> str:
    """Choose the name of the sequence behind a serial or identity column."""
    return _choose(schema, table, column, "seq", relation=True, constraint=False)


def key_names(index: Index) -> tuple[str, ...]:
    """Give the column names of an index: plain columns as they are, expressions as the server calls them.

    A name used twice gets a number; INCLUDE columns count too.
    """
    names: list[str] = []
    for key in index.keys:
        original = key.column or (expression_name(key.expression.sql) if key.expression else None) or "expr"
        names.append(_unused(original, names))
    for column in index.include:
        names.append(_unused(column, names))
    return tuple(names)


def joined(columns: Sequence[str]) -> str:
    """Join column names by underscores, stopping once the text is longer than any identifier."""
    text = ""
    for column in columns:
        if text:
            text += "_"
        text += column
        if len(text.encode()) > MAX_IDENTIFIER_BYTES:
            break
    return text


def make_object_name(first: str, second: str | None, label: str) -> str:
    """Join up to three parts by underscores, shortening the longer of the first two until the name fits."""
    room = MAX_IDENTIFIER_BYTES - len(label.encode()) - 1 - (0 if second is None else 1)
    one, two = len(first.encode()), len((second or "").encode())
    while one + two > room:
        if one > two:
            one -= 1
        else:
            two -= 1
    parts = [shorten(first, one)]
    if second is not None:
        parts.append(shorten(second, two))
    return "_".join([*parts, label])


def _choose(
    schema: Schema, table: Name, addition: str | None, label: str, *, relation: bool, constraint: bool, taken: int = 0
) -> str:
    """Choose the first free name; of those free by what is known, so many have been `taken`."""
    number = 0
    while True:
        chosen = make_object_name(table.name, addition, f"{label}{number}" if number else label)
        name = Name(table.schema, chosen)
        clash = relation and relation_exists(schema, name)
        if not clash and not (constraint and schema.bears_constraint(name)):
            if not taken:
                return chosen
            taken -= 1
        number += 1


def relation_exists(schema: Schema, name: Name) -> bool:
    """Say whether a table, view, sequence, index or composite type has that qualified name."""
    held = name in schema.tables or name in schema.views or name in schema.sequences or name in schema.composites
    return held or schema.index_table(name) is not None or schema.index_view(name) is not None


def none_such(schema: Schema, name: Name, wanted: str) -> str:
    """Say why a relation is not one of the wanted kind: another one has its name, or none."""
    return f"{name} is not a {wanted}" if relation_exists(schema, name) else f"{wanted} {name} does not exist"


def _unused(original: str, taken: Sequence[str]) -> str:
    name, number = original, 0
    while name in taken:
        number += 1
        suffix = str(number)
        name = shorten(original, MAX_IDENTIFIER_BYTES - len(suffix)) + suffix
    return name
