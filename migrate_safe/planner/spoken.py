"""What a migration says of its statements in comments, for what PostgreSQL cannot know.

`old-app-keeps REASON`, `back COLUMN = EXPRESSION`, `undo SQL` (several lines are one text) and `phase PHASE`.
"""

from __future__ import annotations

import difflib

from msgspec import Struct

from migrate_safe.model.directive import BACK, FOR_LINT, FOR_PLAN, HEAD, OLD_APP_KEEPS, PHASE, UNDO, Directive
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import quote_ident
from migrate_safe.model.plan import Phase
from migrate_safe.model.source import Source
from migrate_safe.model.statement import AlterTable, AlterType, Script, Statement, Unparsed
from migrate_safe.planner.draft import CannotPlan
from migrate_safe.sql.parse import parse_script

NO_UNDO = "nothing"
"""What stands behind `undo` where there is nothing to take back."""


class Spoken(Struct, frozen=True):
    """What is said of one statement: why the old app cannot break it, how it is taken back (None: unsaid), and when."""

    kept: str | None = None
    undo: tuple[str, ...] | None = None
    phase: Phase | None = None

    @property
    def by_hand(self) -> bool:
        """The statement runs as it stands, because its author says how."""
        return self.undo is not None or self.phase is not None


def spoken_of(script: Script) -> dict[int, tuple[Directive, ...]]:
    """Give the directives that a plan reads, by the number of their statement."""
    found: dict[int, tuple[Directive, ...]] = {}
    for told in script.directives:
        if told.head == HEAD and told.verb.rstrip(":") in FOR_PLAN and told.statement is not None:
            found[told.statement] = (*found.get(told.statement, ()), told)
    return found


def refuse_misspoken(script: Script) -> None:
    """Raise UsageError for a directive that nobody knows, or that speaks to plan of no statement."""
    for told in script.directives:
        verb, known = told.verb.rstrip(":"), (*FOR_PLAN, *FOR_LINT)
        if told.head != HEAD or verb not in known:
            given = verb if told.head == HEAD else f"{told.head.strip()} {verb}"
            near = difflib.get_close_matches(verb, known, n=1)
            meant = f'did you mean "{HEAD} {near[0]}"? ' if near else ""
            raise UsageError(
                f'directive "{given}" is not known',
                place=str(told.verb_span if told.head == HEAD else told.span),
                next_move=f"{meant}known after {HEAD} are {', '.join(known)}",
            )
        if verb in FOR_PLAN and told.statement is not None and told.statement >= len(script.statements):
            raise UsageError(
                f'directive "{verb}" stands above no statement',
                place=str(told.span),
                next_move="put it right above the statement that it speaks of, or take it out",
            )
        if verb == BACK and told.statement is not None:
            _refuse_lost(told, script.statements[told.statement])


def _refuse_lost(told: Directive, statement: Statement) -> None:
    """Raise UsageError for a way back that no change of a type would take: it would be passed over in silence."""
    column, expression = way_back_of(told)
    retyped = retyped_columns(statement)
    if column not in retyped:
        listed = ", ".join(map(quote_ident, retyped))
        raise UsageError(
            f'directive "{BACK}" names {quote_ident(column) if column else "no column"}, '
            + (f"and the statement changes the type of {listed}" if retyped else "and the statement changes no type"),
            place=str(told.span),
            next_move=f"name {listed}" if retyped else "put it right above the ALTER COLUMN ... TYPE that it speaks of",
        )
    if not expression:
        raise UsageError(
            f'directive "{BACK}" does not say how the old {quote_ident(column)} follows from the new one',
            place=str(told.span),
            next_move=f"{HEAD} {BACK} {quote_ident(column)} = <the old value, by the new {quote_ident(column)}>",
        )


def retyped_columns(statement: Statement) -> tuple[str, ...]:
    """Give the columns whose types a statement changes."""
    match statement.action:
        case AlterTable(actions=actions):
            return tuple(dict.fromkeys(a.column for a in actions if isinstance(a, AlterType)))
        case _:
            return ()


def way_back_of(told: Directive) -> tuple[str, str]:
    """Read `back price = price / 100.0`: the column, as the server would call it, and the expression."""
    written, _, expression = told.arguments.partition("=")
    name = written.strip()
    quoted = name.startswith('"') and name.endswith('"') and len(name) > 1
    return name[1:-1].replace('""', '"') if quoted else name.lower(), expression.strip()


def ways_back(script: Script) -> dict[int, dict[str, str]]:
    """Give the ways back that directives say, by statement and column."""
    found: dict[int, dict[str, str]] = {}
    for told in script.directives:
        if told.head == HEAD and told.verb.rstrip(":") == BACK and told.statement is not None:
            column, expression = way_back_of(told)
            found.setdefault(told.statement, {})[column] = expression
    return found


def understood(directives: tuple[Directive, ...]) -> Spoken:
    """Read the directives of one statement; raises CannotPlan for those that say nothing that can be used."""
    said: dict[str, list[str]] = {}
    for told in directives:
        said.setdefault(told.verb.rstrip(":"), []).append(told.arguments.strip())
    reasons = said.get(OLD_APP_KEEPS, [None])
    if reasons[0] == "":
        raise CannotPlan(f"{OLD_APP_KEEPS} stands above it without a reason", "say why the old app keeps it")
    undo = _undo("\n".join(said[UNDO])) if UNDO in said else None
    phase = _phase(said[PHASE]) if PHASE in said else None
    if phase is not None and undo is None and phase is not Phase.PURGE:
        raise CannotPlan(
            f"{PHASE} {phase} stands above it without an undo", "give the undo with it: -- migrate-safe: undo SQL"
        )
    if phase is Phase.PURGE and undo:
        raise CannotPlan(
            f"an {UNDO} stands above it, and what {Phase.PURGE} does is not taken back",
            f"say `{PHASE} {Phase.CONTRACT}`, in which it can be, or leave the {UNDO} out",
        )
    return Spoken(reasons[0], undo, phase)


def _undo(text: str) -> tuple[str, ...]:
    if text.strip().rstrip(";").lower() == NO_UNDO:
        return ()
    statements = parse_script(Source("<undo>", text)).statements
    unread = next((s.action.reason for s in statements if isinstance(s.action, Unparsed)), None)
    if unread is not None or not statements:
        why = unread or "it is empty"
        raise CannotPlan(f"its undo cannot be read: {why}", f"correct it, or say `undo {NO_UNDO}`")
    return tuple(s.text.strip() for s in statements)


def _phase(words: list[str]) -> Phase:
    try:
        return Phase(words[0].lower())
    except ValueError:
        phases = ", ".join(Phase)
        raise CannotPlan(f'"{words[0]}" is no phase', f"say one of {phases}") from None
