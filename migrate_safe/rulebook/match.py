"""The engine: rules over facts give findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import Struct, field

from migrate_safe.model.effect import Analysed
from migrate_safe.model.finding import Finding, Severity
from migrate_safe.model.preferences import SmallTable
from migrate_safe.model.source import Span
from migrate_safe.model.statement import Script
from migrate_safe.rulebook.doings import doings_of
from migrate_safe.rulebook.facts import Facts, Observation
from migrate_safe.rulebook.observe import empty_file, observe
from migrate_safe.rulebook.rule import Rule, Template, holds
from migrate_safe.rulebook.small import on_small_tables
from migrate_safe.rulebook.suppress import Placed, suppress

PARTLY = "-- in place of this one action of the statement:"
"""Stands above advice on a statement that does other things as well."""

SHARED = "-- without further constraints of the column, which want steps of their own:"
"""Stands above advice on one of several constraints that come with a new column."""

WHOLE = frozenset({"statement"})
"""Words that are the whole statement: advice that holds one of them is in place of all of it."""


class Judgement(Struct, frozen=True):
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
    """Judge one script; see `Bench`."""
    return Bench.of(rules, version=version, silent=silent).judgement(analysed, script, today=today, small=small)


class _Opinion(NamedTuple):
    """What a rule says of some facts, before its words are filled in."""

    rule: Rule
    severity: Severity
    message: Template | None
    safe: Template | None


class Bench(Struct, frozen=True):
    """The rules that judge, for any number of scripts. Made by `of`."""

    rules: tuple[Rule, ...]
    """Those that speak of the server's version."""
    silent: frozenset[str]
    version: int | None
    once: frozenset[str]
    """Those that speak once a file."""
    names: Mapping[str, Collection[str]]
    """The rules that a comment means by a name: a rule's own, or a theme's."""
    opinions: dict[Facts, tuple[_Opinion, ...]] = field(default_factory=dict)
    """What the rules say of facts that were met: it hangs on nothing else, and most statements give the same few."""

    @classmethod
    def of(cls, rules: Sequence[Rule], *, version: int | None = None, silent: Collection[str] = ()) -> Bench:
        """Call rules together; `version` is the server's major version where the user told it.

        `silent` names rules that are switched off: nothing of theirs is given, but what yields to them still does, and
        comments may name them.
        """
        active = tuple(rule for rule in rules if _speaks_of(rule, version))
        once = frozenset(rule.id for rule in active if rule.once)
        return cls(active, frozenset(silent), version, once, _by_name(rules))

    def judgement(
        self,
        analysed: Iterable[Analysed],
        script: Script,
        *,
        today: date | None = None,
        small: SmallTable | None = None,
    ) -> Judgement:
        """Judge a script.

        `today` is the day on which comments are heeded that name their last one, `small` says up to which size a table
        is small.
        """
        doings = doings_of(script)
        places = {statement.span.start: index for index, statement in enumerate(script.statements)}
        placed = _once(
            [
                Placed(finding, places[one.statement.span.start])
                for one in analysed
                for observation in observe(one, script, version=self.version, doings=doings)
                for finding in self._findings(observation, script, one.statement.span, (one, small) if small else None)
            ],
            self.once,
        )
        running = self.names.keys() - self.silent
        kept, silenced, complaints = suppress(placed, script.directives, self.names, running, today=today)
        others = [f for c in complaints for f in self._findings(c.observation, script, c.span)]
        if not script.statements:
            nothing = Span(script.source.path, 0, len(script.source.text), 1, 1, 1, 1)
            others += self._findings(empty_file(), script, nothing)
        findings = sorted([*(p.finding for p in kept), *others], key=lambda f: (f.span.start, f.severity.rank))
        return Judgement(tuple(findings), len(silenced))

    def _findings(
        self, observation: Observation, script: Script, span: Span, sizes: tuple[Analysed, SmallTable] | None = None
    ) -> list[Finding]:
        """Let every rule speak about one observation."""
        opinions = self._opinions(observation.facts)
        if not opinions:
            return []
        statement = observation.statement
        span = statement.span if statement is not None else span
        text = statement.text if statement is not None else script.source.text[span.start : span.end]
        found = [(opinion.rule, _finding(opinion, observation, span, text)) for opinion in opinions]
        if sizes is None:
            return [finding for _, finding in found]
        return [on_small_tables(finding, rule, observation.facts, *sizes) for rule, finding in found]

    def _opinions(self, facts: Facts) -> tuple[_Opinion, ...]:
        found = self.opinions.get(facts)
        if found is None:
            found = self.opinions[facts] = tuple(self._heard(facts))
        return found

    def _heard(self, facts: Facts) -> Iterator[_Opinion]:
        """Let every rule speak of facts, then silence those that yield to another that spoke, or are switched off."""
        speaking = {rule.id: rule for rule in self.rules if holds(rule.when, facts)}
        for rule in speaking.values():
            if rule.id in self.silent or any(other in speaking for other in rule.yields_to):
                continue
            severity = rule.severity.pick(facts)
            assert severity is not None, f'rule "{rule.id}" gives no severity for {facts}'
            yield _Opinion(rule, severity, rule.message.pick(facts), rule.safe.pick(facts))


def _finding(opinion: _Opinion, observation: Observation, span: Span, text: str) -> Finding:
    rule, facts, words = opinion.rule, observation.facts, observation.words
    safe_text = (opinion.safe.render(words) if opinion.safe is not None else None) or ""
    if opinion.safe is not None and safe_text and not WHOLE & set(opinion.safe.places):
        remarks = [text for said, text in ((facts.multiple, PARTLY), (facts.shared, SHARED)) if said]
        safe_text = "\n".join([*remarks, safe_text])
    return Finding(
        rule=rule.id,
        severity=opinion.severity,
        span=span,
        message=(opinion.message.render(words) if opinion.message is not None else None) or rule.title,
        statement=text,
        relation=str(observation.relation) if observation.relation is not None else None,
        effects=observation.effects,
        safe=safe_text,
        fixable=bool(safe_text) and rule.fixable and not (facts.multiple or facts.shared),
    )


def _by_name(rules: Sequence[Rule]) -> Mapping[str, Collection[str]]:
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
