"""What every plan promises, held against it before anybody sees it: where it ends, and where its way back leads.

Statements of one migration may be about one thing, and no recipe knows it of another's: steps of two phases come in
another order than the statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate_safe.catalog.diff import differences, known_differences
from migrate_safe.catalog.evolve.holders import every_holder
from migrate_safe.catalog.privileges import grant_text
from migrate_safe.model.objects import Grant
from migrate_safe.model.schema import Schema
from migrate_safe.planner.locks import Course

_STAYS = "enum "
"""How the difference begins that no way back takes away: values of an enum."""
_WHOSE = "rights on "
"""How a difference begins that hangs on who runs the plan, which is not who plans it, where the object is new."""


def unkept(course: Course, end: Schema, *, by_hand: bool) -> Iterator[str]:
    """Give what would come out otherwise: at the end, where `end` is that of the migration, or back at the start.

    What is taken back `by_hand` is its author's word. Of what nothing tells of nothing is compared.
    """
    start = course.ahead[0]
    yield from _differences(start, end, course.ahead[-1])
    if not by_hand:
        lines = _differences(start, start, course.again)
        yield from (f"taken back: {line}" for line in lines if not line[2:].startswith(_STAYS))


def _differences(start: Schema, one: Schema, other: Schema) -> tuple[str, ...]:
    lines = differences(one, other) if start.complete else known_differences(one, other, start)
    mine = (line for line in lines if not line[2:].startswith(_WHOSE))
    return (*mine, *_other_rights(start, one, other))


def _other_rights(start: Schema, one: Schema, other: Schema) -> Iterator[str]:
    """Give the objects of the start that others may use otherwise; whose they are is not compared."""
    there = {h.target for h in every_holder(start)}
    before = {h.target: h.grants for h in every_holder(one)}
    for holder in every_holder(other):
        former = before.get(holder.target)
        if holder.target in there and former is not None and set(former) != set(holder.grants):
            yield f"~ {_WHOSE}{holder.target.name}: {_listed(holder.grants)} (was: {_listed(former)})"


def _listed(grants: Iterable[Grant]) -> str:
    return "; ".join(map(grant_text, grants)) or "none"
