"""What statements about routines and the objects that calls rest on do: mostly nothing to relations, until they go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve.freeing import locked_relations
from migrate_safe.catalog.evolve.resting import Rest, perhaps_on_function, with_all
from migrate_safe.catalog.evolve.routines import along, found_type, wanted_routine
from migrate_safe.catalog.evolve.things import find_thing, on_thing
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.effects import triggers
from migrate_safe.effects.combine import Scene, breaking, locking, merge
from migrate_safe.effects.doubts import Doubt
from migrate_safe.effects.unknown import Unknown
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Function
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
    Other,
    ProgramAction,
    RenamePart,
)
from migrate_safe.model.values import replace

_AX = LockMode.ACCESS_EXCLUSIVE
_FIELDS_LOCK = 18
"""From this major version on a field of a row that is written down locks the row's table."""


def program(scene: Scene, action: ProgramAction) -> Effect:
    """Give the effect of a statement about what acts."""
    match action:
        case CreateFunction():
            return create_function(scene, action)
        case AlterRoutine():
            return _alter_routine(action)
        case DropRoutines():
            return _drop_routines(scene, action)
        case Call(procedure=procedure):
            return Unknown.PROCEDURE.effect(procedure)
        case CreatePolicy():
            return triggers.create_policy(scene, action)
        case AlterPolicy():
            return triggers.alter_policy(scene, action)
        case CreateRule():
            return triggers.create_rule(scene, action)
        case RenamePart():
            return triggers.rename_part(scene, action)
        case DropPart():
            return triggers.drop_part(scene, action)
        case CreateThing():
            return Effect()
        case AlterThing():
            return _alter_thing(action)
        case DropThings():
            return _drop_things(scene, action)
        case _:
            assert_never(action)


def other(scene: Scene, action: Other) -> Effect | None:
    """ALTER ... DEPENDS ON EXTENSION: looks at the table of a trigger, and locks an index or materialized view."""
    if action.kind != "AlterObjectDependsStmt":
        return None
    on_table = action.detail == "trigger"
    relations = action.objects[:1] if on_table or action.detail in ("index", "materialized view") else ()
    return locking(LockMode.ACCESS_SHARE if on_table else _AX, *(scene.schema.resolve(r) for r in relations))


def create_function(scene: Scene, action: CreateFunction) -> Effect:
    """CREATE FUNCTION checks an SQL body as if it were to be run: it locks the relations of its queries.

    Behind a view these are the view's relations too. A field that a body takes of a row is a column of its table.
    """
    if not (scene.session.checks_bodies or action.function.parsed):
        return Effect()
    scene = scene.at(along(scene.schema, action.function))
    rows = action.rows if scene.version >= _FIELDS_LOCK else ()
    types = [found_type(scene.schema, row) for row in rows]
    tables = [Name(t.schema, t.name) for t in types if Name(t.schema, t.name) not in scene.schema.composites]
    known = [n for n in tables if relation_exists(scene.schema, n)]
    touched = [_analysed(scene, scene.schema.resolve(name), mode) for name, mode in action.touches]
    return merge(*touched, locking(LockMode.ACCESS_SHARE, *known))


def _analysed(scene: Scene, relation: Name, mode: LockMode) -> Effect:
    """Lock a relation as the analysis of a query does: no indexes and no partitions, but what a view shows."""
    hidden = relation not in scene.schema.tables and relation.name.startswith("pg_")
    if relation.schema in ("pg_catalog", "information_schema") or hidden:
        return Effect()
    view = scene.schema.views.get(relation)
    below = view.relations if view is not None and not view.materialized else ()
    return merge(Effect(locks=(Lock(relation, mode),)), *(_analysed(scene, r, mode) for r in sorted(below)))


def _alter_routine(action: AlterRoutine) -> Effect:
    """ALTER FUNCTION locks no relation; under another name or in another schema apps do not find it."""
    if action.to is None and action.schema is None:
        return Effect()
    return breaking(BreakKind.GONE, f"{action.kind} {action.routine}")


def _drop_routines(scene: Scene, action: DropRoutines) -> Effect:
    """DROP FUNCTION CASCADE locks every relation from which it takes a trigger, a default, an index..."""
    gone = merge(*(breaking(BreakKind.GONE, f"{action.kind} {r}") for r in action.routines))
    found: list[Function] = []
    for routine in action.routines:
        try:
            known = wanted_routine(scene.schema, routine, action.kind, if_exists=action.if_exists)
        except CannotApply:
            return gone
        found += [known] if known is not None else []
    if scene.schema.complete and not found:
        return Effect()
    if not action.cascade:
        return gone
    if not found:
        return replace(gone, unknown=Unknown.USED.because(action.kind, action.routines[0]))
    rests = [r for f in found for r in perhaps_on_function(scene.schema, f)]
    return merge(gone, taking_along(scene, rests), _unsure(scene, found))


def dropped_with_function(scene: Scene, function: Function) -> Effect:
    """Give the effect of dropping all that rests on a function."""
    return taking_along(scene, perhaps_on_function(scene.schema, function))


def taking_along(scene: Scene, rests: Iterable[Rest]) -> Effect:
    """Drop what rests on something: each of these is gone, and the relation that holds it is locked."""
    rests = with_all(scene.schema, rests)
    lost = tuple(f"column {r.relation}.{r.name}" for r in rests if r.kind == "column")
    return merge(
        locking(_AX, *locked_relations(scene.schema, rests)),
        *(breaking(BreakKind.GONE, str(r)) for r in rests),
        Effect(loses=lost),
    )


def _unsure(scene: Scene, functions: Iterable[Function]) -> Effect:
    """Say where CASCADE may take along less than the name says: another function of that name is what is used."""
    many = sorted({str(f.name) for f in functions if len(scene.schema.functions[f.name]) > 1})
    return merge(*(Doubt.OVERLOADED.effect(name) for name in many))


def _alter_thing(action: AlterThing) -> Effect:
    if action.to is None and action.schema is None:
        return Effect()
    return breaking(BreakKind.GONE, f"{action.kind} {action.name}")


def _drop_things(scene: Scene, action: DropThings) -> Effect:
    """DROP of a thing locks what CASCADE takes along."""
    parts: list[Effect] = []
    for name in action.names:
        known = find_thing(scene.schema, action.kind, name)
        if known is None and scene.schema.complete:
            continue
        parts.append(breaking(BreakKind.GONE, f"{action.kind} {name}"))
        if known is not None and action.cascade:
            parts.append(taking_along(scene, on_thing(scene.schema, known)))
        if known is None and action.cascade:
            parts.append(Unknown.USED.effect(action.kind, name))
    return merge(*parts)
