"""The engine: rules over facts give findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from migrate_safe.model.effect import Analysed
from migrate_safe.model.finding import Finding
from migrate_safe.model.preferences import SmallTable
from migrate_safe.model.source import Span
from migrate_safe.model.statement import Script
from migrate_safe.rulebook.doings import doings_of
from migrate_safe.rulebook.facts import Observation
from migrate_safe.rulebook.observe import empty_file, observe
from migrate_safe.rulebook.rule import Rule, holds, may_hold
from migrate_safe.rulebook.small import on_small_tables
from migrate_safe.rulebook.suppress import Placed, suppress
from migrate_safe.rulebook.terms import ActionKind

PARTLY = "-- in place of this one action of the statement:"
"""Stands above advice on a statement that does other things as well."""

SHARED = "-- without further constraints of the column, which want steps of their own:"
"""Stands above advice on one of several constraints that come with a new column."""

WHOLE = frozenset({"statement"})
"""Words that are the whole statement: advice that holds one of them is in place of all of it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What rules say of one script: findings in the order of the file, and how many were silenced by a comment."""

    findings: tuple[Finding, ...]
    suppressed: int = 0


def judge(analysed: Sequence[Analysed], script: Script, rules: Sequence[Rule]) -> tuple[Finding, ...]:
    """Give the findings on a script whose statements were analysed in order."""
    return judgement(analysed, script, rules).findings


def judgement(
    analysed: Iterable[Analysed],
    script: Script,
    rules: Sequence[Rule],
    *,
    version: int | None = None,
    silent: Collection[str] = (),
    today: date | None = None,
    small: SmallTable | None = None,
) -> Judgement:
    """Judge a script; `version` is the server's major version where the user told it.

    `silent` names rules that are switched off: nothing of theirs is given, but what yields to them still does, and
    comments may name them. `today` is the day on which comments are heeded that name their last one, `small` says
    up to which size a table is small.
    """
    active = [rule for rule in rules if _speaks_of(rule, version)]
    bench = _Bench(active, frozenset(silent), script)
    doings = doings_of(script)
    places = {statement.span.start: index for index, statement in enumerate(script.statements)}
    placed = _once(
        [
            Placed(finding, places[one.statement.span.start])
            for one in analysed
            for observation in observe(one, script, version=version, doings=doings)
            for finding in bench.opinions(observation, one.statement.span, (one, small) if small else None)
        ],
        frozenset(rule.id for rule in active if rule.once),
    )
    running = frozenset(rule.id for rule in rules) - bench.silent
    kept, silenced, complaints = suppress(placed, script.directives, _by_name(rules), running, today=today)
    others = [f for c in complaints for f in bench.opinions(c.observation, c.span)]
    if not script.statements:
        others += bench.opinions(empty_file(), Span(script.source.path, 0, len(script.source.text), 1, 1, 1, 1))
    findings = sorted([*(p.finding for p in kept), *others], key=lambda f: (f.span.start, f.severity.rank))
    return Judgement(tuple(findings), len(silenced))


@dataclass(frozen=True, slots=True)
class _Bench:
    """The rules that judge one script, those among them that are switched off, and the script."""

    rules: Sequence[Rule]
    silent: frozenset[str]
    script: Script
    by_action: dict[ActionKind, list[Rule]] = field(default_factory=dict)
    """The rules that may speak of an action, as far as actions were met."""

    def opinions(
        self, observation: Observation, span: Span, sizes: tuple[Analysed, SmallTable] | None = None
    ) -> list[Finding]:
        """Let every rule speak about one observation, then silence those that yield to another that spoke."""
        action = observation.facts.action
        if action not in self.by_action:
            self.by_action[action] = [rule for rule in self.rules if may_hold(rule.when, "action", action)]
        speaking = {rule.id: rule for rule in self.by_action[action] if holds(rule.when, observation.facts)}
        heard = [rule for rule in speaking.values() if not any(other in speaking for other in rule.yields_to)]
        text = self.script.source.text[span.start : span.end] if observation.statement is None else ""
        found = [(rule, _finding(rule, observation, span, text)) for rule in heard if rule.id not in self.silent]
        if sizes is None:
            return [finding for _, finding in found]
        return [on_small_tables(finding, rule, observation.facts, *sizes) for rule, finding in found]


def _finding(rule: Rule, observation: Observation, span: Span, text: str) -> Finding:
    facts, words = observation.facts, observation.words
    if observation.statement is not None:
        span, text = observation.statement.span, observation.statement.text
    severity = rule.severity.pick(facts)
    message = rule.message.pick(facts)
    safe = rule.safe.pick(facts)
    assert severity is not None, f'rule "{rule.id}" gives no severity for {facts}'
    safe_text = (safe.render(words) if safe is not None else None) or ""
    if safe is not None and safe_text and not WHOLE & set(safe.places):
        remarks = [text for said, text in ((facts.multiple, PARTLY), (facts.shared, SHARED)) if said]
        safe_text = "\n".join([*remarks, safe_text])
    return Finding(
        rule=rule.id,
        severity=severity,
        span=span,
        message=(message.render(words) if message is not None else None) or rule.title,
        statement=text,
        relation=str(observation.relation) if observation.relation is not None else None,
        effects=observation.effects,
        safe=safe_text,
        fixable=bool(safe_text) and rule.fixable and not (facts.multiple or facts.shared),
    )


def _by_name(rules: Sequence[Rule]) -> Mapping[str, Collection[str]]:
    """Give the rules that a comment means by a name: a rule's own, or a theme's."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        found.setdefault(rule.theme, []).append(rule.id)
    return found | {rule.id: [rule.id] for rule in rules}


def _once(placed: Sequence[Placed], rules: Collection[str]) -> list[Placed]:
    """Keep the first finding of each rule that speaks once a file, and drop what says the same of a statement again."""
    seen: set[object] = set()
    kept = []
    for one in placed:
        said = one.finding.rule, one.finding.span, one.finding.message, one.finding.safe
        key: object = one.finding.rule if one.finding.rule in rules else said
        if key not in seen:
            seen.add(key)
            kept.append(one)
    return kept


def _speaks_of(rule: Rule, version: int | None) -> bool:
    first, last = rule.postgres
    return version is None or first <= version <= last
