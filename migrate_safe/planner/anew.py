"""Put what is made anew into its place among the decisions: a step of its own, or around changes of types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migrate_safe.model.values import replace
from migrate_safe.planner.choose_anew import Group, make_anew, retyped_inside, touched_by
from migrate_safe.planner.decision import Decision
from migrate_safe.planner.draft import CannotPlan, Draft, Outcome, Rank
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.recipes.make_anew import joined
from migrate_safe.planner.surroundings import Surroundings


def with_anew(
    group: Group, operation: Operation, found: Sequence[Operation], made: Sequence[Decision], around: Surroundings
) -> list[Decision]:
    """Add, at the last operation of a group, what makes it anew. Raises CannotPlan.

    A change of a type that the server refuses while the group's programs are there is done in the midst of it.
    """
    if operation is not group.operations[-1]:
        return list(made)
    inside = retyped_inside(group, found)
    recipe = make_anew(group, around, inside)
    if recipe is None:
        return [*made, Decision(group.operations, Outcome(touches=touched_by(group, around.start)))]
    if not inside.changes:
        return [*made, Decision(group.operations, recipe.steps())]
    changing = [d for d in made if any(d.operations[0] is o for o in inside.changes)]
    changes = [x for d in changing for x in d.outcome.drafts if _word(x) in _CHANGES]
    if len(changes) < len(inside.changes):
        return list(made)  # one of them has no road, which was said of it
    rank = max(recipe.rank, *(x.rank for x in changes))
    _refuse_several(recipe.names[0], changing, rank)
    whole = _at(rank, recipe.around(changes))
    said = replace(recipe, rank=rank).steps()
    return [*_exchanged(made, changes, whole), Decision(group.operations, replace(said, drafts=()))]


_CHANGES = ("change-type", "exchange-columns")


def _word(item: Draft) -> str:
    return item.step.id.split(".")[1]


def _refuse_several(name: str, changing: Sequence[Decision], rank: Rank) -> None:
    """Raise CannotPlan for changes that do not fit into one step: each has others that must stand close to it."""
    drafts = [x for d in changing for x in d.outcome.drafts]
    together = len(changing) > 1 or any(x.rank < rank for x in drafts if _word(x) in _CHANGES)
    if together and len(drafts) > len(changing):
        raise CannotPlan(
            f"{name} stands in the way of changes of types that take several steps",
            "change one type in a migration of its own, which does no more than drop and make it for that",
        )


def _at(rank: Rank, item: Draft) -> Draft:
    _, _, what = item.step.id.partition(".")
    return Draft(rank, replace(item.step, id=f"{rank.phase}.{what}", phase=rank.phase))


def _exchanged(made: Iterable[Decision], changes: Sequence[Draft], whole: Draft) -> list[Decision]:
    """Put one step in the place of the last of several, and take out the others."""
    found: list[Decision] = []
    for decision in made:
        drafts = [x for x in decision.outcome.drafts if not any(x is c for c in changes[:-1])]
        put = tuple(whole if x is changes[-1] else x for x in drafts)
        found.append(replace(decision, outcome=replace(decision.outcome, drafts=put)))
    return found


def with_columns_again(made: Sequence[Decision]) -> list[Decision]:
    """Let a column that takes the name of one that goes come in the very step that hides that one."""
    drafts = [x for d in made for x in d.outcome.drafts]
    found = list(made)
    for added in (x for x in drafts if x.rank is Rank.ENFORCE and _word(x) == "add-column"):
        hidden = next(x for x in drafts if x.step.id == added.step.id.replace(".add-column.", ".hide-column.", 1))
        found = _exchanged(found, (added, hidden), _after(hidden, added))
    return found


def _after(first: Draft, second: Draft) -> Draft:
    there, back = (both.step.work for both in (first, second)), (both.step.undo for both in (second, first))
    does = f"{first.step.does}; {second.step.does}"
    return replace(first, step=replace(first.step, does=does, work=joined(there), undo=joined(back)))
