"""Comments that silence a rule with a reason: `-- migrate-safe: ignore RULE[, RULE]: reason`.

`ignore` speaks of its statement, `ignore-file` of the whole file.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from migrate_safe.model.finding import Finding
from migrate_safe.model.statement import OLD_APP_KEEPS, Direction, Directive
from migrate_safe.rulebook.facts import Facts, Observation, Words
from migrate_safe.rulebook.terms import ActionKind, DirectiveState

VERBS = ("ignore", "ignore-file")
"""What a directive may ask of lint: silence at its statement, or in the whole file."""

FOR_OTHERS = (OLD_APP_KEEPS,)
"""Directives that `plan` reads."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding and the index of the statement it is about; None for one about a comment."""

    finding: Finding
    statement: int | None = None


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a directive, as an observation that rules can judge."""

    directive: Directive
    observation: Observation


def suppress(
    placed: Sequence[Placed], directives: Sequence[Directive], known: Collection[str], active: Collection[str]
) -> tuple[tuple[Placed, ...], tuple[Placed, ...], tuple[Complaint, ...]]:
    """Part findings into kept and silenced, and complain about directives that are not as they should be.

    `known` are all rule names, `active` those that ran: a directive for a rule that is switched off is no error.
    A directive without a reason silences nothing.
    """
    silenced: list[Placed] = []
    complaints: list[Complaint] = []
    for directive in directives:
        names, reason = _read(directive)
        verb = directive.verb.rstrip(":")
        if verb in FOR_OTHERS:
            continue
        if verb not in VERBS:
            complaints.append(_complaint(directive, DirectiveState.MISSPELT, verb, (*VERBS, *FOR_OTHERS)))
        elif not reason or not names:
            complaints.append(_complaint(directive, DirectiveState.UNREASONED, ", ".join(names) or "RULE", ()))
        else:
            for name in names:
                hits = [p for p in placed if p.finding.rule == name and directive.statement in (None, p.statement)]
                silenced += hits
                if name not in known:
                    complaints.append(_complaint(directive, DirectiveState.MISSPELT, name, known))
                elif not hits and name in active:
                    complaints.append(_complaint(directive, DirectiveState.UNUSED, name, ()))
    kept = tuple(p for p in placed if p not in silenced)
    return kept, tuple(p for p in placed if p in silenced), tuple(complaints)


def _read(directive: Directive) -> tuple[tuple[str, ...], str]:
    """Part `RULE, RULE: reason`."""
    names, _, reason = directive.arguments.partition(":")
    return tuple(n.strip() for n in names.split(",") if n.strip()), reason.strip()


def _complaint(directive: Directive, state: DirectiveState, name: str, valid: Collection[str]) -> Complaint:
    near = difflib.get_close_matches(name, valid, n=1)
    because = f'did you mean "{near[0]}"?' if near else "see the names: migrate-safe explain"
    facts = Facts(ActionKind.DIRECTIVE, directive=state, direction=Direction.UP)
    return Complaint(directive, Observation(facts, Words(rule=name, because=because)))
