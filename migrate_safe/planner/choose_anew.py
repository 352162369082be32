"""Find what a migration drops and makes again under its name: views, functions, triggers and policies.

What rests on each other goes together, with the grants and comments that are given anew: one transaction for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from migrate_safe.catalog.diff import differences
from migrate_safe.catalog.evolve import fold
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Function, Policy, Schema, Trigger, View
from migrate_safe.model.source import Source
from migrate_safe.model.statement import (
    AlterPolicy,
    AlterRoutine,
    AlterTable,
    AlterType,
    CreateFunction,
    CreatePolicy,
    CreateTrigger,
    CreateView,
    DropPart,
    DropRoutines,
    DropTrigger,
    DropView,
    Other,
    RenamePart,
)
from migrate_safe.planner.changes import BY_HAND
from migrate_safe.planner.draft import CannotPlan, Rank
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.programs import (
    Key,
    Program,
    changed_programs,
    dropping,
    making,
    named_in,
    nothing_on_columns,
    programs_of,
    rests_on,
    with_programs,
)
from migrate_safe.planner.recipes.change_grant import rights_again
from migrate_safe.planner.recipes.make_anew import MakeAnew
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.sql.parse import parse_script
from migrate_safe.sql.recompose import replacing

_MAKES = (CreateView, CreateFunction, CreateTrigger, CreatePolicy)
_DROPS = (DropView, DropRoutines, DropTrigger, DropPart)
_CHANGES = (AlterPolicy, AlterRoutine, RenamePart)
_SAID = ("GrantStmt", "CommentStmt", "AlterOwnerStmt")

Changes = dict[Key, tuple[Program | None, Program | None]]


class Group(Struct, frozen=True):
    """Operations on what is made anew together, in order, and the programs before the first and after the last."""

    operations: tuple[Operation, ...]
    old: dict[Key, Program]
    new: dict[Key, Program]

    @property
    def keys(self) -> tuple[Key, ...]:
        """All of them: those that were there, in order, then those that come."""
        return tuple(dict.fromkeys((*self.old, *self.new)))


def made_again(found: Sequence[Operation], start: Schema) -> tuple[Group, ...]:
    """Give the groups of operations by which what was there before the migration is dropped and made again."""
    if not any(isinstance(o.action, _DROPS) for o in found) or not any(isinstance(o.action, _MAKES) for o in found):
        return ()
    listed = [(o, changed_programs(o.before, o.after)) for o in found if _is_program(o)]
    again = _again([changes for _, changes in listed], start)
    return tuple(_group(keys, listed) for keys in _together(again, listed))


def _is_program(operation: Operation) -> bool:
    if operation.undo is not None or operation.phase is not None:
        return False
    match operation.action:
        case Other(kind=kind):
            return kind in _SAID
        case AlterTable(table=name):
            return operation.before.resolve(name) in operation.before.views
        case action:
            return isinstance(action, _MAKES + _DROPS + _CHANGES)


def _again(listed: Iterable[Changes], start: Schema) -> list[Key]:
    """Give what is dropped and then made, and was there before the migration."""
    dropped: set[Key] = set()
    found: dict[Key, None] = {}
    for changes in listed:
        for key, (was, becomes) in changes.items():
            if becomes is None:
                dropped.add(key)
            elif was is None and key in dropped:
                found[key] = None
    there = programs_of(start, found)
    return [key for key in found if key in there]


def _together(again: Iterable[Key], listed: Sequence[tuple[Operation, Changes]]) -> list[set[Key]]:
    """Put together what one statement changes, and what rests on each other."""
    groups = [{key} for key in again]
    grown = True
    while grown:
        grown = False
        for operation, changes in listed:
            near = [g for g in groups if not g.isdisjoint(changes) or _rest_on(operation, changes, g)]
            joined = set(changes).union(*near)
            if near and (len(near) > 1 or joined != near[0]):
                groups = [*(g for g in groups if not any(g is n for n in near)), joined]
                grown = True
    return groups


def _rest_on(operation: Operation, changes: Changes, keys: Iterable[Key]) -> bool:
    sides = [(operation.before, was) for was, _ in changes.values()]
    sides += [(operation.after, becomes) for _, becomes in changes.values()]
    return any(p is not None and rests_on(schema, p, key) for schema, p in sides for key in keys)


def _group(keys: set[Key], listed: Sequence[tuple[Operation, Changes]]) -> Group:
    chosen = [(o, c) for o, c in listed if not keys.isdisjoint(c)]
    order = dict.fromkeys(k for _, c in chosen for k in c if k in keys)
    operations = tuple(o for o, _ in chosen)
    return Group(operations, programs_of(operations[0].before, order), programs_of(operations[-1].after, order))


# ---- the step ------------------------------------------------------------------------------


def make_anew(group: Group, around: Surroundings, inside: Inside) -> MakeAnew | None:
    """Write how a group is made anew and taken back; None where all is again as it was. Raises CannotPlan.

    `inside` are changes of types that must be done between the drops and what makes all anew.
    """
    first, last = group.operations[0], group.operations[-1]
    there = with_programs(last.after, {k: group.old.get(k) for k in group.keys})
    if not inside.changes and not differences(there, last.after):
        return None
    noticed = tuple(str(k) for k in group.keys if _is_noticed(group.old.get(k), group.new.get(k)))
    kept = any(o.kept is not None for o in group.operations)
    read = any(_reads_filled(p, k, around) for k, p in group.new.items())
    rank = (Rank.HOLD if kept else Rank.QUIET) if noticed else Rank.HOLD if read else Rank.SHAPE
    views = [p for p in group.new.values() if isinstance(p, View)]
    if not inside.changes and any(around.reads(v, around.converted) for v in views):
        rank = Rank.ENFORCE
    gently = tuple(_gently(group))
    plainly = tuple(t for o in group.operations for t in _texts(o))
    forward = gently if not inside.changes and not differences(_after(there, gently), last.after) else plainly
    before = tuple(t for o in group.operations[: inside.earlier] for t in _texts(o))
    taken, given = _back(group, first.before, in_place=not inside.changes)
    return MakeAnew(
        names=tuple(map(str, group.keys)),
        noticed=noticed,
        let_go=before,
        made=forward[len(before) :],
        taken=taken,
        given=given,
        rank=rank,
        touches=touched_by(group, around.start),
        require=tuple(_not_lost(group.old, {*forward, *taken})),
    )


def _not_lost(old: dict[Key, Program], statements: set[str]) -> Iterator[Requirement]:
    """Ask that views that are dropped, here or on the way back, have nothing that would not be given back."""
    for key, program in old.items():
        if isinstance(program, View) and dropping(key, program) in statements:
            yield nothing_on_columns(key.on)


class Inside(Struct, frozen=True):
    """Changes of types that a group makes room for, after so many `earlier` operations of its own."""

    changes: tuple[Operation, ...] = ()
    earlier: int = 0


def retyped_inside(group: Group, found: Sequence[Operation]) -> Inside:
    """Find the changes of types that the server refuses while the programs of a group are there."""
    first, last = (next(i for i, o in enumerate(found) if o is group.operations[at]) for at in (0, -1))
    barred = [i for i in range(first, last) if any(_bars(k, p, found[i]) for k, p in group.old.items())]
    if not barred:
        return Inside()
    earlier = sum(1 for o in found[: barred[0]] if any(o is g for g in group.operations))
    return Inside(tuple(found[i] for i in barred), earlier)


def _bars(key: Key, program: Program, operation: Operation) -> bool:
    match operation.action:
        case AlterTable(table=name, actions=(AlterType(column=column),)):
            table = operation.before.resolve(name)
        case _:
            return False
    match program:
        case View():
            return table in program.relations and (column in program.columns or program.star)
        case Trigger():
            return key.on == table and column in {*program.columns, *named_in(program)}
        case Policy():
            return key.on == table and column in named_in(program)
        case Function():
            return table in program.uses and column in program.columns


def _after(schema: Schema, statements: Iterable[str]) -> Schema:
    return fold(schema, parse_script(Source("<plan>", ";\n".join(statements))))


def _gently(group: Group) -> Iterator[str]:
    """Write the statements with CREATE OR REPLACE in place of a drop where the server knows that."""
    kept = {k for k in group.old if k in group.new and _is_replaceable(group.old[k], group.new[k])}
    for operation in group.operations:
        changed = set(changed_programs(operation.before, operation.after))
        if isinstance(operation.action, _DROPS) and changed <= kept:
            continue
        made = isinstance(operation.action, _MAKES) and changed <= kept
        yield from (replacing(operation.text),) if made else _texts(operation)


def _texts(operation: Operation) -> tuple[str, ...]:
    """Write a statement; a drop as one for each object, by its full name, those that CASCADE takes along included."""
    action, before = operation.action, operation.before
    if not isinstance(action, DropView | DropRoutines | DropTrigger | DropPart):
        return (operation.text,)
    going = {k: was for k, (was, _) in changed_programs(before, operation.after).items() if was is not None}
    if action.cascade and not (
        before.complete and not differences(with_programs(before, dict.fromkeys(going)), operation.after)
    ):
        raise CannotPlan("CASCADE drops whatever depends on it with it", "drop that first, by its own name")
    return tuple(dropping(k, going[k]) for k in _dependents_first(before, going))


def _dependents_first(schema: Schema, going: dict[Key, Program]) -> Iterator[Key]:
    left = dict(going)
    while left:
        free = [k for k in left if not any(rests_on(schema, p, k) for other, p in left.items() if other != k)]
        for key in free or list(left):
            del left[key]
            yield key


def _is_replaceable(old: Program, new: Program) -> bool:
    match old, new:
        case Trigger(), Trigger():
            return not (old.constraint or new.constraint)
        case Policy(), _:
            return False
        case _:
            return True


def _back(group: Group, before: Schema, *, in_place: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write what leads back, in one of two ways: in place of what is there, else by dropping that first."""
    there = with_programs(before, {k: group.new.get(k) for k in group.keys})
    kept = {k for k in group.old if k in group.new and _is_replaceable(group.new[k], group.old[k])}
    going = tuple(_dependents_first(group.operations[-1].after, group.new))
    coming = tuple(reversed(tuple(_dependents_first(before, group.old))))
    left: tuple[str, ...] = ()
    for spared in (kept, set[Key]()) if in_place else (set[Key](),):
        taken = tuple(dropping(k, group.new[k]) for k in going if k not in spared)
        made = tuple(t for k in coming for t in making(k, group.old[k], replacing=k in spared))
        owned = (*made, *_owners(group.old, _after(there, (*taken, *made))))
        given = (*owned, *rights_again(before, _after(there, (*taken, *owned))))
        left = differences(before, _after(there, (*taken, *given)))
        if not left:
            return taken, given
    raise CannotPlan(f"what takes it back is not known for certain: {'; '.join(left[:3])}", BY_HAND)


def _owners(old: dict[Key, Program], now: Schema) -> Iterator[str]:
    there = programs_of(now, old)
    for key, program in old.items():
        made = there.get(key)
        if isinstance(program, View | Function) and isinstance(made, View | Function):
            kind = program.kind.upper() if isinstance(program, Function) else "VIEW"
            if program.owner is not None and program.owner != made.owner:
                yield f"ALTER {kind} {key} OWNER TO {quote_ident(program.owner)}"


def _is_noticed(old: Program | None, new: Program | None) -> bool:
    """Say whether the old app would miss something, or be refused what it does."""
    match old, new:
        case (Policy() as policy, None) | (None, Policy() as policy):
            return policy.permissive is (new is None)
        case None, _:
            return False
        case View(), View():
            return not _shows_all(old, new)
        case Function(), Function():
            return _shape(old) != _shape(new)
        case Policy(), Policy():
            return old != new
        case Trigger(), Trigger():
            return False
        case _:
            return True


def _shows_all(old: View, new: View) -> bool:
    before = dict(zip(old.shows, old.types or (None,) * len(old.shows), strict=True))
    after = dict(zip(new.shows, new.types or (None,) * len(new.shows), strict=True))
    known = bool(before) and set(before) <= set(after)
    return known and all(t is None or after[c] is None or t == after[c] for c, t in before.items())


def _shape(function: Function) -> tuple[object, ...]:
    parameters = tuple((p.name, p.type, p.mode, p.default is not None) for p in function.parameters)
    return function.kind, function.returns, function.returns_set, parameters


def _reads_filled(program: Program, key: Key, around: Surroundings) -> bool:
    """Say whether it reads a column that this plan has yet to fill."""
    match program:
        case View():
            return around.reads(program, around.filled)
        case Trigger() | Policy():
            return bool(named_in(program) & around.of(around.filled, key.on))
        case _:
            return False


def touched_by(group: Group, start: Schema) -> tuple[Name, ...]:
    """Give the tables that the programs of a group are on, or read."""
    programs = [*group.old.items(), *group.new.items()]
    read = [r for _, p in programs if isinstance(p, View) for r in sorted(p.relations)]
    return tuple(dict.fromkeys(n for n in (*(k.on for k, _ in programs), *read) if n in start.tables))
