"""Changes of the catalog alone: one step whose undo is written from what the catalog was before, and held to it."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.catalog.diff import differences
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Requirement
from migrate_safe.model.source import Source
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank, draft, sql
from migrate_safe.planner.operations import Operation
from migrate_safe.sql.parse import parse_script

GIVE_SCHEMA = "give the database, a dump or the earlier migrations with --schema"
BY_HAND = "say how it is taken back: -- migrate-safe: undo SQL"


class Change(Struct, frozen=True):
    """A change and the change back. `what` and `target` make the step's id, `summary` is for the plan's head.

    `require` must hold before the way back, `first` before the change.
    """

    rank: Rank
    what: str
    target: str
    does: str
    statements: tuple[str, ...]
    back: tuple[str, ...]
    touches: tuple[Name, ...] = ()
    notes: tuple[str, ...] = ()
    require: tuple[Requirement, ...] = ()
    first: tuple[Requirement, ...] = ()

    def steps(self) -> Outcome:
        """Plan the change."""
        work, undo = sql(*self.statements, require=self.first), sql(*self.back, require=self.require)
        made = draft(self.rank, self.what, self.target, self.does, work, undo)
        return Outcome((made,), f"{self.what.replace('-', ' ')} {self.target}", self.notes, self.touches)


def proven(operation: Operation, change: Change) -> Outcome:
    """Plan a change whose way back leads to exactly what was there; raises CannotPlan for one that does not."""
    text = ";\n".join(change.back)
    back = fold(operation.after, parse_script(Source("<undo>", text)))
    left = differences(operation.before, back)
    if left:
        raise CannotPlan(f"what takes it back is not known for certain: {'; '.join(left[:3])}", BY_HAND)
    return change.steps()


def by_release(operation: Operation, rank: Rank = Rank.ENFORCE) -> Rank:
    """Give the move of what the old app could notice: contract, unless the migration says that it does not."""
    return Rank.HOLD if operation.kept is not None else rank
