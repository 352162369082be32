"""Steps in the making: what recipes return before the planner orders them and works out their locks."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Phase, Requirement, Sql, Step, Work
from migrate_safe.model.schema import Schema


class Rank(IntEnum):
    """The order of steps in a plan: independent changes share phases, and each phase goes in these moves.

    Contract first proves that the old app has left everything right, then relaxes, hides, and only then enforces.
    """

    SHAPE = 0
    """expand: columns, tables, what the old app cannot notice"""
    BUILD = 1
    """expand: indexes on what is there already"""
    FILL = 2
    """migrate: backfills"""
    PROVE = 3
    """migrate: verification of backfills"""
    COPY = 4
    """migrate: indexes on what was filled"""
    HOLD = 5
    """migrate: constraints that nobody's writes can break"""
    RECHECK = 6
    """contract: verification without old writers"""
    QUIET = 7
    """contract: relax what could refuse the new app"""
    HIDE = 8
    """contract: rename out of sight"""
    ENFORCE = 9
    """contract: constraints that old writers could break"""
    RETIRE = 10
    """contract: what something else has taken the place of"""
    DROP = 11
    """purge"""

    @property
    def phase(self) -> Phase:
        """The phase that the move belongs to."""
        if self <= Rank.BUILD:
            return Phase.EXPAND
        if self <= Rank.HOLD:
            return Phase.MIGRATE
        return Phase.CONTRACT if self < Rank.DROP else Phase.PURGE


class Draft(Struct, frozen=True):
    """A step with its place in the order; its locks are not filled in yet."""

    rank: Rank
    step: Step


class Outcome(Struct, frozen=True):
    """What a recipe makes of an operation: steps, words for the reviewer, and the tables that it touches."""

    drafts: tuple[Draft, ...] = ()
    summary: str = ""
    notes: tuple[str, ...] = ()
    touches: tuple[Name, ...] = ()


class CannotPlan(Exception):
    """There is no safe road that the planner knows: why, and what a person can do."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


NOTHING = Sql()
"""Nothing to do in this direction."""

PURGE_WINDOW = "7d"
"""How long a retired column waits, after contract, before it may be dropped."""


def draft(
    rank: Rank,
    what: str,
    target: str,
    does: str,
    work: Work,
    undo: Work | None = NOTHING,
    *,
    takes_back: tuple[Draft, ...] = (),
    not_before: str | None = None,
    irreversible: str | None = None,
) -> Draft:
    """Make a step; its id reads `phase.what.target`."""
    step = Step(
        id=f"{rank.phase}.{what}.{target}",
        phase=rank.phase,
        does=does,
        work=work,
        undo=undo,
        takes_back=tuple(d.step.id for d in takes_back),
        not_before=not_before,
        irreversible=irreversible,
    )
    return Draft(rank, step)


def sql(*statements: str, require: tuple[Requirement, ...] = ()) -> Sql:
    """Make SQL whose locks are filled in later."""
    return Sql(statements, (), require)


def column_target(table: Name, *columns: str) -> str:
    """Name columns in a step's id: `public.users.email`."""
    return f"{table}." + "+".join(quote_ident(c) for c in columns)


def row_keys(schema: Schema, table: Name) -> str:
    """Write the columns by which people find a row: its primary key, else its place."""
    known = schema.table(table)
    return ", ".join(quote_ident(c) for c in known.primary_key) if known is not None and known.primary_key else "ctid"


_FIRST = (
    ("create-schema", "create-extension"),
    ("create-type", "create-domain"),
    ("create-sequence",),
    ("create-table",),
)


def in_order(drafts: Iterable[Draft]) -> tuple[Draft, ...]:
    """Put steps in the order of their moves; types and tables come before what uses them."""
    return tuple(sorted(drafts, key=lambda d: (d.rank, _first(d))))


def _first(item: Draft) -> int:
    what = item.step.id.split(".")[1]
    return next((at for at, words in enumerate(_FIRST) if what in words), len(_FIRST))
