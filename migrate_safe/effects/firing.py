"""What triggers that a statement fires, and functions that it calls, lock and read, as far as one can look into them.

Whether they come to it depends on rows and on branches, so that all of it is in doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from migrate_safe.catalog.change import is_partitioned, put
from migrate_safe.catalog.evolve.resting import knows_functions
from migrate_safe.catalog.evolve.routines import body_block
from migrate_safe.catalog.instead import EVENTS, acts_instead
from migrate_safe.effects.blocks import do_block
from migrate_safe.effects.called import functions_called
from migrate_safe.effects.cascades import Carried, carried
from migrate_safe.effects.combine import Scene, family, merge
from migrate_safe.effects.dml import writes
from migrate_safe.effects.doubts import Doubt
from migrate_safe.model.effect import Effect
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Function, Table, Trigger, View
from migrate_safe.model.statement import Dml, DmlKind, DoBlock, Statement, Truncate
from migrate_safe.model.values import replace
from migrate_safe.sql.blocks import trigger_block
from migrate_safe.sql.parse import parse_statements

EffectIn = Callable[[Scene, Statement], Effect]


def fired_by_data(scene: Scene, action: Dml, effect_in: EffectIn) -> Effect:
    """Give what the triggers do that a data statement fires, on partitions and children and through views too."""
    return merge(*(_fired(scene, holder, trigger, effect_in) for holder, trigger in _all_fired(scene, action)))


def carried_by_data(scene: Scene, action: Dml) -> Iterator[Carried]:
    """Give the writes that foreign keys make of those of a statement."""
    for kind, target in writes(action):
        for event in EVENTS.get(kind, ()):
            for name in (
                written(scene, kind, scene.schema.resolve(target)) if event != "INSERT" or action.arbiter else ()
            ):
                how = DmlKind.DELETE if event == "DELETE" else DmlKind.UPDATE
                yield from carried(scene, Carried(how, scene.table(name), frozenset(action.columns)))[1:]


def bodies_of_data(scene: Scene, action: Dml) -> Iterator[tuple[Scene, DoBlock]]:
    """Give the bodies of triggers and functions that a statement may run, each with the scene in which it does."""
    for holder, trigger in _all_fired(scene, action):
        block = _trigger_body(_function(scene, trigger))
        if block is not None:
            yield _within(scene, holder), block
    for name in functions_called(scene, action):
        yield from _bodies(scene, name)


def _all_fired(scene: Scene, action: Dml) -> Iterator[tuple[Table | View, Trigger]]:
    for kind, target in writes(action):
        events = (*EVENTS.get(kind, ()), *(("UPDATE",) if action.arbiter and kind is DmlKind.INSERT else ()))
        columns = action.columns if kind is DmlKind.UPDATE and target == action.target else None
        for name in written(scene, kind, scene.schema.resolve(target)):
            for holder, trigger in _triggers(scene, name, deep=kind not in (DmlKind.INSERT, DmlKind.COPY_FROM)):
                if _is_fired(trigger, events, columns):
                    yield holder, trigger
    for write in carried_by_data(scene, action):
        for holder, trigger in _triggers(scene, write.table.name, deep=True):
            if _is_fired(trigger, EVENTS[write.kind], tuple(write.columns) or None):
                yield holder, trigger


def called_by_data(scene: Scene, action: Dml, effect_in: EffectIn) -> Effect:
    """Give what the functions do that a statement calls for rows; each is followed once."""
    return merge(*(_called(scene, name, effect_in) for name in functions_called(scene, action)))


def _bodies(scene: Scene, name: Name) -> list[tuple[Scene, DoBlock]]:
    others = {n: f for n, f in scene.schema.functions.items() if n != name}
    within = scene.at(replace(scene.schema, functions=others))
    return [(within, block) for f in scene.schema.functions[name] if (block := body_block(f)) is not None]


def _called(scene: Scene, name: Name, effect_in: EffectIn) -> Effect:
    inside = merge(*(do_block(within, block, effect_in) for within, block in _bodies(scene, name)))
    felt = Effect(locks=inside.locks, rewrites=inside.rewrites, scans=inside.scans, builds=inside.builds)
    return merge(felt, Doubt.CALLED.effect(name)) if felt != Effect() else felt


def fired_by_truncation(scene: Scene, action: Truncate, effect_in: EffectIn) -> Effect:
    """Give what the triggers for TRUNCATE do."""
    found = [
        _fired(scene, member, trigger, effect_in)
        for name in action.tables
        for member in family(scene.schema, scene.table(name), only=name in action.only)
        for trigger in member.triggers
        if _is_fired(trigger, ("TRUNCATE",), None)
    ]
    return merge(*found)


def written(scene: Scene, kind: DmlKind, target: Name) -> list[Name]:
    """Give the relation that a statement writes to and, through a view that nothing acts for, what is below."""
    view = scene.schema.views.get(target)
    if view is None or acts_instead(view, kind):
        return [target]
    return [n for r in sorted(view.relations) if r != target for n in written(scene, kind, r)]


def _triggers(scene: Scene, name: Name, *, deep: bool) -> Iterator[tuple[Table | View, Trigger]]:
    """Yield the triggers of a relation, and those for each row of what is below it."""
    view = scene.schema.views.get(name)
    if view is not None:
        yield from ((view, trigger) for trigger in view.triggers)
        return
    table = scene.table(name)
    below = family(scene.schema, table)[1:] if deep or is_partitioned(table) else ()
    yield from ((table, trigger) for trigger in table.triggers)
    yield from ((m, trigger) for m in below for trigger in m.triggers if trigger.for_each_row and not trigger.inherited)


def _is_fired(trigger: Trigger, events: tuple[str, ...], columns: tuple[str, ...] | None) -> bool:
    """Say whether a trigger may be fired; UPDATE OF looks at the columns that the statement sets."""
    if trigger.enabled not in "OA" or not set(events) & set(trigger.events):
        return False
    return columns is None or not trigger.columns or bool(set(trigger.columns) & set(columns))


def _fired(scene: Scene, holder: Table | View, trigger: Trigger, effect_in: EffectIn) -> Effect:
    function = _function(scene, trigger)
    if function is None and (knows_functions(scene.schema) or trigger.function is None):
        return Effect()  # a function of the server's own
    unknown = Doubt.TRIGGER.effect(trigger.name, holder.name)
    block = _trigger_body(function)
    if block is None:
        return unknown
    inside = do_block(_within(scene, holder), block, effect_in)
    passing = {scene.schema.resolve(Name(None, t)) for t in (trigger.old_table, trigger.new_table) if t}
    locks = tuple(lock for lock in inside.locks if lock.relation not in passing)
    doubts = [Doubt.TRIGGERED.effect(trigger.name, holder.name)] if locks or inside.rewrites or inside.scans else []
    doubts += [unknown] if inside.unknown else []
    felt = Effect(locks=locks, rewrites=inside.rewrites, scans=inside.scans, builds=inside.builds)
    return merge(felt, *doubts)


def _trigger_body(function: Function | None) -> DoBlock | None:
    if function is None or function.language != "plpgsql":
        return None
    return trigger_block(function.body, parse_statements)


def _function(scene: Scene, trigger: Trigger) -> Function | None:
    wanted = trigger.function
    if wanted is None:
        return None
    names = [wanted] if wanted.schema is not None else [Name(s, wanted.name) for s in scene.schema.search_path]
    return next((f for n in names for f in scene.schema.functions.get(n, ()) if not f.arguments), None)


def _within(scene: Scene, holder: Table | View) -> Scene:
    """Give the scene in which a trigger acts: what it does to its own relation is not followed round and round."""
    if isinstance(holder, Table):
        return scene.at(put(scene.schema, replace(holder, triggers=())))
    views = {**scene.schema.views, holder.name: replace(holder, triggers=())}
    return scene.at(replace(scene.schema, views=views))
