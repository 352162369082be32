"""Words about the sequences that number the rows of a new column."""

from __future__ import annotations

from migrate_safe.catalog.naming import sequence_name
from migrate_safe.model.names import MAX_IDENTIFIER_BYTES, Name, shorten
from migrate_safe.model.statement import ColumnDef, SequenceOptions
from migrate_safe.model.values import replace
from migrate_safe.rulebook.facts import Words
from migrate_safe.rulebook.parts import Part


def numbering(words: Words, part: Part, definition: ColumnDef) -> Words:
    """Name the sequence that the server would make, one that numbers rows until then, and what both are told."""
    assert part.relation is not None
    column, options = definition.column, definition.sequence or SequenceOptions()
    table = part.whole.before.resolve(part.relation)
    own = options.name or Name(None, sequence_name(part.whole.before, table, column.name))
    said = options_text(options)
    helper = fitting(f"{part.relation.name}_{column.name}", "_numbers")
    identity = f"{str(column.identity).upper()} AS IDENTITY{f' ({said})' if said else ''}"
    return replace(
        words,
        sequence=str(own if own.schema is not None else Name(part.relation.schema, own.name)),
        numbers=str(Name(part.relation.schema, helper)),
        numbered=" ".join(filter(None, ("AS", options.type or str(column.type), said))),
        identity=identity if column.identity is not None else "",
    )


def options_text(options: SequenceOptions) -> str:
    """Write the options of an identity column as SQL has them; empty where there are none."""
    told = [
        ("START WITH", options.start),
        ("INCREMENT BY", options.increment),
        ("MINVALUE", options.minimum),
        ("MAXVALUE", options.maximum),
        ("CACHE", options.cache),
    ]
    found = [f"{word} {value}" for word, value in told if value is not None]
    found += ["NO MINVALUE"] if options.no_minimum else []
    found += ["NO MAXVALUE"] if options.no_maximum else []
    return " ".join(found + (["CYCLE"] if options.cycle else []))


def fitting(name: str, ending: str) -> str:
    """Put an ending on a name, cutting the name where both would be too long for the server."""
    return shorten(name, MAX_IDENTIFIER_BYTES - len(ending.encode())) + ending
