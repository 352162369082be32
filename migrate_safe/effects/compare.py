"""Hold what was predicted of a statement to what was seen of it."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.effects.refusals import of_one_kind, refuses
from migrate_safe.model.effect import Effect, Observed
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name

_OF_ROWS = ("22", "23")
"""Classes of SQLSTATE of a refusal that rows bring about: no value of the type, and a constraint."""


def refused_for_rows(observed: Observed) -> bool:
    """Say whether the server refused a statement for rows or values, which only the database knows."""
    return observed.effect.fails is not None and (observed.sqlstate or "")[:2] in _OF_ROWS


def disagreements(predicted: Effect, observed: Observed, *, unforeseen: str = "") -> tuple[str, ...]:
    """Say where prediction and observation differ; a prediction that depends may only be too high.

    Of a statement that is not understood nothing was predicted, so that nothing can differ.

    `unforeseen` names a part (`scans`) that no statement can tell: how the planner reads the rows of a query.
    """
    return tuple(_disagreements(predicted, observed, unforeseen))


def _disagreements(predicted: Effect, observed: Observed, unforeseen: str) -> Iterator[str]:
    seen = observed.effect
    if predicted.unknown is not None:
        return
    if seen.fails is not None and any(refuses(reason, observed.sqlstate or "") for reason in predicted.refused_by):
        return
    if predicted.fails or seen.fails:
        if bool(predicted.fails) != bool(seen.fails):
            yield f"fails: predicted {predicted.fails!r}, server: {seen.fails!r}"
        elif not of_one_kind(predicted.fails or "", seen.fails or "", observed.sqlstate or ""):
            yield f"fails for another reason: predicted {predicted.fails!r}, server: {seen.fails!r}"
        return
    if predicted.transaction is not seen.transaction:
        yield f"in a transaction: predicted {predicted.transaction}, server: {seen.transaction}"
    lenient = bool(predicted.depends)
    yield from _locks(predicted, observed, lenient=lenient)
    for what in ("rewrites", "scans", "builds"):
        if what != unforeseen:
            want, got = (set(getattr(effect, what)) for effect in (predicted, seen))
            unseen = frozenset() if what == "rewrites" else observed.empty | observed.untold
            if what == "scans" and observed.counted.intersection(predicted.scans):
                unseen |= set(predicted.looked_up) - got
            yield from _names(what, want - unseen, got - unseen, lenient=lenient)
    for what in ("waits_for_old_transactions", "waits_for_snapshots") if not observed.inside else ():
        expected, came = getattr(predicted, what), getattr(seen, what)
        if expected != came and not (expected and lenient):
            yield f"{what.replace('_', ' ')}: predicted {expected}, server: {came}"


def _locks(predicted: Effect, observed: Observed, *, lenient: bool) -> Iterator[str]:
    """Compare what goes beyond the locks held before; those that are unsure may have passed unseen, or in part."""
    held: dict[Name, LockMode] = {lock.relation: lock.mode for lock in observed.held}
    wanted = {lock.relation: lock.mode for lock in predicted.locks if lock.mode > held.get(lock.relation, 0)}
    got = {lock.relation: lock.mode for lock in observed.effect.locks}
    for name in sorted(set(wanted) | set(got)):
        want, saw = wanted.get(name), got.get(name)
        too_high = want is not None and (saw is None or saw <= want)
        unseen = lenient or name in observed.unsure
        if want != saw and not (unseen and too_high):
            yield f"lock on {name}: predicted {_mode(want)}, server: {_mode(saw)}"


def _names(what: str, want: set[Name], got: set[Name], *, lenient: bool) -> Iterator[str]:
    if want != got and not (lenient and got <= want):
        yield f"{what}: predicted {_list(want)}, server: {_list(got)}"


def _mode(mode: LockMode | None) -> str:
    return mode.sql if mode is not None else "none"


def _list(names: set[Name]) -> str:
    return ", ".join(map(str, sorted(names))) or "none"
