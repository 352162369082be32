"""Putting effects together, and the small words that the families share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import TypeVar

from msgspec import Struct, field

from migrate_safe.catalog.change import family as every_member
from migrate_safe.catalog.change import is_partitioned
from migrate_safe.model.effect import Break, BreakKind, Effect, Session, TransactionRule
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Schema, Table, TableKind
from migrate_safe.model.values import replace

T = TypeVar("T")

PARTITIONED_INDEXES_PLANNED = 16
"""From this major version on the planner looks at (and locks) the indexes of a partitioned table itself."""


class Scene(Struct, frozen=True):
    """What surrounds a statement: the schema before it, its session, and its transaction.

    `fresh_values` are (enum, value) pairs that this transaction added and so may not use yet, `pending` the tables with
    the constraints and triggers that have yet to see its rows, `deferred` those that SET CONSTRAINTS deferred (None are
    all of them).
    """

    schema: Schema
    session: Session = field(default_factory=Session)
    in_transaction: bool = False
    fresh_values: frozenset[tuple[Name, str]] = field(default_factory=frozenset)
    pending: frozenset[tuple[Name, str]] = field(default_factory=frozenset)
    deferred: frozenset[str] | None = field(default_factory=frozenset)
    stored: frozenset[Name] = field(default_factory=frozenset)
    """Tables whose storage is new since the transaction, or its latest savepoint, began: TRUNCATE empties it."""

    @property
    def version(self) -> int:
        """The server's major version."""
        return self.schema.server_version

    def at(self, schema: Schema) -> Scene:
        """Give the scene with another schema."""
        return replace(self, schema=schema)

    def table(self, name: Name) -> Table:
        """Give a table; one that nobody has described is partly known."""
        return self.schema.table(name) or Table(self.schema.resolve(name), partial=True)


def family(schema: Schema, table: Table, *, only: bool = False) -> tuple[Table, ...]:
    """Give the table and all that inherit from it, also partitions that nobody has described.

    Partitions are mostly made by a function or an extension, so that no migration shows them: where the schema is
    not complete and tells of none, one that is partly known stands for them under the parent's name.
    """
    found = every_member(schema, table, only=only)
    if only or schema.complete or len(found) > 1 or not is_partitioned(table):
        return found
    return (*found, replace(table, kind=TableKind.TABLE, partial=True))


def reached(schema: Schema, table: Table, goes_on: Callable[[Table], bool]) -> tuple[Table, ...]:
    """Give the table, its children, and what is below those children at which a change does not stop."""
    found = [table]
    for child in schema.partitions_of(table.name):
        found += reached(schema, child, goes_on) if goes_on(child) else [child]
    return tuple(dict.fromkeys(found)) if len(found) > 1 else family(schema, table)


_NOTHING = Effect()


def merge(*effects: Effect) -> Effect:
    """Give the effect of several things done by one statement: the strongest lock per relation, all the rest."""
    found = [e for e in effects if e.locks or (e is not _NOTHING and e != _NOTHING)]
    if len(found) < 2:
        return found[0] if found else _NOTHING
    forbidden = any(e.transaction is TransactionRule.FORBIDDEN for e in found)
    return Effect(
        locks=strongest(lock for e in found for lock in e.locks),
        rewrites=_together([e.rewrites for e in found]),
        scans=_together([e.scans for e in found]),
        builds=_together([e.builds for e in found]),
        looked_up=_together([e.looked_up for e in found]),
        transaction=TransactionRule.FORBIDDEN if forbidden else TransactionRule.ANY,
        waits_for_old_transactions=any(e.waits_for_old_transactions for e in found),
        waits_for_snapshots=any(e.waits_for_snapshots for e in found),
        breaks=_together([e.breaks for e in found]),
        loses=_together([e.loses for e in found]),
        depends=_together([e.depends for e in found]),
        refused_by=_together([e.refused_by for e in found]),
        unknown=next((e.unknown for e in found if e.unknown), None),
        fails=next((e.fails for e in found if e.fails), None),
    )


def _together(parts: list[tuple[T, ...]]) -> tuple[T, ...]:
    """Give what stands in any of them, without repetition, in order; mostly that is nothing."""
    return tuple(dict.fromkeys(chain.from_iterable(parts))) if any(parts) else ()


def strongest(locks: Iterable[Lock]) -> tuple[Lock, ...]:
    """Give one lock per relation, the strongest, in the order in which relations come first."""
    modes: dict[Name, LockMode] = {}
    for lock in locks:
        modes[lock.relation] = max(lock.mode, modes.get(lock.relation, lock.mode))
    return tuple(Lock(relation, mode) for relation, mode in modes.items())


def distinct(names: Iterable[Name]) -> tuple[Name, ...]:
    """Give the names without repetition, in order."""
    return tuple(dict.fromkeys(names))


def locking(mode: LockMode, *relations: Name) -> Effect:
    """Give the effect of taking one lock mode on relations."""
    return Effect(locks=tuple(Lock(r, mode) for r in relations))


def index_names(table: Table) -> tuple[Name, ...]:
    """Give the qualified names of all indexes of a table."""
    return tuple(Name(table.name.schema, i.name) for i in table.indexes if i.name is not None)


def planned_indexes(scene: Scene, table: Table) -> tuple[Name, ...]:
    """Give the indexes of a table that planning a query over it locks."""
    seen = not is_partitioned(table) or scene.version >= PARTITIONED_INDEXES_PLANNED
    return index_names(table) if seen else ()


def rewriting(table: Table) -> Effect:
    """Give the effect of writing a table anew: all its indexes are locked and built again.

    A partitioned table has nothing to write: its partitions have.
    """
    if is_partitioned(table):
        return locking(LockMode.ACCESS_EXCLUSIVE, table.name)
    indexes = index_names(table)
    locked = locking(LockMode.ACCESS_EXCLUSIVE, table.name, *indexes)
    built = (table.name,) if indexes or table.partial else ()
    return replace(locked, rewrites=(table.name, *indexes), scans=(table.name,), builds=built)


def scanning(*tables: Name) -> Effect:
    """Give the effect of reading tables in full."""
    return Effect(scans=tables)


def building(table: Name) -> Effect:
    """Give the effect of building an index."""
    return Effect(scans=(table,), builds=(table,))


def breaking(kind: BreakKind, thing: str) -> Effect:
    """Give the effect of breaking something for running apps."""
    return Effect(breaks=(Break(kind, thing),))


def column_text(table: Name, column: str) -> str:
    """Write a column for people: `public.t.c`."""
    return f"{table}.{quote_ident(column)}"
