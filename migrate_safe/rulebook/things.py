"""The objects that are no relations, as statements name them: what a statement changes or drops, in words."""

from __future__ import annotations

from migrate_safe.model.names import quote_ident
from migrate_safe.model.said import Dropped, Extension, Grants, Moved, Renamed
from migrate_safe.model.statement import (
    Action,
    AlterDomain,
    AlterEnum,
    AlterRoutine,
    AlterSequence,
    CreateFunction,
    DropRoutines,
    DropSequence,
    DropThings,
    DropType,
    Other,
    RenameAttribute,
    RenameType,
    SetTypeSchema,
)
from migrate_safe.rulebook.spoken import listed


def things_of(action: Action) -> tuple[str, ...]:
    """Name the objects that a statement is about, each with its kind: `function f(integer)`, `type mood`."""
    match action:
        case DropRoutines(kind, routines):
            return tuple(f"{kind} {routine}" for routine in routines)
        case DropType(types, domain):
            return tuple(f"{'domain' if domain else 'type'} {name}" for name in types)
        case DropSequence(sequences):
            return tuple(f"sequence {name}" for name in sequences)
        case DropThings(kind, names):
            return tuple(f"{kind} {name}" for name in names)
        case AlterRoutine(kind, routine):
            return (f"{kind} {routine}",)
        case CreateFunction(function):
            return (f"{function.kind} {function.name}({function.arguments})",)
        case RenameType(name, domain=domain) | SetTypeSchema(name, domain=domain):
            return (f"{'domain' if domain else 'type'} {name}",)
        case RenameAttribute(name, attribute):
            return (f"attribute {attribute} of type {name}",)
        case AlterEnum(name) | AlterDomain(name) | AlterSequence(name):
            return (str(name),)
        case Other(says=Dropped(targets)):
            return tuple(f"{t.kind} {t.name}" for t in targets)
        case Other(says=Renamed(target) | Moved(target)):
            return (f"{target.kind} {target.name}",)
        case Other(says=Grants() as grants):
            return (_rights(grants),)
        case Other(says=Extension(name=name)):
            return (f"extension {name}",)
        case _:
            return ()


def _rights(grants: Grants) -> str:
    """Say what is granted or revoked: `INSERT on users from app`."""
    rights = listed(privilege.word for privilege in grants.privileges)
    places = listed(str(target.name) for target in grants.targets)
    where = f"all {grants.kind}s of {places}" if grants.everywhere else places
    return f"{rights} on {where} from {listed(quote_ident(role) if role else 'PUBLIC' for role in grants.roles)}"
