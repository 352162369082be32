"""Hold what was predicted of a statement to what was seen of it."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.effects.doubts import Rows
from migrate_safe.model.effect import Effect, Observed
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name

_OF_ROWS = ("22", "23")
"""Classes of SQLSTATE of a refusal that rows bring about: no value of the type, and a constraint."""

_IN_USE = "55006"
"""The SQLSTATE of a refusal to alter what the same session still uses."""
_HELD = "2BP01"
"""The SQLSTATE of a refusal to drop what others depend on."""
_LACKING = ("42704", "0A000", "58P01", "55000")
"""SQLSTATE of a refusal because of a tablespace, an extension or a setting that the server has not."""
_OF_ABSENCE = ("42P01", "42703", "42704", "42883", "3F000")
"""SQLSTATE of a refusal because of a relation, column, object, function or schema that is not there."""
_ABSENCE = "does not exist"
_IN_A_BLOCK = "25001"


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
    if predicted.refused_by and refused_for_rows(observed):
        return
    if predicted.refused_by and observed.sqlstate == _HELD and all(_is(Rows.HELD, r) for r in predicted.refused_by):
        return
    if observed.sqlstate == _IN_USE and any(_is(Rows.PENDING, reason) for reason in predicted.refused_by):
        return
    if observed.sqlstate in _LACKING and any(_is(Rows.LACKED, reason) for reason in predicted.refused_by):
        return
    if predicted.fails or seen.fails:
        if bool(predicted.fails) != bool(seen.fails):
            yield f"fails: predicted {predicted.fails!r}, server: {seen.fails!r}"
        elif not _of_one_kind(predicted.fails or "", seen.fails or "", observed.sqlstate or ""):
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
            if what == "scans":
                unseen |= set(predicted.looked_up) - got
            yield from _names(what, want - unseen, got - unseen, lenient=lenient)
    for what in ("waits_for_old_transactions", "waits_for_snapshots") if not observed.inside else ():
        expected, came = getattr(predicted, what), getattr(seen, what)
        if expected != came and not (expected and (lenient or _queued(observed))):
            yield f"{what.replace('_', ' ')}: predicted {expected}, server: {came}"


def _is(rows: Rows, reason: str) -> bool:
    first, _, last = rows.partition("{}")
    return reason.startswith(first) and reason.endswith(last.rpartition("{}")[2])


def _of_one_kind(predicted: str, said: str, sqlstate: str) -> bool:
    """Say whether two reasons of a refusal are of one kind, as far as that can be told: absence, and transactions.

    What a major version does not know yet, or may keep for itself, counts as either.
    """
    if (sqlstate == _IN_A_BLOCK) != ("transaction block" in predicted):
        return False
    if _ABSENCE in predicted:
        return sqlstate in _OF_ABSENCE or _ABSENCE in said or "is required by the server" in predicted
    return _ABSENCE not in said or "does not know" in predicted


def _queued(observed: Observed) -> bool:
    """Say whether nobody could see what a statement waits for: it queued for locks, or nothing was in its way."""
    sure = [lock.mode for lock in observed.effect.locks if lock.relation not in observed.unsure]
    return not sure or any(mode.blocks_writes for mode in sure)


def _locks(predicted: Effect, observed: Observed, *, lenient: bool) -> Iterator[str]:
    """Compare what goes beyond the locks held before; of those that are unsure a part may have passed unseen."""
    held: dict[Name, LockMode] = {lock.relation: lock.mode for lock in observed.held}
    wanted = {lock.relation: lock.mode for lock in predicted.locks if lock.mode > held.get(lock.relation, 0)}
    got = {lock.relation: lock.mode for lock in observed.effect.locks}
    tables = [name for name in wanted if name not in observed.unsure]
    # what works on one table after the other takes and leaves their locks; the obstacles stand before the first only
    one_of_many = not observed.inside and len(tables) > 1
    passing = max((mode for name, mode in wanted.items() if one_of_many and got.get(name) == mode), default=0)
    for name in sorted(set(wanted) | set(got)):
        want, saw = wanted.get(name), got.get(name)
        too_high = want is not None and (saw is None or saw <= want)
        unseen = lenient or (want or 0) <= passing or name in observed.unsure
        if want != saw and not (unseen and too_high):
            yield f"lock on {name}: predicted {_mode(want)}, server: {_mode(saw)}"


def _names(what: str, want: set[Name], got: set[Name], *, lenient: bool) -> Iterator[str]:
    if want != got and not (lenient and got <= want):
        yield f"{what}: predicted {_list(want)}, server: {_list(got)}"


def _mode(mode: LockMode | None) -> str:
    return mode.sql if mode is not None else "none"


def _list(names: set[Name]) -> str:
    return ", ".join(map(str, sorted(names))) or "none"
