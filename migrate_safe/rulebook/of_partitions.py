"""Words of statements that bring a partition: the CHECK constraints that spare the server a look at its rows."""

from __future__ import annotations

from migrate_safe.effects.partitions import default_of
from migrate_safe.model.names import MAX_IDENTIFIER_BYTES, Name, quote_ident, shorten
from migrate_safe.model.schema import Table
from migrate_safe.model.statement import AttachPartition, CreateTable
from migrate_safe.model.values import replace
from migrate_safe.rulebook.facts import Words
from migrate_safe.rulebook.parts import Part
from migrate_safe.sql.conditions import bound_condition, condition_text, negated


def new_partition(words: Words, part: Part) -> Words:
    """Name the new partition and the DEFAULT one beside it, and what a CHECK of each has to say."""
    match part.action:
        case AttachPartition(partition, bound) if part.relation is not None:
            parent = part.relation
        case CreateTable(partition, partition_of=Name() as parent, partition_bound=str(bound)):
            pass
        case _:
            return words
    table = part.whole.before.table(parent)
    if table is None:
        return words
    fits = bound_condition(table.partition_key or "", bound)
    words = replace(
        words, partition=str(partition), partition_check=_check(partition, "_fits"), bounds=condition_text(fits)
    )
    return _beside(words, part, table, parent, condition_text(negated(fits)))


def _beside(words: Words, part: Part, table: Table, parent: Name, outside: str) -> Words:
    found = default_of(part.whole.before, table)
    if not found:
        return words
    rest = Name(parent.schema, found[0].name.name) if found[0].name.schema == table.name.schema else found[0].name
    return replace(words, rest=str(rest), rest_check=_check(rest, "_leaves_out"), outside=outside)


def _check(table: Name, ending: str) -> str:
    return quote_ident(shorten(table.name, MAX_IDENTIFIER_BYTES - len(ending)) + ending)
