"""What migration runners say in comments and file names: directions, sections, transactions.

Facts on each runner stand in `migrate_safe.model.framework`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from msgspec import Struct

from migrate_safe.model.framework import HABITS, Framework, Runner, Unit
from migrate_safe.model.marks import AUTOCOMMIT, COMMENT, is_down_by_name, named_framework, spoken_to
from migrate_safe.model.statement import CreateIndex, Direction, DropIndex, Other, Reindex, Statement
from migrate_safe.model.values import replace
from migrate_safe.model.wrapping import Wrapping

_NO_TRANSACTION = re.compile(
    r"no[ _-]?transaction|transaction:[ \t]*false|nontransactional|txmode\s+none|disable-tx", re.IGNORECASE
)
_DIRECTION = re.compile(r"(up|down)\b|create above / (drop) below", re.IGNORECASE)
_PIECE = re.compile(r"Statement(Begin|End)\Z", re.IGNORECASE)
_OF_SECTION = frozenset({Framework.SQL_MIGRATE, Framework.DBMATE, Framework.TERN, Framework.LIQUIBASE})
"""Those whose mark against a transaction speaks of a section, not of the file."""
_BY_FLYWAY = frozenset(
    "VacuumStmt CreatedbStmt DropdbStmt CreateTableSpaceStmt DropTableSpaceStmt AlterSystemStmt CreateSubscriptionStmt "
    "DropSubscriptionStmt DiscardStmt".split()
)
_BY_SUPABASE = frozenset({"VacuumStmt", "AlterSystemStmt", "ClusterStmt"})


class Section(Struct, frozen=True):
    """A part of a file, from an offset to the next one. `declined` says that it wants no transaction of its own.

    `message` says that the runner sends it as one message.
    """

    start: int
    direction: Direction = Direction.UP
    declined: bool = False
    message: bool = False


class Markers(Struct, frozen=True):
    """The runner, all runners that were seen, and the sections in their order."""

    framework: Framework | None = None
    names: tuple[str, ...] = ()
    sections: tuple[Section, ...] = (Section(0),)

    def section_at(self, offset: int) -> Section:
        """Give the section in which a statement starts."""
        if len(self.sections) == 1:
            return self.sections[0]
        return next((s for s in reversed(self.sections) if s.start <= offset), self.sections[0])


def markers_of(path: str, comments: Iterable[tuple[int, str]], runner: Runner | None = None) -> Markers:
    """Read the marks of a file from its path and its comments, each with its offset; `runner` is what is known else."""
    given, named = runner or Runner(), named_framework(path)
    found = [(offset, match) for offset, text in comments if (match := COMMENT.match(text))]
    spoken = [
        (offset, spoken_to(match), match.group(match.lastgroup or 0))
        for offset, match in found
        if _counts(offset, spoken_to(match), given, named)
    ]
    seen = tuple(dict.fromkeys(str(f) for f in (*([named] if named else []), *(f for _, f, _ in spoken))))
    framework = given.framework if given.forced else next((f for _, f, _ in spoken), given.framework or named)
    return Markers(framework, seen, _sections(path, spoken, framework, given))


def units_of(
    markers: Markers, statements: Sequence[Statement], runner: Runner | None = None
) -> tuple[tuple[Statement, ...], tuple[Unit, ...]]:
    """Cut a file into what commits together: give the statements with the numbers of their units, and the units."""
    given = runner or Runner()
    numbered: list[Statement] = []
    units: list[Unit] = []
    for _, group in groupby(statements, key=lambda s: markers.section_at(s.span.start).start):
        together = tuple(group)
        section = markers.section_at(together[0].span.start)
        for part, unit in _sent(markers.framework, section, together, given):
            numbered += [replace(s, unit=len(units)) if units else s for s in part]
            units.append(unit)
    return tuple(numbered), tuple(units)


# ---- below -----------------------------------------------------------------------------------

_Spoken = tuple[int, Framework, str]
"""Offset, runner and words of a mark."""


def _counts(offset: int, framework: Framework, runner: Runner, named: Framework | None) -> bool:
    """Say whether a mark is one: the user may know better, and some comments are such only where nothing else speaks.

    sqlx looks at the very start of a file; "Up Migration" is what many write above one.
    """
    if runner.forced and framework is not runner.framework:
        return False
    if framework is Framework.NODE_PG_MIGRATE:
        return named is None and runner.framework in (None, framework)
    return framework is not Framework.SQLX or offset <= 1


def _sections(path: str, spoken: Sequence[_Spoken], framework: Framework | None, runner: Runner) -> tuple[Section, ...]:
    declined = bool(AUTOCOMMIT.search(path)) or runner.transaction is False
    declined |= any(f not in _OF_SECTION and _NO_TRANSACTION.search(words) for _, f, words in spoken)
    first = Section(0, Direction.DOWN if runner.down or is_down_by_name(path) else Direction.UP, declined)
    sections = [first]
    for offset, speaker, words in spoken:
        now = sections[-1]
        turned, piece = _DIRECTION.match(words), _PIECE.match(words)
        if turned:
            way = Direction.UP if turned.group().lower() == "up" else Direction.DOWN
            wants_none = speaker in _OF_SECTION and _NO_TRANSACTION.search(words) is not None
            sections.append(Section(offset, way, declined or wants_none))
        elif speaker is Framework.LIQUIBASE and words.lower().startswith("changeset"):
            sections.append(Section(offset, now.direction, declined or _NO_TRANSACTION.search(words) is not None))
        elif speaker is Framework.TERN:
            sections[-1] = replace(now, declined=True)
        elif piece and declined and framework in (Framework.GOOSE, Framework.SQL_MIGRATE):
            sections.append(replace(now, start=offset, message=piece[1].lower() == "begin"))
    return tuple(sections)


def _sent(
    framework: Framework | None, section: Section, statements: tuple[Statement, ...], runner: Runner
) -> Iterator[tuple[tuple[Statement, ...], Unit]]:
    """Cut a section into what the runner sends in one go."""
    habits = HABITS[framework or Framework.PSQL]
    if framework is Framework.SUPABASE or (framework is Framework.PRISMA and runner.mixed):
        for alone, group in groupby(statements, key=lambda s: _goes_between(framework, s.action)):
            together = tuple(group)
            one_message = not alone and (habits.wraps or len(together) > 1)
            file = Unit(Wrapping.FILE, implicit=not habits.wraps, renews=True)
            yield together, file if one_message else Unit(Wrapping.STATEMENT)
        return
    wrapped = habits.wraps and not section.declined
    if framework is Framework.FLYWAY and runner.transaction is None:
        refusing = [_alone_for_flyway(s.action) for s in statements]
        wrapped = not (any(refusing) if runner.mixed else all(refusing))
    if wrapped:
        yield statements, Unit(Wrapping.FILE, renews=habits.message or habits.renews)
    elif (habits.message or section.message) and len(statements) > 1:
        yield statements, Unit(Wrapping.FILE, implicit=True, renews=True)
    else:
        yield statements, Unit(Wrapping.STATEMENT)


def _alone_for_flyway(action: object) -> bool:
    """Say whether Flyway knows that a statement refuses a transaction; it knows neither all nor only such ones."""
    match action:
        case CreateIndex(concurrently=True) | DropIndex(concurrently=True):
            return True
        case Reindex(kind="schema" | "database" | "system"):
            return True
        case Other(kind=kind, detail=detail):
            return kind in _BY_FLYWAY and detail != "analyze"
        case _:
            return False


def _goes_between(framework: Framework, action: object) -> bool:
    """Say whether a runner that sends a file in pieces sends a statement between them, by itself."""
    match action:
        case CreateIndex(concurrently=True) | DropIndex(concurrently=True):
            return True
        case Reindex(concurrently=True):
            return framework is Framework.SUPABASE
        case Other(kind=kind, detail=detail):
            return framework is Framework.SUPABASE and kind in _BY_SUPABASE and detail != "analyze"
        case _:
            return False
