"""Tables known to be small: what grows with a table's size is worth knowing there, and no more."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.model.effect import Analysed
from migrate_safe.model.finding import Finding, Severity
from migrate_safe.model.names import Name
from migrate_safe.model.preferences import SmallTable
from migrate_safe.model.schema import Table, TableKind
from migrate_safe.model.values import replace
from migrate_safe.rulebook.facts import Facts
from migrate_safe.rulebook.rule import All, AnyOf, Condition, Is, Rule

_GROWING = frozenset({"rewrites", "scans", "builds"})
_UNITS = (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024))


def on_small_tables(finding: Finding, rule: Rule, facts: Facts, whole: Analysed, small: SmallTable) -> Finding:
    """Make a notice of a finding about time that grows with size, where all tables that it goes through are small."""
    if not (facts.rewrites or facts.scans or facts.builds) or not grows_with_size(rule.when):
        return finding
    said = [_size(whole, name, small) for name in _gone_through(whole)]
    if not said or not all(said):
        return finding
    message = f"{finding.message} It is no more than a notice: {', '.join(filter(None, said))}."
    return replace(finding, severity=Severity.NOTICE, message=message)


def grows_with_size(condition: Condition) -> bool:
    """Say whether a rule speaks of rewrites, scans or index builds."""
    match condition:
        case Is(fact, values):
            return fact in _GROWING and True in values
        case All(parts) | AnyOf(parts):
            return any(grows_with_size(part) for part in parts)
        case _:
            return False


def _gone_through(whole: Analysed) -> Iterator[Name]:
    """Give the tables that a statement goes through, in place of their indexes and sequences, but for new ones."""
    effect = whole.effect
    names = (_table_of(whole, name) for name in (*effect.rewrites, *effect.scans, *effect.builds))
    yield from dict.fromkeys(name for name in names if name not in whole.born)


def _table_of(whole: Analysed, name: Name) -> Name:
    schema = whole.before
    table, sequence = schema.index_table(name), schema.sequences.get(name)
    if table is not None:
        return table.name
    return sequence.owner[0] if sequence is not None and sequence.owner is not None else name


def _size(whole: Analysed, name: Name, small: SmallTable) -> str | None:
    """Say how small a table is; None where it is not, or nobody knows."""
    table = whole.before.tables.get(name)
    if table is None or table.partial:
        return None
    if table.kind is TableKind.PARTITIONED:
        return f"{name} holds no rows itself"
    if small.rows is not None:
        known = table.rows is not None and table.rows <= small.rows
    else:
        known = table.bytes is not None and small.bytes is not None and table.bytes <= small.bytes
    return _words(table) if known else None


def _words(table: Table) -> str:
    parts = [f"{table.rows:,} rows"] if table.rows is not None else []
    parts += [_bytes(table.bytes)] if table.bytes is not None else []
    return f"{table.name} is small, about {' and '.join(parts)}"


def _bytes(number: int) -> str:
    return next((f"{number // size} {unit}" for unit, size in _UNITS if number >= size), f"{number} bytes")
