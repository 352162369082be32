"""What statements do that hold others: EXPLAIN, PREPARE, DECLARE, CREATE SCHEMA."""

from __future__ import annotations

from collections.abc import Callable

from migrate_safe.catalog.evolve import evolve
from migrate_safe.catalog.privileges import role_name
from migrate_safe.catalog.things import put_thing
from migrate_safe.effects import dml
from migrate_safe.effects.combine import Scene, merge
from migrate_safe.effects.session_names import named_statement
from migrate_safe.effects.tables import reading
from migrate_safe.model.effect import Effect
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Thing
from migrate_safe.model.said import NewSchema
from migrate_safe.model.statement import CreateTable, CreateView, Dml, Other, Statement
from migrate_safe.model.values import replace

EffectIn = Callable[[Scene, Statement], Effect]


def holding(scene: Scene, action: Other, effect_in: EffectIn) -> Effect | None:
    """Give the effect of a statement that holds others; None for any other statement."""
    match action.kind:
        case "ExplainStmt" if action.detail == "analyze":
            return merge(*(effect_in(scene, s) for s in action.inner))
        case "DeclareCursorStmt" if not scene.in_transaction:
            return merge(*(effect_in(scene, s) for s in action.inner))
        case "ExplainStmt" | "DeclareCursorStmt":
            return merge(*(_only_planned(scene, s, effect_in) for s in action.inner))
        case "PrepareStmt":
            return merge(*(_only_read(scene, s) for s in action.inner))
        case "CreateSchemaStmt" if isinstance(action.says, NewSchema):
            return _elements(scene, action.says, action.inner, effect_in)
        case _:
            return None


def _only_planned(scene: Scene, statement: Statement, effect_in: EffectIn) -> Effect:
    """Give what planning locks; EXPLAIN runs nothing, and a cursor reads no rows before FETCH or its own COMMIT."""
    statement = named_statement(scene, statement)
    match statement.action:
        case Dml() as action:
            return replace(dml.planned(scene, action), fails=dml.unidentified_rows(scene, action))
        case CreateTable(reads=reads):
            return merge(*(reading(scene, scene.schema.resolve(r)) for r in reads))
        case CreateView(view=view):
            return merge(*(reading(scene, scene.schema.resolve(r)) for r in sorted(view.relations)))
        case _:
            return effect_in(scene, statement)


def _only_read(scene: Scene, statement: Statement) -> Effect:
    """Give what reading a statement locks: its relations, but no indexes; the plan is made by EXECUTE."""
    if isinstance(statement.action, Dml):
        return dml.parsed(scene, statement.action)
    return Effect()


def _elements(scene: Scene, new: NewSchema, elements: tuple[Statement, ...], effect_in: EffectIn) -> Effect:
    """Give what the elements of a new schema do to what was there before."""
    name = role_name(scene.schema, new.name)
    path = (name, *scene.schema.search_path)
    made = put_thing(scene.schema, Thing("schema", Name(None, name)))
    inside, found = scene.at(replace(made, search_path=path)), []
    for element in elements:
        found.append(_outside(effect_in(inside, element), name))
        inside = inside.at(evolve(inside.schema, element))
    return merge(*found)


def _outside(effect: Effect, schema: str) -> Effect:
    """Leave out what happens to relations of a schema: they are new."""
    return replace(
        effect,
        locks=tuple(x for x in effect.locks if x.relation.schema != schema),
        rewrites=tuple(n for n in effect.rewrites if n.schema != schema),
        scans=tuple(n for n in effect.scans if n.schema != schema),
        builds=tuple(n for n in effect.builds if n.schema != schema),
        breaks=(),
    )
