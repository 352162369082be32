"""The matrix: which query of which app version works at which state. Pure: the judge's answers come in."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from migrate_safe.compat.answers import Answer, Outcome, Question, Refusal, Unasked, kind_of, object_of, same_parameter
from migrate_safe.compat.states import State, Timeline
from migrate_safe.model.effect import BreakKind
from migrate_safe.model.release import Verdict


class Asked(Struct, frozen=True):
    """An app version's questions and the state that it is measured against.

    `reference` is the state at which the version is known to work or the first at which it must: the baseline
    for the old version, the end of migrate for the new one. It may be running from `first` to `last`, included.
    """

    version: str
    new: bool
    questions: tuple[Question, ...]
    unasked: tuple[Unasked, ...]
    reference: int
    first: int
    last: int


class Untried(Struct, frozen=True):
    """A query that was prepared at every state but whose execution proves nothing, and why."""

    version: str
    place: str
    query: str
    reason: str


class Matrix(Struct, frozen=True):
    """The whole answer. `verdicts` stand in the order of states, then versions, then queries."""

    timeline: Timeline
    asked: tuple[Asked, ...]
    verdicts: tuple[Verdict, ...]
    untried: tuple[Untried, ...]

    @property
    def breaks(self) -> tuple[Verdict, ...]:
        """Give the first break of every query that fails while its version may be running."""
        first: dict[tuple[str, str, str], Verdict] = {}
        for verdict in self.verdicts:
            if verdict.breaks:
                first.setdefault((verdict.version, verdict.place, verdict.query), verdict)
        return tuple(first.values())

    def at(self, state: State, version: str) -> tuple[Verdict, ...]:
        """Give the verdicts on one version at one state."""
        return tuple(v for v in self.verdicts if v.state == state.id and v.version == version)


_NORMALISED = "does not run with the parameters that the server has put in the place of its constants"

Answers = Mapping[tuple[int, int], Answer]
"""State index and question index (within its version) -> answer."""


def build_matrix(timeline: Timeline, asked: tuple[Asked, ...], answers: tuple[Answers, ...]) -> Matrix:
    """Judge every query at every state; `answers` stand in the order of `asked`."""
    verdicts = [
        _verdict(timeline, i, who, question, _Grid(given, q))
        for i, _ in enumerate(timeline.states)
        for who, given in zip(asked, answers, strict=True)
        for q, question in enumerate(who.questions)
    ]
    untried = [
        found
        for who, given in zip(asked, answers, strict=True)
        for q, question in enumerate(who.questions)
        if (found := _untried(timeline, who, question, _Grid(given, q))) is not None
    ]
    return Matrix(timeline, asked, tuple(verdicts), tuple(untried))


def when_alive(timeline: Timeline, *, new: bool) -> tuple[int, int, int]:
    """Give reference, first and last state of a version."""
    if new:
        return timeline.new_from, timeline.new_from, len(timeline.states) - 1
    return 0, 0, timeline.old_until


class _Grid(Struct, frozen=True):
    """The answers to one question at all states."""

    answers: Answers
    question: int

    def __getitem__(self, state: int) -> Answer:
        return self.answers[state, self.question]


class _Fault(Struct, frozen=True):
    kind: BreakKind
    reason: str
    object: str


def _verdict(timeline: Timeline, index: int, who: Asked, question: Question, grid: _Grid) -> Verdict:
    state = timeline.states[index]
    fault = _fault(index, who, question, grid)
    return Verdict(
        state=state.id,
        phase=state.phase,
        after_step=state.after_step,
        version=who.version,
        query=question.query.sql,
        place=question.query.place,
        works=fault is None,
        reason=fault.reason if fault else "",
        object=fault.object if fault else "",
        alive=who.first <= index <= who.last,
        kind=fault.kind if fault else None,
    )


def _fault(index: int, who: Asked, question: Question, grid: _Grid) -> _Fault | None:
    answer, reference = grid[index], grid[who.reference]
    unfit = reference.for_certain
    if unfit is not None and question.query.normalised:
        return None
    if unfit is not None or index <= who.reference:
        own = answer.for_certain
        return None if own is None else _named(own, question, _why_unfit(who, unfit))
    return (
        _newly_refused(answer, question)
        or _no_longer_accepted(answer, reference, question, grid[who.last] if who.new else None)
        or _other_parameters(answer, reference)
        or _stale(answer, reference, question)
    )


def _why_unfit(who: Asked, unfit: Refusal | None) -> str:
    if unfit is None:
        return ""
    if who.new:
        return f"does not work on the schema that {who.version} is to start on: "
    return "does not work even before the migration: "


def _named(refusal: Refusal, question: Question, before: str = "", after: str = "") -> _Fault:
    return _Fault(kind_of(refusal), f"{before}{refusal.message}{after}", object_of(refusal, question))


def _newly_refused(answer: Answer, question: Question) -> _Fault | None:
    return None if answer.refused is None else _named(answer.refused, question)


def _no_longer_accepted(
    answer: Answer, reference: Answer, question: Question, written_for: Answer | None
) -> _Fault | None:
    """Find a trial that the reference state accepted and this one refuses.

    `written_for` is the answer at the state that a new version is written for, None for an old one. What is refused
    there as well a new version does not send.
    """
    trials = reference.sampled.trials
    for i, (trial, before, now) in enumerate(zip(trials, reference.outcomes, answer.outcomes, strict=False)):
        if now.refusal is None or (written_for is not None and _never_sent(now, written_for.outcomes[i : i + 1])):
            continue
        if before.refusal is None or (now.refusal.for_certain and now.refusal.identity != before.refusal.identity):
            when = f" ({trial.what})" if trial.what else ""
            return _named(now.refusal, question, after=when)
    return None


def _never_sent(now: Outcome, in_the_end: tuple[Outcome, ...]) -> bool:
    """Say whether a version need not send what is refused now, and would be refused in the end: it has a choice."""
    if now.refusal is None or not in_the_end or in_the_end[0].refusal is None:
        return False
    return now.others or now.refusal.turns_on_values


def _stale(answer: Answer, reference: Answer, question: Question) -> _Fault | None:
    """Find a statement that sessions prepared before and that fails now, though a new session may prepare it."""
    if answer.stale is None:
        return None
    difference = _difference(reference.columns, answer.columns)
    reason = f"{answer.stale.message}: a session that prepared it before fails until it prepares it anew"
    kind = BreakKind.SHAPE if answer.stale.sqlstate == "0A000" else BreakKind.VALUE
    return _Fault(kind, reason, difference or object_of(answer.stale, question))


def _difference(before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]) -> str:
    """Name the result columns that differ."""
    gone = [f"-{name} {kind}" for name, kind in before if (name, kind) not in after]
    came = [f"+{name} {kind}" for name, kind in after if (name, kind) not in before]
    return ", ".join((*gone, *came))


def _other_parameters(answer: Answer, reference: Answer) -> _Fault | None:
    for i, (before, after) in enumerate(zip(reference.parameters, answer.parameters, strict=False), 1):
        if not same_parameter(before, after):
            reason = f"parameter ${i} is now of type {after}, was {before}: drivers that encode by it refuse old values"
            return _Fault(BreakKind.VALUE, reason, f"${i}")
    return None


def _untried(timeline: Timeline, who: Asked, question: Question, grid: _Grid) -> Untried | None:
    reference = grid[who.reference]
    if question.query.normalised and (unfit := reference.for_certain) is not None:
        return Untried(who.version, question.query.place, question.query.sql, f"{_NORMALISED}: {unfit.message}")
    if reference.refused is not None:
        return None
    refusal = reference.sampled.refusal
    if refusal is not None:
        reason = "" if refusal.for_certain else f"no sample values were accepted: {refusal.message}"
    else:
        reason = question.only_prepare or _undecided(timeline, who, grid)
    return Untried(who.version, question.query.place, question.query.sql, reason) if reason else None


def _undecided(timeline: Timeline, who: Asked, grid: _Grid) -> str:
    """Say where values are refused that a new version need not send, though none were found that it may."""
    for index in range(who.reference + 1, who.last + 1) if who.new else ():
        for now, at_last in zip(grid[index].outcomes, grid[who.last].outcomes, strict=False):
            if now.refusal is not None and not now.others and _never_sent(now, (at_last,)):
                return f"no sample values were accepted after {timeline.states[index].id}: {now.refusal.message}"
    return ""
