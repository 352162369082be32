"""How all that acts comes, changes and goes: each statement to its family."""

from __future__ import annotations

from typing import assert_never

from migrate_safe.catalog.evolve import policies, routines, things, triggers
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    AlterPolicy,
    AlterRoutine,
    AlterThing,
    Call,
    CreateFunction,
    CreatePolicy,
    CreateRule,
    CreateThing,
    DropPart,
    DropRoutines,
    DropThings,
    ProgramAction,
    RenamePart,
)


def apply_program(schema: Schema, action: ProgramAction) -> Schema:
    """Apply a statement about routines, policies, rules or things; a CALL is taken apart before it gets here."""
    match action:
        case CreateFunction():
            return routines.create_function(schema, action)
        case AlterRoutine():
            return routines.alter_routine(schema, action)
        case DropRoutines():
            return routines.drop_routines(schema, action)
        case Call():
            return schema
        case CreatePolicy():
            return policies.create_policy(schema, action)
        case AlterPolicy():
            return policies.alter_policy(schema, action)
        case CreateRule():
            return policies.create_rule(schema, action)
        case RenamePart(kind="trigger"):
            return triggers.rename_trigger(schema, action)
        case RenamePart():
            return policies.rename_part(schema, action)
        case DropPart():
            return policies.drop_part(schema, action)
        case CreateThing():
            return things.create_thing(schema, action)
        case AlterThing():
            return things.alter_thing(schema, action)
        case DropThings():
            return things.drop_things(schema, action)
        case _:
            assert_never(action)
