"""What a statement does to a live database, predicted or observed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct, field

from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import Statement
from migrate_safe.model.values import PartlyCompared


class BreakKind(StrEnum):
    """How a change can hurt an app version that is running."""

    GONE = "gone"
    """A name that old queries use no longer resolves."""
    WRITE_REFUSED = "write refused"
    """Writes that were accepted before may now fail."""
    SHAPE = "shape"
    """Prepared SELECT * (and RETURNING *) raise "cached plan must not change result type"."""
    ARBITER = "arbiter"
    """ON CONFLICT no longer finds its unique index."""
    VALUE = "value"
    """Readers may meet values that they do not know (NULL, new enum value, another type)."""


class Break(Struct, frozen=True):
    """One way in which an app version may break: `object` is the column, table or index, for people."""

    kind: BreakKind
    object: str


class TransactionRule(StrEnum):
    """What Postgres demands of the surrounding transaction."""

    ANY = "any"
    FORBIDDEN = "forbidden"
    """Raises 25001 inside a transaction block (CONCURRENTLY, VACUUM, CREATE DATABASE...)."""


class Effect(Struct, frozen=True):
    """The effect of one statement on a known (or partly known) schema.

    `locks`: strongest mode per relation a client can name, also those taken implicitly.
    `rewrites`: relations whose storage is written anew; `scans`: tables read in full while the
    statement holds its locks; `builds`: tables on which an index is built (a scan as well, and listed there).
    `depends`: each reason why the answer depends on what is not known here; the worse outcome is then given.
    `unknown`: why nothing is known; the effect is then the worst case.
    `fails`: why the server would refuse the statement in this place, where that is certain.
    """

    locks: tuple[Lock, ...] = ()
    rewrites: tuple[Name, ...] = ()
    scans: tuple[Name, ...] = ()
    builds: tuple[Name, ...] = ()
    looked_up: tuple[Name, ...] = ()
    """Of `scans`, those that the check of a foreign key reads through an index where statistics make that cheaper."""
    transaction: TransactionRule = TransactionRule.ANY
    waits_for_old_transactions: bool = False
    """Waits until every older transaction that uses its table has ended."""
    waits_for_snapshots: bool = False
    """Waits until every older transaction of the database that holds a snapshot has ended, whatever it uses."""
    breaks: tuple[Break, ...] = ()
    loses: tuple[str, ...] = ()
    """Data that is destroyed: `table public.t`, `column public.t.c`."""
    depends: tuple[str, ...] = ()
    refused_by: tuple[str, ...] = ()
    """What rows would make the server refuse the statement, if there are any."""
    unknown: str | None = None
    fails: str | None = None

    @property
    def grows_with_size(self) -> bool:
        """Whether the duration grows with the size of a table."""
        return bool(self.rewrites or self.scans or self.builds or self.unknown)

    def mode_on(self, relation: Name) -> LockMode | None:
        """Give the mode taken on a relation, or None."""
        return next((x.mode for x in self.locks if x.relation == relation), None)


class Observed(Struct, frozen=True):
    """What one statement did on a server: `effect.fails` is the server's refusal, `sqlstate` its code.

    `inside` says that it ran in a transaction, so that its locks are known in full. Else the locks on relations that
    are `unsure` (temporary tables, where nobody can stand in the way, and what shares an obstacle) came and went.
    `ms` is its time in milliseconds without waiting for others; `held` are the locks that its transaction had before
    it, whereas `effect.locks` are those that it took beyond them. Tables that were `empty` and got other storage cannot
    show a scan or build; nothing is known of those that are `untold`: the server names no schemas, or it skipped them
    for who observes. Of those that are `counted` the server has statistics, by which it plans, or they have no rows.
    """

    effect: Effect
    ms: float = 0.0
    held: tuple[Lock, ...] = ()
    inside: bool = True
    sqlstate: str | None = None
    unsure: frozenset[Name] = frozenset()
    empty: frozenset[Name] = frozenset()
    untold: frozenset[Name] = frozenset()
    counted: frozenset[Name] = frozenset()


class Prepared(Struct, frozen=True):
    """A prepared statement, and the columns that it gave then, names and types, as far as they are known."""

    statement: Statement
    columns: tuple[tuple[str, str], ...] | None = None


class Cursor(Struct, frozen=True):
    """A cursor; `query` is None once all its rows are read. `hold` says that it outlives its transaction."""

    query: Statement | None
    hold: bool = False


class SessionNames(Struct, frozen=True):
    """What a session has by name; `whole` says that it has nothing else."""

    prepared: Mapping[str, Prepared] = field(default_factory=dict)
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    whole: bool = True


class Session(PartlyCompared, frozen=True, eq=False):
    """Settings in force when a statement runs; milliseconds, None where never set, 0 means no limit."""

    UNCOMPARED: ClassVar[frozenset[str]] = frozenset({"names"})

    lock_timeout: int | None = None
    statement_timeout: int | None = None
    time_zone: str | None = None
    search_path: tuple[str, ...] | None = None
    checks_bodies: bool = True
    """Whether CREATE FUNCTION looks into an SQL body: `check_function_bodies`."""
    names: SessionNames = field(default_factory=SessionNames)


class Analysed(Struct, frozen=True):
    """A statement in its place: the schema before, its effect, and the state of its session.

    `held` are the locks that earlier statements of the same transaction still hold.
    `born` are relations created earlier in the same migration: empty (or filled by it) and private.
    """

    statement: Statement
    before: Schema
    after: Schema
    effect: Effect
    in_transaction: bool = False
    held: tuple[Lock, ...] = ()
    born: frozenset[Name] = field(default_factory=frozenset)
    session: Session = Session()
    wrapped: bool = False
    """The runner, or the server for it, opened the transaction, not a BEGIN of the file."""
    implicit: bool = False
    """It is the server's, for one message of several statements: BEGIN makes it an ordinary one."""
