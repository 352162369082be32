"""Find values that a query can be executed with, by asking the server and believing its refusals.

No parsing of what a parameter means: the search starts with the values of a seeded row (foreign keys hold,
UPDATE finds a row), changes one parameter at a time while the server's complaint changes, and ends with as many
fresh values as are accepted.
"""

from __future__ import annotations

from migrate_safe.compat.answers import Outcome, Refusal, Sampled, Trial
from migrate_safe.compat.samples import SampleType, seed_value
from migrate_safe.compat.search import NO_ROW, Attempt, Literals, Search, Spent, Values, counted

ATTEMPTS = 1500
"""Executions that the search for one query may take."""

ROW_ATTEMPTS = 500
"""Executions that the search for one sample row may take."""

OTHER_ATTEMPTS = 500
"""Executions that the search for other values in the place of refused ones may take."""


def find_trials(
    types: tuple[SampleType, ...],
    attempt: Attempt,
    literals: Literals,
    *,
    writes: bool,
    pools: tuple[Values, ...] = (),
    hints: tuple[str, ...] = (),
) -> Sampled:
    """Find what the schema accepts of a query: ordinary values and, for a write, the same ones again and odd ones.

    `pools` holds for each parameter values that rows have in columns of its type, `hints` literals near which a later
    schema may draw a line.
    """
    search = Search(types, counted(attempt, ATTEMPTS), literals, pools or ((),) * len(types))
    start = tuple(seed_value(t, 1) for t in types)
    values, outcome = search.accepted(start, ())
    if outcome.refusal is not None:
        return Sampled((Trial((values,)),), outcome.refusal)
    values, outcome = search.reaching(values, outcome)
    values, rows = search.freshened(values, outcome.rows)
    if not writes:
        return Sampled((Trial((values,)),), rows=rows)
    row_refused = attempt((start,)).refusal if rows == 0 else None
    return Sampled((Trial((values,)), *search.again(values), *search.odd(values, rows, hints)), None, rows, row_refused)


def find_row(
    types: tuple[SampleType, ...], row: int, given: tuple[str | None, ...], attempt: Attempt, literals: Literals
) -> Values | None:
    """Find values for the sample row of that number (from 1); None where no values are accepted.

    `given` holds for each column the value to start with, None for the type's own.
    """
    search = Search(types, counted(attempt, ROW_ATTEMPTS), literals, ((),) * len(types))
    start = tuple(seed_value(t, row) if known is None else known for t, known in zip(types, given, strict=True))
    values, outcome = search.accepted(start, (), turn=row + 1)
    return None if outcome.refusal is not None else values


def finds_others(
    types: tuple[SampleType, ...],
    trial: Trial,
    attempt: Attempt,
    literals: Literals,
    *,
    rows: int,
    pools: tuple[Values, ...],
) -> bool:
    """Say whether a query that refuses a trial takes other values in the same number of runs, each reaching rows.

    `rows` is what the trial reached where it was accepted; nothing is asked of a query that reached none.
    """
    search = Search(types, counted(_reaching(attempt) if rows else attempt, OTHER_ATTEMPTS), literals, pools)
    done: tuple[Values, ...] = ()
    try:
        for turn, run in enumerate(trial.runs, 2):
            values = search.swapped(run, done, turn)
            if values is None:
                values, outcome = search.accepted(run, done, turn)
                if outcome.refusal is not None:
                    return False
            done = (*done, values)
    except Spent:
        return False
    return True


def _reaching(attempt: Attempt) -> Attempt:
    """Count it as a refusal when no row is reached."""

    def one(runs: tuple[Values, ...]) -> Outcome:
        outcome = attempt(runs)
        return outcome if outcome.refusal is not None or outcome.rows else Outcome(Refusal(NO_ROW, "no row"))

    return one
