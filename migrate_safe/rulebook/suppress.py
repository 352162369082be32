"""Comments that silence rules with a reason: `-- migrate-safe: ignore RULE[, RULE] [until DATE]: reason`.

`ignore` speaks of its statement, `ignore-file` of the whole file. A theme stands for all its rules.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct

from migrate_safe.model.directive import FOR_LINT, FOR_PLAN, HEAD
from migrate_safe.model.finding import Finding
from migrate_safe.model.source import Span
from migrate_safe.model.statement import Direction, Directive
from migrate_safe.rulebook.facts import Facts, Observation, Words
from migrate_safe.rulebook.terms import ActionKind, DirectiveState

_ARGUMENTS = re.compile(
    r"(?P<names>.*?)(?:(?:^|[ \t]+)(?P<until>until\b[ \t]*(?P<day>.*?)))?[ \t]*(?::(?P<reason>.*))?\Z"
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)


class Placed(Struct, frozen=True):
    """A finding and the index of the statement it is about; None for one about a comment."""

    finding: Finding
    statement: int | None = None


class Complaint(Struct, frozen=True):
    """What is wrong with a directive, at the place in it that is meant, as an observation that rules can judge."""

    span: Span
    observation: Observation


def suppress(
    placed: Sequence[Placed],
    directives: Sequence[Directive],
    known: Mapping[str, Collection[str]],
    active: Collection[str],
    *,
    today: date | None = None,
) -> tuple[tuple[Placed, ...], tuple[Placed, ...], tuple[Complaint, ...]]:
    """Part findings into kept and silenced, and complain about directives that are not as they should be.

    `known` gives the rules that each name stands for, `active` are the rules that ran: a directive for a rule that is
    switched off is no error. A directive without a reason, or whose day is over, silences nothing; without `today` no
    day is over.
    """
    silenced: list[Placed] = []
    complaints: list[Complaint] = []
    for directive in directives:
        if directive.verb.rstrip(":") in FOR_PLAN and directive.head == HEAD:
            continue
        wrong = _wrong_as_a_whole(directive, today)
        if wrong is not None:
            complaints.append(wrong)
            continue
        for start, name in _names(directive):
            rules, span = known.get(name, ()), directive.part(start, start + len(name))
            hits = [p for p in placed if p.finding.rule in rules and _means(directive, p)]
            silenced += hits
            if name not in known:
                complaints.append(_complaint(span, DirectiveState.MISSPELT, name, _meant(name, known)))
            elif not hits and any(rule in active for rule in rules):
                complaints.append(_complaint(span, DirectiveState.UNUSED, name))
    kept = tuple(p for p in placed if p not in silenced)
    return kept, tuple(p for p in placed if p in silenced), tuple(complaints)


def _means(directive: Directive, one: Placed) -> bool:
    """Say whether a directive speaks of the place of a finding; one on a whole DO block is of any place in it."""
    if directive.statement is None or directive.statement != one.statement or directive.lines is None:
        return directive.statement in (None, one.statement)
    first, last = directive.lines
    span = one.finding.span
    return first <= span.line <= last or span.start < directive.span.start < span.end


def _wrong_as_a_whole(directive: Directive, today: date | None) -> Complaint | None:
    """Say what is wrong with a directive, if that is such that it silences nothing."""
    verb, names = directive.verb.rstrip(":"), ", ".join(name for _, name in _names(directive))
    if directive.head != HEAD:
        because = f'did you mean "{HEAD}"?'
        return _complaint(directive.span, DirectiveState.MISSPELT, directive.head.strip(), because)
    if verb not in FOR_LINT:
        because = _meant(verb, (*FOR_LINT, *FOR_PLAN))
        return _complaint(directive.verb_span, DirectiveState.MISSPELT, verb, because)
    said = _read(directive)
    if not names or not (said["reason"] or "").strip():
        return _complaint(directive.span, DirectiveState.UNREASONED, names or "RULE")
    if said["until"] is None:
        return None
    span = directive.part(*said.span("until"))
    day = _day(said["day"])
    if day is None:
        return _complaint(span, DirectiveState.UNDATED, names, said["day"].strip() or "nothing")
    if today is not None and today > day:
        return _complaint(span, DirectiveState.EXPIRED, names, day.isoformat())
    return None


def _read(directive: Directive) -> re.Match[str]:
    found = _ARGUMENTS.match(directive.arguments)
    assert found is not None, "it matches any line"
    return found


def _names(directive: Directive) -> Iterator[tuple[int, str]]:
    """Yield each name and where in the arguments it starts."""
    for found in re.finditer(r"[^,\s](?:[^,]*[^,\s])?", _read(directive)["names"]):
        yield found.start(), found.group()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.match(text) else None
    except ValueError:
        return None  # no such day: 2027-02-30


def _meant(name: str, valid: Collection[str]) -> str:
    near = difflib.get_close_matches(name, valid, n=1)
    return f'did you mean "{near[0]}"?' if near else "see the names: migrate-safe explain"


def _complaint(span: Span, state: DirectiveState, name: str, because: str = "") -> Complaint:
    facts = Facts(ActionKind.DIRECTIVE, directive=state, direction=Direction.UP)
    return Complaint(span, Observation(facts, Words(rule=name, because=because)))
