"""What the judge is asked and what it answers, as values."""

from __future__ import annotations

import re

from msgspec import Struct, field

from migrate_safe.model.effect import BreakKind
from migrate_safe.model.names import Name
from migrate_safe.model.release import AppQuery


class Question(Struct, frozen=True):
    """One query of one app version in the form that PREPARE takes: placeholders written as $1, $2...

    `relations` are the tables that it names, `writes` says that it changes rows. `only_prepare` says why the query
    is never run, "" when it is.
    """

    version: str
    query: AppQuery
    sql: str
    search_path: tuple[str, ...] = ()
    relations: tuple[Name, ...] = ()
    writes: bool = False
    only_prepare: str = ""


class Unasked(Struct, frozen=True):
    """A query that the judge cannot be asked, and why."""

    version: str
    query: AppQuery
    reason: str


class Refusal(Struct, frozen=True):
    """An error of the server. `position` counts characters of the statement from 1, None where it names none.

    `constant`: all that the refusing constraint is about are constants of the query or defaults, so that no parameter
    changes it.
    """

    sqlstate: str
    message: str
    position: int | None = None
    table: str = ""
    column: str = ""
    constraint: str = ""
    constant: bool = False

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes two refusals the same one: not the words, which quote values."""
        return (self.sqlstate, self.table, self.column, self.constraint)

    @property
    def for_certain(self) -> bool:
        """Whether it can be blamed on the schema, whatever the values: no sample could have been accepted."""
        if self.sqlstate == "23514":  # a CHECK sees the new row alone; other constraints see what rows there are
            return self.constant
        return self.sqlstate[:2] in ("42", "0A", "3F") or self.sqlstate in ("23502", "428C9")

    @property
    def turns_on_values(self) -> bool:
        """Whether a constraint refused values, or rows, in the place of which others may be accepted."""
        return self.sqlstate.startswith("23") and not self.constant and not self.for_certain


class Outcome(Struct, frozen=True):
    """How one execution ended: refused, or done with so many rows.

    `others`: refused, but the same query is accepted with other values, and reaches rows with them as it did before.
    """

    refusal: Refusal | None = None
    rows: int = 0
    others: bool = False


class Trial(Struct, frozen=True):
    """Values to execute a query with, run by run in one transaction that is rolled back.

    `what` says what this trial shows beyond the ordinary one, e.g. `when values repeat`.
    """

    runs: tuple[tuple[str, ...], ...]
    what: str = ""


class Sampled(Struct, frozen=True):
    """What was found out about a query at its reference state: trials that the schema there accepts.

    The first one is the ordinary one and reaches so many `rows`. `refusal` is set, and `trials` holds the last one
    tried, where none was accepted. `row_refused`: the only values that were accepted reach no row, this is why.
    """

    trials: tuple[Trial, ...] = ()
    refusal: Refusal | None = None
    rows: int = 0
    row_refused: Refusal | None = None


class Answer(Struct, frozen=True):
    """What the server said of one question at one state.

    `refused`: PREPARE failed in a new session. `outcomes`: one per trial, in a new session. `stale`: the
    statement that an older session had prepared at the reference state fails now.
    """

    refused: Refusal | None = None
    parameters: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    stale: Refusal | None = None
    sampled: Sampled = field(default_factory=Sampled)

    @property
    def for_certain(self) -> Refusal | None:
        """The refusal that no choice of values explains away, seen without comparing with another state."""
        refusal = self.refused or self.sampled.refusal
        return refusal if refusal is self.refused or (refusal is not None and refusal.for_certain) else None


_NAMED = re.compile(r'\s*((?:"(?:[^"]|"")+"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[\w$]+))*)')
_QUOTED = re.compile(r'"([^"]+)"(?: of relation "([^"]+)")?')
_ARBITER = re.compile(r"\bON\s+CONFLICT\s*(\([^)]*\))", re.IGNORECASE)


def object_of(refusal: Refusal, question: Question) -> str:
    """Name what is missing or in the way: by the error's own fields, the place it points at, or its words."""
    if refusal.constraint:
        return f"{refusal.constraint} on {refusal.table}" if refusal.table else refusal.constraint
    if refusal.column:
        return f"{refusal.table}.{refusal.column}" if refusal.table else refusal.column
    if refusal.sqlstate == "42P10" and (arbiter := _ARBITER.search(question.sql)):
        return _of_table(f"ON CONFLICT {arbiter[1]}", question)
    if refusal.position is not None and (named := _NAMED.match(question.sql, refusal.position - 1)):
        return _qualified(named[1], question) if refusal.sqlstate == "42703" else named[1]
    quoted = _QUOTED.search(refusal.message)
    if quoted is None:
        return refusal.table
    if quoted[2]:
        return f"{quoted[2]}.{quoted[1]}"
    return _qualified(quoted[1], question) if refusal.sqlstate == "428C9" else quoted[1]


def _qualified(column: str, question: Question) -> str:
    """Put the table before a column where the query names only one."""
    if "." in column or len(question.relations) != 1:
        return column
    return f"{question.relations[0]}.{column}"


def _of_table(what: str, question: Question) -> str:
    return f"{what} of {question.relations[0]}" if len(question.relations) == 1 else what


def kind_of(refusal: Refusal) -> BreakKind:
    """Tell in which way a refusal of a new session hurts."""
    match refusal.sqlstate:
        case "42P10":
            return BreakKind.ARBITER
        case "428C9" | "22001" | "22003" | "44000":
            return BreakKind.WRITE_REFUSED
        case state if state.startswith("23"):
            return BreakKind.WRITE_REFUSED
        case "42703" | "42P01" | "42883" | "42704" | "3F000":
            return BreakKind.GONE
        case _:
            return BreakKind.VALUE


_FAMILIES = (
    frozenset({"text", "character varying", "character", "name", "citext"}),
    frozenset({"smallint", "integer", "bigint"}),
    frozenset({"real", "double precision"}),
)


def same_parameter(before: str, after: str) -> bool:
    """Say whether drivers encode values of both types alike, so that an app notices nothing.

    Drivers that ask the server for parameter types (asyncpg, pgx, node's binary mode) encode by them; text-like
    types and integers of another width take the same values of the app.
    """
    return before == after or any(before in family and after in family for family in _FAMILIES)
