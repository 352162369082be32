"""Create, replace or alter a function or procedure.

Harm of the plain form: both app versions call the new definition from that moment on, and the former one is gone.
Phases: expand; the undo is the former definition as the catalog holds it, or, of a new function, its drop. A function
whose body the server keeps parsed (BEGIN ATOMIC) is refused: its text is not kept.

https://www.postgresql.org/docs/current/sql-createfunction.html
"""

from __future__ import annotations

from migrate_safe.catalog.definition_programs import function_definition
from migrate_safe.catalog.evolve.routines import wanted_routine
from migrate_safe.model.schema import Function, Schema
from migrate_safe.model.statement import AlterRoutine, CreateFunction
from migrate_safe.planner.changes import BY_HAND, GIVE_SCHEMA, Change, proven
from migrate_safe.planner.draft import CannotPlan, Outcome, Rank
from migrate_safe.planner.operations import Operation


def replace_function(operation: Operation) -> Outcome | None:
    """Plan what is done to functions and procedures; None for other operations."""
    match operation.action:
        case CreateFunction():
            return _create(operation)
        case AlterRoutine(to=None, schema=None, kind=kind, routine=routine):
            known = wanted_routine(operation.before, routine, kind, if_exists=True)
            if known is None:
                raise CannotPlan(f"{kind} {routine} is not known here", GIVE_SCHEMA)
            return _changed(operation, known, "alter")
        case AlterRoutine(routine=routine, kind=kind):
            raise CannotPlan(
                f"{routine} has one name at a time",
                f"create the {kind} under its new name, and drop the old one in the same migration",
            )
        case _:
            return None


def _create(operation: Operation) -> Outcome:
    before, after = _all(operation.before), _all(operation.after)
    made = next((f for key, f in after.items() if before.get(key) != f), None)
    if made is None:
        return Outcome()
    former = before.get((made.name, made.arguments))
    if former is not None:
        return _changed(operation, former, "replace")
    if not operation.before.complete and _replaces(operation):
        raise CannotPlan(f"whether {made.name} is there now is not known here", GIVE_SCHEMA)
    full = f"{made.name}({made.arguments})"
    back = (f"DROP {made.kind.upper()} {full}",)
    does = f"create {made.kind} {full}"
    return proven(operation, Change(Rank.SHAPE, f"create-{made.kind}", full, does, (operation.text,), back))


def _replaces(operation: Operation) -> bool:
    return isinstance(operation.action, CreateFunction) and operation.action.replace


def _all(schema: Schema) -> dict[tuple[object, str], Function]:
    return {(f.name, f.arguments): f for overloads in schema.functions.values() for f in overloads}


def _changed(operation: Operation, former: Function, word: str) -> Outcome:
    if operation.before == operation.after:
        return Outcome()
    definition = function_definition(former)
    if definition is None:
        raise CannotPlan(f"the text of {former.name} as it is now is not kept by the server", BY_HAND)
    full = f"{former.name}({former.arguments})"
    does = f"{word} {former.kind} {full}, for both app versions"
    note = f"{full}: both app versions call the new definition from expand on"
    what = f"{word}-{former.kind}"
    change = Change(Rank.SHAPE, what, full, does, (operation.text,), (definition,), (), (note,))
    return proven(operation, change)
