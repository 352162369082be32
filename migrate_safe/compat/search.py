"""The search for values, one parameter at a time, while the server's complaint changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, combinations

from msgspec import Struct

from migrate_safe.compat.answers import Outcome, Refusal, Trial
from migrate_safe.compat.samples import (
    LONGEST,
    MOST_DIGITS,
    SampleType,
    fresh_number,
    fresh_value,
    hinted_values,
    large_value,
    long_value,
    odd_values,
    seed_value,
    substitutes,
)

MOST_DETOURS = 3
"""Values that do not fit their column which the search follows up when nothing else helped."""

DEEPEST = 12
"""Complaints, one behind the other, that the search works through."""

LONGEST_SHOWN = 40
"""Characters of a value that is named as it is."""

NO_ROW = "02000"
"""Stands for having reached no row, where one is asked for."""

_NO_SUCH_VALUE = ("22P02", "22P03", "22007", "22008", "22003", NO_ROW)
"""The text is no value of the parameter's type, or of no row: never a step towards what is accepted."""

_DOES_NOT_FIT = ("22001",)
"""Too long: says nothing of which column, so it is followed up last."""

Values = tuple[str, ...]
Attempt = Callable[[tuple[Values, ...]], Outcome]
"""Execute the runs in one transaction, roll it back, and give the outcome of the last one."""

Make = Callable[[SampleType, int], str | None]
"""Write a value of so many characters, None where the type has none."""

Literals = Callable[[Refusal], tuple[str, ...]]
"""Give the literals that stand in the constraint which refused."""


class Spent(Exception):
    """The attempts are used up: what was found so far is what there is."""


def counted(attempt: Attempt, most: int) -> Attempt:
    """Raise Spent when more executions than these are asked for."""
    spent = 0

    def one_more(runs: tuple[Values, ...]) -> Outcome:
        nonlocal spent
        spent += 1
        if spent > most:
            raise Spent
        return attempt(runs)

    return one_more


class Search(Struct, frozen=True):
    """The search for one query's values. `pools` holds for each parameter values that rows have."""

    types: tuple[SampleType, ...]
    attempt: Attempt
    literals: Literals
    pools: tuple[Values, ...]

    def accepted(self, start: Values, before: tuple[Values, ...], turn: int = 0) -> tuple[Values, Outcome]:
        """Change single parameters until the last run is accepted; else give the start and why it was refused."""
        outcome = self.attempt((*before, start))
        if outcome.refusal is None:
            return start, outcome
        try:
            found = self._mended(start, before, outcome.refusal, frozenset({outcome.refusal.identity}), turn)
        except Spent:
            found = None
        return found or (start, outcome)

    def swapped(self, start: Values, before: tuple[Values, ...], turn: int) -> Values | None:
        """Change one parameter, or all of a type, in whatever way, so that the last run is accepted."""
        refusal = self.attempt((*before, start)).refusal
        if refusal is None:
            return start
        candidates = () if refusal.for_certain else self._variants(start, self.literals(refusal), turn)
        return next((one for one in candidates if self.attempt((*before, one)).refusal is None), None)

    def _mended(
        self, values: Values, before: tuple[Values, ...], refusal: Refusal, seen: frozenset[tuple[str, ...]], turn: int
    ) -> tuple[Values, Outcome] | None:
        """Search depth first: a new complaint is progress, one that was heard on the way here is not."""
        if refusal.for_certain or len(seen) > DEEPEST:
            return None
        later: list[tuple[Values, Refusal]] = []
        for candidate in self._variants(values, self.literals(refusal), turn):
            outcome = self.attempt((*before, candidate))
            if outcome.refusal is None:
                return candidate, outcome
            if outcome.refusal.identity in seen or outcome.refusal.sqlstate in _NO_SUCH_VALUE:
                continue
            if outcome.refusal.sqlstate in _DOES_NOT_FIT:
                later.append((candidate, outcome.refusal))
                continue
            heard = seen | {outcome.refusal.identity}
            if (found := self._mended(candidate, before, outcome.refusal, heard, turn)) is not None:
                return found
        for candidate, other in later[:MOST_DETOURS]:
            if (found := self._mended(candidate, before, other, seen | {other.identity}, turn)) is not None:
                return found
        return None

    def _variants(self, values: Values, literals: tuple[str, ...], turn: int) -> Iterator[Values]:
        for i, kind in enumerate(self.types):
            yield _with(values, i, fresh_value(kind, i, turn))
        for i, pool in enumerate(self.pools):
            for other in pool:
                yield _with(values, i, other)
        for i, kind in enumerate(self.types):
            for other in dict.fromkeys(substitutes(kind, literals, fresh_number(i, turn))):
                yield _with(values, i, other)
        yield from self._variants_of_types(values, literals, turn)

    def _variants_of_types(self, values: Values, literals: tuple[str, ...], turn: int) -> Iterator[Values]:
        """Change all parameters of a type at once: an INSERT of several rows is refused for the next one otherwise."""
        for kind in dict.fromkeys(self.types):
            places = [i for i, other in enumerate(self.types) if other == kind]
            if len(places) > 1:
                made = [
                    (fresh_value(kind, i, turn), *substitutes(kind, literals, fresh_number(i, turn))) for i in places
                ]
                for others in zip(*made, strict=False):
                    known = dict(zip(places, others, strict=True))
                    yield tuple(known.get(i, value) for i, value in enumerate(values))

    def reaching(self, values: Values, outcome: Outcome) -> tuple[Values, Outcome]:
        """Put in values that rows have until the query reaches one: one parameter at a time, then two."""
        places = [(i, other) for i, pool in enumerate(self.pools) for other in pool]
        try:
            for changes in chain(combinations(places, 1), combinations(places, 2)) if outcome.rows == 0 else ():
                candidate = values
                for i, other in changes:
                    candidate = _with(candidate, i, other)
                found = self.attempt((candidate,))
                if found.refusal is None and found.rows > 0:
                    return candidate, found
        except Spent:
            pass
        return values, outcome

    def freshened(self, values: Values, rows: int) -> tuple[Values, int]:
        """Put a fresh value wherever the query is still accepted and reaches no fewer rows."""
        try:
            for i, kind in enumerate(self.types):
                if values[i] != seed_value(kind, 1) and values[i] not in self.pools[i]:
                    continue
                candidate = _with(values, i, fresh_value(kind, i))
                outcome = self.attempt((candidate,))
                if outcome.refusal is None and outcome.rows >= rows:
                    values, rows = candidate, outcome.rows
        except Spent:
            pass
        return values, rows

    def again(self, values: Values) -> tuple[Trial, ...]:
        """Find second runs that repeat as many values as the schema accepts twice, on the second seeded row."""
        next_row = tuple(
            seed_value(kind, 2) if value == seed_value(kind, 1) else value
            for kind, value in zip(self.types, values, strict=True)
        )
        other_row = tuple(_after(value, pool) for value, pool in zip(next_row, self.pools, strict=True))
        found: dict[Values, None] = {}
        for start in dict.fromkeys((next_row, other_row)):
            try:
                second, outcome = self.accepted(start, (values,), turn=1)
            except Spent:
                break
            if outcome.refusal is None and outcome.rows > 0:
                found[second] = None
        return tuple(Trial((values, second), "when values repeat") for second in found)

    def odd(self, values: Values, rows: int, hints: tuple[str, ...]) -> tuple[Trial, ...]:
        """Find odd values that the schema accepts, one parameter at a time."""
        found: list[Trial] = []
        try:
            for i in range(len(self.types)):
                found.extend(Trial((_with(values, i, v),), _which(i, v)) for v in self._odd_of(values, i, rows, hints))
        except Spent:
            pass
        return tuple(found)

    def _odd_of(self, values: Values, parameter: int, rows: int, hints: tuple[str, ...]) -> Iterator[str]:
        """Give the odd values of one parameter that are accepted, each once."""
        kind = self.types[parameter]
        longest = self._longest(values, parameter, rows, long_value, LONGEST)
        largest = self._longest(values, parameter, rows, large_value, MOST_DIGITS)
        known = [one for one in (longest, largest) if one is not None]
        tried = [*odd_values(kind), *hinted_values(kind, hints), *(f"-{largest}" for _ in range(largest is not None))]
        for other in dict.fromkeys(tried):
            if other not in known and self._takes(values, parameter, other, rows):
                yield other
        yield from known

    def _longest(self, values: Values, parameter: int, rows: int, make: Make, most: int) -> str | None:
        """Find the longest text or number that is accepted, up to so many characters, halving what is not known."""
        kind = self.types[parameter]
        accepted, refused, best = min(len(values[parameter]), most) if make is long_value else 0, most + 1, None
        while refused - accepted > 1:
            length = most if refused > most else (accepted + refused) // 2
            text = make(kind, length)
            if text is None:
                return None
            if self._takes(values, parameter, text, rows):
                accepted, best = length, text
            else:
                refused = length
        return best

    def _takes(self, values: Values, parameter: int, other: str, rows: int) -> bool:
        outcome = self.attempt((_with(values, parameter, other),))
        return outcome.refusal is None and outcome.rows >= rows


def _which(parameter: int, value: str) -> str:
    """Say which value of which parameter a trial is about."""
    if len(value) > LONGEST_SHOWN:
        return f"when ${parameter + 1} has {len(value)} characters"
    return f"when ${parameter + 1} is '{value}'"


def _after(value: str, pool: Values) -> str:
    """Give the value of another row where this one is the value of a row."""
    return pool[(pool.index(value) + 1) % len(pool)] if value in pool else value


def _with(values: Values, index: int, other: str) -> Values:
    return (*values[:index], other, *values[index + 1 :])
