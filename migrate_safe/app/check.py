"""Check: which query of which app version works at which state of a plan, or of a migration run as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.judge import Judge, judge
from migrate_safe.adapters.postgres import connect
from migrate_safe.adapters.release_files import read_release
from migrate_safe.adapters.scratch import scratch_server
from migrate_safe.adapters.scratch_run import JOURNAL_SCHEMA, Connection, RowsInTheWay, reach
from migrate_safe.adapters.seed import empty_tables, seed
from migrate_safe.app.check_plan import PlanReview, review_plan
from migrate_safe.app.scratch_base import build_base, read_script
from migrate_safe.compat.answers import Answer
from migrate_safe.compat.checked import Checked
from migrate_safe.compat.matrix import Asked, build_matrix
from migrate_safe.compat.questions import ask_of
from migrate_safe.compat.states import State, Timeline, plan_timeline, script_timeline
from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Plan
from migrate_safe.planner.codec import from_yaml, step_lines

PLAN_SUFFIXES = (".yaml", ".yml")

_Answers = tuple[dict[tuple[int, int], Answer], ...]


def check(
    subject: Path,
    *,
    old: tuple[Path, ...],
    new: tuple[Path, ...],
    schema: tuple[str, ...] = (),
    postgres: str = "auto",
) -> Checked:
    """Judge a plan (YAML) or a plain migration (SQL) for the app versions of the release files.

    `schema` says where the state before comes from (see scratch_base), `postgres` which scratch server judges (see
    scratch_server; a bare number is a major version).

    Raises UsageError for input that cannot be understood, TryLater when the server is out of reach.
    """
    what = _read_subject(subject)
    timeline = plan_timeline(what.plan) if what.plan else script_timeline(read_script(subject))
    asked = _asked(timeline, old, new)
    with scratch_server(postgres) as server:
        dsn = server.create_database()
        try:
            base = build_base(dsn, what.migration, schema, server.bin)
            review = review_plan(what.plan, subject, schema, server, dsn) if what.plan else PlanReview()
            answers, notes = _walk(dsn, timeline, asked)
        finally:
            server.drop_database(dsn)
    skipped = tuple(f"{placed.place}: {reason}" for placed, reason in timeline.skipped)
    return Checked(
        subject=str(subject),
        planned=what.plan is not None,
        matrix=build_matrix(timeline, asked, answers),
        server=f"PostgreSQL {server.version}",
        provider=server.provider,
        base=base.sources,
        places=what.places(timeline),
        faults=review.faults,
        notes=(*_release_notes(what.plan, asked), *review.notes, *base.notes, *skipped, *notes),
    )


class _Subject(Struct, frozen=True):
    """What is checked: a plan, or None for a plain migration; and the migration file that it came from."""

    path: Path
    plan: Plan | None
    migration: Path
    text: str = ""

    def places(self, timeline: Timeline) -> dict[str, tuple[str, int]]:
        """Give file and line of what leads to each state: a step of the plan, or the first statement of those run."""
        if self.plan is not None:
            return {step: (str(self.path), line) for step, line in step_lines(self.text).items()}
        return {state.id: state.statements[0].file_and_line for state in timeline.states if state.statements}


def _read_subject(path: Path) -> _Subject:
    if path.suffix not in PLAN_SUFFIXES:
        return _Subject(path, None, path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f'no file "{path}"', next_move="name a plan or a SQL migration") from None
    except OSError as error:
        raise UsageError(f'cannot read "{path}": {error.strerror}', next_move="name a readable file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f'"{path}" is not UTF-8 text: byte {error.start}', next_move="name a plan file") from None
    plan = from_yaml(text, str(path))
    return _Subject(path, plan, Path(plan.source.file), text)


def _asked(timeline: Timeline, old: tuple[Path, ...], new: tuple[Path, ...]) -> tuple[Asked, ...]:
    if not old and not new:
        raise UsageError(
            "no app version to check for",
            next_move="name release files: --old releases/v41.yaml --new releases/v42.yaml",
        )
    asked: dict[str, Asked] = {}
    for path, is_new in (*((p, False) for p in old), *((p, True) for p in new)):
        release = read_release(path)
        if release.version in asked:
            raise UsageError(
                f'two releases have the version "{release.version}"', place=str(path), next_move="give each its own"
            )
        asked[release.version] = ask_of(release, timeline, new=is_new)
    return tuple(asked.values())


def _release_notes(plan: Plan | None, asked: tuple[Asked, ...]) -> tuple[str, ...]:
    """Say where the plan was made for other versions than those given."""
    if plan is None or plan.release is None:
        return ()
    return tuple(
        f'the plan is made for {"new" if who.new else "old"} version "{meant}", "{who.version}" was given'
        for who in asked
        if who.version != (meant := plan.release.new if who.new else plan.release.old)
    )


def _walk(dsn: str, timeline: Timeline, asked: tuple[Asked, ...]) -> tuple[_Answers, tuple[str, ...]]:
    """Bring the database through all states and ask at each."""
    answers: _Answers = tuple({} for _ in asked)
    notes: list[str] = []
    references = {who.reference for who in asked}
    wanted = frozenset(name for who in asked for question in who.questions for name in question.relations)
    seed(dsn, wanted)
    with judge(dsn, asked, timeline.literals) as one, connect(dsn, prepare_threshold=None) as runner:
        runner.execute(JOURNAL_SCHEMA)
        for index, state in enumerate(timeline.states):
            if index > 0:
                notes += _reached(runner, dsn, wanted, state)
            if state.changes and index >= max(timeline.new_from, 1):
                seed(dsn, wanted)  # what a new constraint refers to, and tables that are new
            if state.changes or index in references:
                _note_down(answers, index, one)
            else:
                _copy(answers, index)
    return answers, tuple(notes)


def _reached(runner: Connection, dsn: str, wanted: frozenset[Name], state: State) -> Iterator[str]:
    """Run what leads to a state; where sample rows are in its way, take them out first and say so."""
    try:
        reach(runner, state)
    except RowsInTheWay as refusal:
        emptied = empty_tables(runner, refusal.tables) or empty_tables(runner, wanted)
        _reach_without_rows(runner, state)
        tables = ", ".join(map(str, emptied))
        yield f"{refusal.place}: fails on rows like the sample ones in {tables}: {refusal.words}"
        seed(dsn, wanted)


def _reach_without_rows(runner: Connection, state: State) -> None:
    """Run what leads to a state where no sample row can be to blame any more."""
    try:
        reach(runner, state)
    except RowsInTheWay as refusal:
        raise UsageError(refusal.message, place=refusal.place, next_move="correct the statement") from None


def _note_down(answers: _Answers, index: int, one: Judge) -> None:
    for known, found in zip(answers, one.ask(index), strict=True):
        known.update({(index, question): answer for question, answer in found.items()})


def _copy(answers: _Answers, index: int) -> None:
    """Give a state that changes nothing the answers of the one before it."""
    for known in answers:
        known.update({(index, q): answer for (i, q), answer in tuple(known.items()) if i == index - 1})
