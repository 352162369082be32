"""What others have changed of a plan's tables since its last step: decided on values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from migrate_safe.catalog.diff import Change, part_changes
from migrate_safe.catalog.part import Part
from migrate_safe.executor.state import PlanState
from migrate_safe.model.errors import MigrateSafeError
from migrate_safe.model.journal import Event, EventKind
from migrate_safe.model.names import Name, parse_name
from migrate_safe.model.plan import BuildIndex, DropIndexConcurrently, Plan, Sql, Work
from migrate_safe.model.seen import SeenPart
from migrate_safe.planner.sharing import words

Raised = TypeVar("Raised", bound=MigrateSafeError)
_TABLE = re.compile(r"table ")
_VIEW = re.compile(r"(?:materialized )?view (.+) on ")
_OF_PLANS = re.compile(r"_ms_|~+ms_")
"""How the names of objects begin that plans make for themselves."""


def alters(plan: Plan, event: Event) -> bool:
    """Say whether an event concludes a step that has changed tables."""
    if event.kind not in (EventKind.DONE, EventKind.UNDONE):
        return False
    step = plan.step(event.step or "")
    return step is None or _changes(step.work if event.kind is EventKind.DONE else step.undo)


def since(before: Iterable[SeenPart], now: Iterable[SeenPart]) -> tuple[Change, ...]:
    """Give the differences between what was seen and what is; a table that is gone is one of them."""
    one, two = tuple(before), tuple(now)
    gone = {p[0] for p in one if _TABLE.match(p[0])} - {p[0] for p in two}
    lost = tuple(f" {word} {key.removeprefix('table ')}" for key in gone for word in ("of", "on"))
    changes = part_changes(map(_part, one), map(_part, two))
    return tuple(
        Change(c.key, f"- {c.key}") if c.key in gone else c for c in changes if not c.key.endswith(lost or "\0")
    )


def concerning(plan: Plan, changes: Iterable[Change], *, contracted: bool = False) -> tuple[Change, ...]:
    """Leave out the changes that say nothing about a plan: objects that other plans have made or put aside.

    A plan that is `contracted` rests only on what it names itself.
    """
    named = words(plan)
    return tuple(c for c in changes if _concerns(c.key, plan, named, contracted=contracted))


def without_visitors(plan: Plan, before: Iterable[SeenPart], now: Sequence[SeenPart]) -> tuple[SeenPart, ...]:
    """Leave out the views that somebody has made while a run was at work: they are not what the plan has left.

    While they are there they are drift, as if they had come later; that they are gone again is none. Views on a table
    that was not there before have come with it, when it got its name back.
    """
    known, named = {part[0] for part in before}, words(plan)
    back = tuple(
        f" on {key.removeprefix('table ')}" for part in now if _TABLE.match(key := part[0]) and key not in known
    )
    return tuple(
        part
        for part in now
        if part[0] in known or not (view := _VIEW.match(part[0])) or _last(view[1]) in named or part[0].endswith(back)
    )


def with_own(known: Iterable[SeenPart], before: Iterable[SeenPart], after: Iterable[SeenPart]) -> tuple[SeenPart, ...]:
    """Add to what is known what a step has changed: the differences between the looks before and after it."""
    parts, old, new = ({part[0]: part for part in parts} for parts in (known, before, after))
    changed = {key: part for key, part in new.items() if old.get(key) != part}
    gone = old.keys() - new.keys()
    return tuple({key: part for key, part in {**parts, **changed}.items() if key not in gone}.values())


def unsettled(plan: Plan, state: PlanState) -> frozenset[str]:
    """Name the parts that may change by themselves: indexes, while a backend may still work on one for the plan."""
    if state.running is None:
        return frozenset()
    works = [work for step in plan.steps for work in (step.work, step.undo)]
    built = [w for w in works if isinstance(w, BuildIndex | DropIndexConcurrently)]
    return frozenset(f"index {w.index.name} of {w.table}" for w in built)


def not_accepted(changes: Sequence[Change], plan: Plan, accepted: Iterable[str]) -> tuple[Change, ...]:
    """Leave out the changes that are accepted, by the name of the part, of its table, or of both."""
    names = tuple(accepted)
    return tuple(c for c in changes if not any(_is_named(c.key, name, plan.touches) for name in names))


def drifted(error: type[Raised], plan: Plan, changes: Iterable[Change]) -> Raised:
    """Say what has changed, and the ways on."""
    lines = "\n".join(c.line for c in changes)
    return error(
        f'tables of plan "{plan.name}" have changed since its last step, and not by a plan:\n{lines}',
        next_move="undo that; or, where it does not matter to the plan, accept it: apply ... --accept-drift NAME, the "
        f"table or object that is named above; or take the plan back and close it: abandon {plan.name}",
    )


def _changes(work: Work | None) -> bool:
    match work:
        case Sql(statements=statements):
            return bool(statements)
        case BuildIndex() | DropIndexConcurrently():
            return True
        case _:
            return False


def _part(seen: SeenPart) -> Part:
    key, text, meaning = seen
    return Part(key, text, (meaning,))


def _concerns(key: str, plan: Plan, named: frozenset[str], *, contracted: bool) -> bool:
    if _TABLE.match(key):
        return True
    own, _ = _split(key, plan.touches)
    return own in named or not (contracted or _OF_PLANS.match(own))


def _last(name: str) -> str:
    return parse_name(name).name


def _is_named(key: str, name: str, tables: Iterable[Name]) -> bool:
    own, table = _split(key, tables)
    of = () if table is None else (str(table), table.name)
    short = (_last(own),) if key.startswith("view ") else ()
    return name in (key, own, *short, *of, *(f"{t}.{x}" for t in of for x in (own, *short)))


def _split(key: str, tables: Iterable[Name]) -> tuple[str, Name | None]:
    """Take the name of a part of a table out of its key: `a` of `column a of public.t`; and give that table."""
    for table in tables:
        if key == f"table {table}" or key.endswith((f" of {table}", f" on {table}")):
            head = re.sub(rf" (of|on) {re.escape(str(table))}\Z", "", key)
            return head.partition(" ")[2], table
    return key, None
