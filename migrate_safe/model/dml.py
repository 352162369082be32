"""Data statements as values.

Rooms import these from `migrate_safe.model.statement`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from migrate_safe.model.expr import Expr
from migrate_safe.model.names import Name
from migrate_safe.model.query import Scope, Shape
from migrate_safe.model.values import PartlyCompared


class DmlKind(StrEnum):
    """Data statements."""

    SELECT = "select"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    COPY_FROM = "copy from"
    COPY_TO = "copy to"


class Conflict(Struct, frozen=True):
    """What ON CONFLICT looks for an index by, and the columns that DO UPDATE sets (`updates`).

    `predicate` is the condition that a partial index may have.
    """

    columns: tuple[str, ...] = ()
    expressions: tuple[Expr, ...] = ()
    predicate: Expr | None = None
    constraint: str | None = None
    updates: bool = False
    sets: tuple[str, ...] = ()

    @property
    def looks_for_index(self) -> bool:
        """Whether it names columns or a constraint."""
        return bool(self.columns or self.expressions or self.constraint)


class Draw(Struct, frozen=True):
    """A call of nextval(), setval() or currval() of the sequence `name`, made in any case where it is `sure`.

    With `column`, `name` is a table, and the sequence the one that pg_get_serial_sequence() gives for both.
    """

    name: Name
    column: str | None = None
    sure: bool = False


class Writing(Struct, frozen=True):
    """What one part of a data statement gives other values than DEFAULT: columns by name, or by place (INSERT).

    Of a query that gives a star the places are not known: None. `overriding` is `system` or `user`, as INSERT says.
    """

    table: Name
    columns: tuple[str, ...] = ()
    places: tuple[int, ...] | None = ()
    updates: bool = False
    overriding: str = ""


class Dml(PartlyCompared, frozen=True, eq=False):
    """A data statement. `target` is the table written (None for SELECT), `reads` every other relation named.

    `bounded` is false for UPDATE and DELETE without a WHERE (or with one that names no column).
    `from_query` is true for INSERT ... SELECT. `functions` holds every function called: a SELECT may do anything.
    `only` are the relations behind ONLY, `row_locked` those whose rows FOR UPDATE and the like lock, `also` what
    further parts of WITH write, `draws` the calls of nextval() and the like, `texts` the relations that literals name
    as regclass. `arbiter` says that ON CONFLICT looks for an index, `filtered` that a condition may leave partitions
    out. `given` are the places of an INSERT that surely get a value of their own, None where these are not known.
    `sources` are the relations beside the target whose rows are gone through, `pinned` the columns (of the target, or
    of the only source of an INSERT) that WHERE compares with given values, `ranged` says that it gives one of them a
    lower and an upper end. `conflict` is the ON CONFLICT of `target`,
    `shape` what a query gives or an INSERT is given.
    `scopes` hold the columns named; inside a block, where variables have names too, there are none. `writings` tell
    what each part writes, that of `target` first. `twice` is a column that one list names a second time. `merges` are
    the kinds of what a MERGE does.
    """

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"shape", "scopes", "writings"})

    kind: DmlKind
    target: Name | None
    reads: tuple[Name, ...] = ()
    columns: tuple[str, ...] = ()
    bounded: bool = True
    from_query: bool = False
    for_update: bool = False
    functions: frozenset[Name] = frozenset()
    only: tuple[Name, ...] = ()
    row_locked: tuple[Name, ...] = ()
    also: tuple[tuple[DmlKind, Name], ...] = ()
    draws: tuple[Draw, ...] = ()
    texts: tuple[Name, ...] = ()
    arbiter: bool = False
    filtered: bool = False
    given: tuple[int, ...] | None = None
    sources: tuple[Name, ...] = ()
    pinned: frozenset[str] = frozenset()
    ranged: bool = False
    conflict: Conflict | None = None
    twice: str | None = None
    merges: tuple[DmlKind, ...] = ()
    shape: Shape | None = None
    scopes: tuple[Scope, ...] = ()
    writings: tuple[Writing, ...] = ()

    @property
    def queries(self) -> bool:
        """Whether it is a SELECT, or COPY of one: what its functions do is all that it may do."""
        return self.kind is DmlKind.SELECT or (self.kind is DmlKind.COPY_TO and not self.also)
