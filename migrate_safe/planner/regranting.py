"""REVOKE and a GRANT after it that gives some of it again: what the new app needs it never lacks, the rest goes late.

By itself a GRANT comes in expand and a REVOKE in contract, which then would take what was granted.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from migrate_safe.catalog.evolve import fold
from migrate_safe.model.names import Name
from migrate_safe.model.said import Grants
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Other
from migrate_safe.planner.changes import by_release
from migrate_safe.planner.draft import CannotPlan, Draft, Outcome, Rank, draft, sql
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.recipes.change_grant import named_in, rights_again
from migrate_safe.sql.parse import parse_script


class Regrant(Struct, frozen=True):
    """Operations on rights whose order decides, as they stand in the migration: the first is a REVOKE."""

    operations: tuple[Operation, ...]

    def steps(self) -> Outcome:
        """Plan them: what is granted in expand, all of them in one transaction in contract. Raises CannotPlan."""
        first, start = self.operations[0], self.operations[0].before
        granted = [o for o in self.operations if _is(o, grant=True)]
        more = _after(start, granted)
        end = _after(more, self.operations)
        if any(rights_again(_after(start, self.operations), end)):
            raise CannotPlan("granted again it would not be the same in a plan", "revoke only what is not to stay")
        names = ", ".join(dict.fromkeys(_names(o) for o in self.operations))
        drafts = [*_granting(names, granted, start, more)]
        does = f"revoke on {names} what is not granted again; the old app may need it until it is gone"
        texts = (o.text for o in self.operations)
        if back := tuple(rights_again(more, end)):
            drafts.append(draft(by_release(first), "revoke", names, does, sql(*texts), sql(*back)))
        touched = (n for o in self.operations for n in _tables(o))
        return Outcome(tuple(drafts), f"grant anew on {names}", (), tuple(dict.fromkeys(touched)))


def regrants(found: Sequence[Operation]) -> tuple[Regrant, ...]:
    """Give the groups of REVOKE and GRANT whose order makes a difference."""
    groups: list[list[Operation]] = []
    for operation in found:
        if _is(operation, grant=False):
            groups.append([operation])
        elif _is(operation, grant=True):
            near = [g for g in groups if any(_gives_again(o, operation) for o in g)]
            if near:
                joined = [o for g in near for o in g]
                groups = [g for g in groups if g not in near]
                groups.append([*joined, operation])
    return tuple(Regrant(tuple(g)) for g in groups if len(g) > 1)


def _is(operation: Operation, *, grant: bool) -> bool:
    if operation.undo is not None or operation.phase is not None:
        return False
    match operation.action:
        case Other(says=Grants(grant=said)):
            return said is grant
        case _:
            return False


def _gives_again(one: Operation, other: Operation) -> bool:
    """Say whether the order of a REVOKE and a GRANT makes a difference."""
    if not _is(one, grant=False):
        return False
    there = one.before
    return any(rights_again(_after(there, (one, other)), _after(there, (other, one))))


def _after(schema: Schema, operations: Sequence[Operation]) -> Schema:
    return fold(schema, parse_script(Source("<plan>", ";\n".join(o.text for o in operations))))


def _granting(names: str, granted: Sequence[Operation], start: Schema, more: Schema) -> tuple[Draft, ...]:
    back = tuple(rights_again(start, more))
    if not back:
        return ()
    does = f"grant on {names} what the new app needs"
    return (draft(Rank.SHAPE, "grant", names, does, sql(*(o.text for o in granted)), sql(*back)),)


def _names(operation: Operation) -> str:
    assert isinstance(operation.action, Other)
    assert isinstance(operation.action.says, Grants)
    return named_in(operation.action.says)


def _tables(operation: Operation) -> tuple[Name, ...]:
    assert isinstance(operation.action, Other)
    assert isinstance(operation.action.says, Grants)
    names = (operation.before.resolve(t.name) for t in operation.action.says.targets)
    return tuple(n for n in names if n in operation.before.tables)
