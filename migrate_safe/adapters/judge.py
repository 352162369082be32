"""The judge: a server that is asked, at every schema state, whether each query still works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from msgspec import Struct, field

from migrate_safe.adapters.judge_session import Description, JudgeSession
from migrate_safe.compat.answers import Answer, Outcome, Question, Refusal, Sampled, Trial
from migrate_safe.compat.matrix import Asked
from migrate_safe.compat.samples import SampleType
from migrate_safe.compat.sampling import find_trials, finds_others
from migrate_safe.compat.search import Values
from migrate_safe.model.errors import TryLater
from migrate_safe.model.values import replace
from migrate_safe.sql.constants import writes_constants


class Judge(Struct, frozen=True):
    """Asks one scratch database. States must come in order, for sessions that prepared early are kept until the end.

    What values a version's queries take is found out once, at its reference state, and tried again at all later ones;
    `hints` are literals near which a later state may draw a line.
    """

    dsn: str
    asked: tuple[Asked, ...]
    hints: tuple[str, ...] = ()
    _veterans: dict[str, JudgeSession] = field(default_factory=dict)
    _sampled: dict[tuple[str, int], Sampled] = field(default_factory=dict)

    def ask(self, state: int) -> tuple[dict[int, Answer], ...]:
        """Ask every question of every version at the state (an index) that the database is in now."""
        return tuple(self._ask_version(who, state) for who in self.asked)

    def close(self) -> None:
        """End all sessions."""
        for session in self._veterans.values():
            session.close()

    def _ask_version(self, who: Asked, state: int) -> dict[int, Answer]:
        paths = who.questions[0].search_path if who.questions else ()
        newcomer = JudgeSession.open(self.dsn, paths)
        if state == who.reference:
            self._veterans[who.version] = newcomer
        try:
            return {q: self._ask(who, q, question, state, newcomer) for q, question in enumerate(who.questions)}
        finally:
            newcomer.settle()
            if state != who.reference:
                newcomer.close()

    def _ask(self, who: Asked, q: int, question: Question, state: int, newcomer: JudgeSession) -> Answer:
        name = f"q{q}"
        described = newcomer.prepare(name, question.sql, question.query.types)
        stale = self._stale(who, q, question, state)
        if isinstance(described, Refusal):
            return Answer(refused=described, stale=stale)
        sampled, outcomes = self._tried(who, q, state, _Prepared(newcomer, name, question, described))
        return Answer(None, described.parameters, described.columns, outcomes, stale, sampled)

    def _tried(self, who: Asked, q: int, state: int, prepared: _Prepared) -> tuple[Sampled, tuple[Outcome, ...]]:
        if prepared.question.only_prepare:
            return Sampled(), ()
        if state > who.reference:
            known = self._sampled.get((who.version, q), Sampled())
            outcomes = prepared.outcomes(known)
            return known, prepared.with_others(known, outcomes) if who.new else outcomes
        sampled = prepared.sampled(self.hints, writes=prepared.question.writes and state == who.reference)
        if state == who.reference:
            self._sampled[who.version, q] = sampled
        return sampled, prepared.outcomes(sampled)

    def _stale(self, who: Asked, q: int, question: Question, state: int) -> Refusal | None:
        """Run what an older session prepared; only a refusal of the schema itself counts, never one of the values.

        The server checks a prepared statement again, after any change of what it names, when values are bound to it.
        """
        veteran = self._veterans.get(who.version)
        sampled = self._sampled.get((who.version, q))
        if veteran is None or state <= who.reference or sampled is None or not sampled.trials or question.only_prepare:
            return None
        refusal = veteran.attempt(f"q{q}", sampled.trials[0].runs).refusal
        veteran.settle()  # so that its row locks are not in a newcomer's way
        if refusal is None or (sampled.refusal is not None and refusal.identity == sampled.refusal.identity):
            return None
        return refusal if refusal.for_certain else None


class _Prepared(Struct, frozen=True):
    """A question that a session has prepared under a name."""

    session: JudgeSession
    name: str
    question: Question
    described: Description

    def outcomes(self, sampled: Sampled) -> tuple[Outcome, ...]:
        """Run all trials."""
        return tuple(self._attempt(trial.runs) for trial in sampled.trials)

    def sampled(self, hints: tuple[str, ...], *, writes: bool) -> Sampled:
        """Find out which values the query takes now; see find_trials."""
        types, pools = self._types(), self._pools()
        found = find_trials(types, self._attempt, self.session.literals, writes=writes, pools=pools, hints=hints)
        refusal = found.refusal or found.row_refused
        if refusal is None:
            return found
        explained = self._explained(refusal)
        return (
            found if refusal is found.row_refused and not explained.for_certain else replace(found, refusal=explained)
        )

    def with_others(self, sampled: Sampled, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        """Find out of each refused trial whether the query takes other values in its place.

        Trials of a single run are the ordinary one, which stands first, but for one value: what goes for it goes for
        all of them.
        """
        if all(outcome.refusal is None for outcome in outcomes):
            return outcomes
        ordinary = outcomes[0].refusal is None or self._takes_others(sampled.trials[0], sampled.rows)
        return tuple(
            self._looked_into(outcome, ordinary if len(trial.runs) == 1 else self._takes_others(trial, sampled.rows))
            if outcome.refusal
            else outcome
            for trial, outcome in zip(sampled.trials, outcomes, strict=True)
        )

    def _looked_into(self, outcome: Outcome, others: bool) -> Outcome:
        refusal = outcome.refusal if others or outcome.refusal is None else self._explained(outcome.refusal)
        return replace(outcome, refusal=refusal, others=others)

    def _takes_others(self, trial: Trial, rows: int) -> bool:
        self.session.settle()  # what was refused has left its transaction open
        literals = self.session.literals
        return finds_others(self._types(), trial, self._attempt, literals, rows=rows, pools=self._pools())

    def _explained(self, refusal: Refusal) -> Refusal:
        """Say whether all that the refusing constraint is about are constants."""
        if not refusal.constraint:
            return refusal
        columns = self.session.columns_of(refusal)
        return replace(refusal, constant=writes_constants(self.question.sql, columns))

    def _attempt(self, runs: tuple[Values, ...]) -> Outcome:
        return self.session.attempt(self.name, runs)

    def _types(self) -> tuple[SampleType, ...]:
        return self.session.sample_types(self.described.oids)

    def _pools(self) -> tuple[Values, ...]:
        return self.session.pools(self.question.sql, self.described.oids)


def failures(dsn: str, questions: tuple[Question, ...]) -> tuple[tuple[Question, Refusal], ...]:
    """Ask a database as it is now which of the queries cannot work on it; whatever runs is rolled back."""
    asked = Asked("now", False, questions, (), reference=0, first=0, last=0)
    with judge(dsn, (asked,)) as one:
        (answers,) = one.ask(0)
    return tuple(
        (question, refusal) for q, question in enumerate(questions) if (refusal := answers[q].for_certain) is not None
    )


@contextmanager
def judge(dsn: str, asked: tuple[Asked, ...], hints: tuple[str, ...] = ()) -> Iterator[Judge]:
    """Give a judge of a scratch database, whose sessions end with the block."""
    made = Judge(dsn, asked, hints)
    try:
        yield made
    except psycopg.OperationalError as error:
        raise TryLater(f"the scratch server went away: {str(error).strip()}", next_move="run the check again") from None
    finally:
        made.close()
