"""Plans: a migration as steps in four phases, each with its way back.

Steps are linear: a database stands at a position k, meaning that the first k steps are done. Doing
step k+1 or undoing step k moves the position; nothing else does. So from any position, also after a
failure half-way, both `apply` and `rollback` lead out.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from migrate_safe.model.locks import Lock
from migrate_safe.model.names import Name, quote_ident, quote_literal

PLAN_FORMAT = "migrate-safe/plan/1"


class Phase(StrEnum):
    """The four phases, in order."""

    EXPAND = "expand"
    MIGRATE = "migrate"
    CONTRACT = "contract"
    PURGE = "purge"

    @property
    def order(self) -> int:
        """0 for expand."""
        return list(Phase).index(self)


class Requirement(Struct, frozen=True):
    """Something that must hold before a piece of SQL runs, proven by a query that must return no row.

    `query` selects offending keys (the executor adds its own LIMIT and count); `message` says what they mean.
    """

    query: str
    message: str


class Sql(Struct, frozen=True):
    """SQL that runs in one transaction together with its journal event.

    `locks` are all relation locks that the statements take; those that block reads or writes are taken
    up front within the stall budget, in this order, the first one waiting and the others NOWAIT.
    Empty `statements` mean that there is nothing to do in this direction.
    """

    statements: tuple[str, ...] = ()
    locks: tuple[Lock, ...] = ()
    require: tuple[Requirement, ...] = ()


class BuildIndex(Struct, frozen=True):
    """CREATE INDEX CONCURRENTLY, outside any transaction. `statement` carries CONCURRENTLY and the name.

    Done when the index exists and is valid. A dead invalid leftover is dropped first; a build that a
    live backend still runs is waited for.
    """

    table: Name
    index: Name
    statement: str


class DropIndexConcurrently(Struct, frozen=True):
    """DROP INDEX CONCURRENTLY. Done when no such index exists."""

    table: Name
    index: Name


class Backfill(Struct, frozen=True):
    """Fill columns of existing rows in small batches: UPDATE table SET assign WHERE unset.

    `assign` maps column -> expression over the row; `unset` is the predicate of rows still to do, false once
    done. The executor adds key ranges and the settings of `markers`.
    """

    table: Name
    assign: tuple[tuple[str, str], ...]
    unset: str


BACKFILL_MARKER = "migrate_safe.backfill"
"""The setting that is `on` in transactions of a backfill."""
FILLING = "migrate_safe.filling"
"""The setting that says in them what is filled."""


def filling(table: Name, columns: Iterable[str]) -> str:
    """Write what is filled."""
    return f"{table}.{'+'.join(map(quote_ident, columns))}"


def markers(work: Backfill) -> tuple[str, str]:
    """Write the statements by which triggers know the UPDATEs of a backfill."""
    what = quote_literal(filling(work.table, (column for column, _ in work.assign))).strip()
    return f"SET LOCAL {BACKFILL_MARKER} = 'on';", f"SET LOCAL {FILLING} = {what};"


class Verify(Struct, frozen=True):
    """Prove, in batches, that `holds` is true of every row (NULL counts as false)."""

    table: Name
    holds: str
    message: str


Work = Sql | BuildIndex | DropIndexConcurrently | Backfill | Verify


class Step(Struct, frozen=True):
    """One step: what it does forward and on the way back.

    `undo` is None only in purge, where `irreversible` says what is lost. `takes_back` names earlier steps
    (directly preceding, contiguous) that this step's undo takes back as well, so that undoing it moves
    the position below them. `not_before` is a waiting time after the last contract step (`7d`, `12h`, `30m`).
    """

    id: str
    phase: Phase
    does: str
    work: Work
    undo: Work | None
    takes_back: tuple[str, ...] = ()
    not_before: str | None = None
    irreversible: str | None = None


class PlanSource(Struct, frozen=True):
    """The migration that was planned: file and digest of its bytes (hex).

    Several files are listed with commas; the digest is then that of all of them, one after the other.
    """

    file: str
    sha256: str

    @property
    def files(self) -> tuple[str, ...]:
        """Each file by itself."""
        return tuple(self.file.split(", "))


class PlanRelease(Struct, frozen=True):
    """The app release that the plan belongs to."""

    app: str
    old: str
    new: str
    strategy: str = "rolling"


PLAN_ENDINGS = (".yaml", ".yml")
"""Endings of plan files: commands take what ends so, or holds a slash, for a file and everything else for a name."""


def bad_name(name: str) -> str | None:
    """Say why a plan cannot be called by a name; None for a good one."""
    if not name.strip(" ."):
        return "it is empty, or dots alone"
    if name.startswith("-"):
        return "it would be read as an option"
    if "/" in name or name.endswith(PLAN_ENDINGS):
        return "it would be read as a file"
    return None if name.isprintable() else "it has characters that cannot be shown"


class Plan(Struct, frozen=True):
    """A phased plan.

    `fingerprint` is that of the touched objects at planning time (`sha256:<hex>`, see catalog.fingerprint);
    `touches` names the tables it covers.
    """

    name: str
    summary: str
    source: PlanSource
    steps: tuple[Step, ...]
    fingerprint: str
    touches: tuple[Name, ...]
    postgres: str = ">=14"
    release: PlanRelease | None = None
    notes: tuple[str, ...] = ()
    """What a reviewer must know: queries to re-prepare, how the runner learns that it is done."""

    def step(self, step_id: str) -> Step | None:
        """Give the step of that id, or None."""
        return next((s for s in self.steps if s.id == step_id), None)

    def end_of(self, phase: Phase) -> int:
        """Give the position after the last step of a phase: how many steps are then done."""
        return sum(1 for s in self.steps if s.phase.order <= phase.order)
