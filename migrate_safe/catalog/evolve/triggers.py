"""How triggers come, change and go, on tables, on views, and as clones on partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from migrate_safe.catalog.change import CannotApply, certain, is_partition, is_partitioned, put, target
from migrate_safe.catalog.evolve.resting import knows_functions
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema, Table, TableKind, Trigger, View
from migrate_safe.model.statement import CreateTrigger, DropTrigger, OtherTableAction, RenamePart
from migrate_safe.model.values import replace

RENAMES_CLONES = 15
"""From this major version on a trigger's clones on partitions follow its name, and cannot be renamed themselves."""
_NO_COLUMNS = frozenset({"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax", "old", "new"})
"""Names in a WHEN that are no columns of users: those of the system, and whole rows."""
STATES = {
    "EnableTrig": "O",
    "EnableTrigAll": "O",
    "EnableTrigUser": "O",
    "DisableTrig": "D",
    "DisableTrigAll": "D",
    "DisableTrigUser": "D",
    "EnableReplicaTrig": "R",
    "EnableAlwaysTrig": "A",
}
"""ALTER TABLE actions on triggers, with the state (pg_trigger.tgenabled) that they set."""


def create_trigger(schema: Schema, action: CreateTrigger) -> Schema:
    """Add or replace a trigger; a row trigger of a partitioned table is cloned to every partition."""
    trigger = replace(action.trigger, function=_function(schema, action.trigger.function))
    if trigger.references is not None:
        trigger = replace(trigger, references=schema.resolve(trigger.references))
    view = schema.views.get(schema.resolve(action.table))
    if view is not None:
        return _on_view(schema, view, trigger, replaces=action.replace)
    table = target(schema, action.table)
    if table is None or (trigger.timing == "INSTEAD OF" and table.name not in schema.tables):
        return schema
    _refuse_on_table(schema, table, trigger)
    if trigger.constraint and action.replace:
        raise CannotApply("CREATE OR REPLACE CONSTRAINT TRIGGER is not supported")
    schema = put(schema, replace(table, triggers=_with(table.name, table.triggers, trigger, replaces=action.replace)))
    return _cloned_down(schema, table.name, trigger, replaces=action.replace) if is_cloned(table, trigger) else schema


def is_cloned(table: Table, trigger: Trigger) -> bool:
    """Say whether the partitions of a table get a clone of a trigger."""
    return is_partitioned(table) and trigger.for_each_row


def _cloned_down(schema: Schema, parent: Name, trigger: Trigger, *, replaces: bool = False) -> Schema:
    for partition in schema.partitions_of(parent):
        clone = replace(trigger, inherited=True)
        triggers = _with(partition.name, partition.triggers, clone, replaces=replaces)
        schema = put(schema, replace(partition, triggers=triggers))
        schema = _cloned_down(schema, partition.name, trigger, replaces=replaces)
    return schema


def _with(relation: Name, held: Iterable[Trigger], trigger: Trigger, *, replaces: bool) -> tuple[Trigger, ...]:
    known = next((t for t in held if t.name == trigger.name), None)
    if known is not None and not replaces:
        raise CannotApply(f"trigger {trigger.name!r} of {relation} already exists")
    if known is not None and known.inherited and not trigger.inherited:
        raise CannotApply(f"trigger {trigger.name!r} of {relation} is a child trigger")
    if known is not None and known.constraint != trigger.constraint:
        raise CannotApply(f"trigger {trigger.name!r} of {relation} is a constraint trigger")
    if known is not None:
        trigger = replace(trigger, comment=known.comment)
    return (*(t for t in held if t.name != trigger.name), trigger)


def _on_view(schema: Schema, view: View, trigger: Trigger, *, replaces: bool) -> Schema:
    if view.materialized:
        raise CannotApply(f"{view.name} cannot have triggers")
    if trigger.for_each_row and trigger.timing != "INSTEAD OF":
        raise CannotApply(f"view {view.name} cannot have row-level BEFORE or AFTER triggers")
    if "TRUNCATE" in trigger.events:
        raise CannotApply(f"view {view.name} cannot have TRUNCATE triggers")
    _refuse_form(trigger)
    changed = replace(view, triggers=_with(view.name, view.triggers, trigger, replaces=replaces))
    return replace(schema, views={**schema.views, view.name: changed})


def _refuse_on_table(schema: Schema, table: Table, trigger: Trigger) -> None:
    if trigger.timing == "INSTEAD OF":
        raise CannotApply(f"{table.name} is a table: it cannot have INSTEAD OF triggers")
    _refuse_form(trigger)
    transition = trigger.old_table or trigger.new_table
    if is_partitioned(table) and trigger.for_each_row and transition:
        raise CannotApply(f"partitioned table {table.name} cannot have row triggers with transition tables")
    if transition and trigger.for_each_row and (is_partition(table) or table.parents):
        raise CannotApply(f"child {table.name} cannot have row triggers with transition tables")
    if table.kind is TableKind.FOREIGN and (trigger.constraint or transition):
        raise CannotApply(f"foreign table {table.name} cannot have such a trigger")
    watched = set(trigger.columns)
    watched |= trigger.condition.columns - _NO_COLUMNS if trigger.condition is not None else set()
    missing = [c for c in sorted(watched) if table.column(c) is None and certain(schema, table)]
    if missing:
        raise CannotApply(f"column {missing[0]!r} of {table.name} does not exist")


def _refuse_form(trigger: Trigger) -> None:
    """Refuse combinations that no relation can have."""
    if trigger.timing == "INSTEAD OF" and (not trigger.for_each_row or trigger.condition or trigger.columns):
        raise CannotApply("INSTEAD OF triggers are FOR EACH ROW, without WHEN and without columns")
    if "TRUNCATE" in trigger.events and trigger.for_each_row:
        raise CannotApply("TRUNCATE triggers are FOR EACH STATEMENT")
    if trigger.old_table or trigger.new_table:
        if trigger.timing != "AFTER" or "TRUNCATE" in trigger.events:
            raise CannotApply("only AFTER triggers of INSERT, UPDATE and DELETE have transition tables")
        if len(trigger.events) > 1 or trigger.columns:
            raise CannotApply("a trigger with transition tables has one event and no columns")


def _function(schema: Schema, name: Name | None) -> Name | None:
    """Qualify the function of a trigger; refuse one that certainly is none."""
    if name is None:
        return None
    places = (name.schema,) if name.schema is not None else schema.search_path
    for place in places:
        found = [f for f in schema.functions.get(Name(place, name.name), ()) if not f.arguments]
        if found:
            if found[0].returns is not None and found[0].returns.name != "trigger":
                raise CannotApply(f"function {name} must return type trigger")
            return found[0].name
    builtin = name.schema == "pg_catalog" or name.name.startswith(("RI_", "suppress_", "tsvector_", "unique_key"))
    if knows_functions(schema) and not builtin:
        raise CannotApply(f"function {name}() does not exist")
    return name


def drop_trigger(schema: Schema, action: DropTrigger) -> Schema:
    """Drop a trigger with its clones."""
    holder = _holder(schema, action.table, if_exists=action.if_exists)
    if holder is None:
        return schema
    known = trigger_of(holder, action.trigger)
    if known is None:
        if action.if_exists or not _is_certain(schema, holder):
            return schema if isinstance(holder, View) else put(schema, holder)
        raise CannotApply(f"trigger {action.trigger!r} of {holder.name} does not exist")
    if known.inherited:
        raise CannotApply(f"trigger {action.trigger!r} of {holder.name} is required by that of its parent")
    return _changed_everywhere(schema, holder.name, known, lambda _: None)


def rename_trigger(schema: Schema, action: RenamePart) -> Schema:
    """Rename a trigger, from PostgreSQL 15 on with its clones."""
    holder = _holder(schema, action.table, if_exists=False)
    if holder is None:
        return schema
    known = trigger_of(holder, action.name)
    if known is None:
        if _is_certain(schema, holder):
            raise CannotApply(f"trigger {action.name!r} of {holder.name} does not exist")
        return schema
    if trigger_of(holder, action.to) is not None:
        raise CannotApply(f"trigger {action.to!r} of {holder.name} already exists")
    follows = schema.server_version >= RENAMES_CLONES
    if known.inherited and follows:
        raise CannotApply(f"trigger {action.name!r} of {holder.name} is a clone of that of its parent")
    return _changed_everywhere(schema, holder.name, known, lambda t: replace(t, name=action.to), clones=follows)


def trigger_of(holder: Table | View, name: str) -> Trigger | None:
    """Give the trigger of that name, or None."""
    return next((t for t in holder.triggers if t.name == name), None)


def _holder(schema: Schema, name: Name, *, if_exists: bool) -> Table | View | None:
    return schema.views.get(schema.resolve(name)) or target(schema, name, if_exists=if_exists)


def _is_certain(schema: Schema, holder: Table | View) -> bool:
    return schema.complete if isinstance(holder, View) else certain(schema, holder)


Change = Callable[[Trigger], Trigger | None]


def _changed_everywhere(
    schema: Schema, relation: Name, trigger: Trigger, change: Change, *, clones: bool = True
) -> Schema:
    """Change a trigger, and its clones on the partitions below; None drops it."""
    holder: Table | View = schema.views[relation] if relation in schema.views else schema.tables[relation]
    found = ((t, change(t) if t.name == trigger.name else t) for t in holder.triggers)
    triggers = tuple(t for _, t in found if t is not None)
    if isinstance(holder, View):
        return replace(schema, views={**schema.views, relation: replace(holder, triggers=triggers)})
    schema = put(schema, replace(holder, triggers=triggers))
    for partition in schema.partitions_of(relation) if clones and is_cloned(holder, trigger) else ():
        clone = trigger_of(partition, trigger.name)
        if clone is not None and clone.inherited:
            schema = _changed_everywhere(schema, partition.name, clone, change)
    return schema


def switch_trigger(schema: Schema, table: Table, action: OtherTableAction, *, only: bool = False) -> Schema:
    """ENABLE and DISABLE TRIGGER: one, or all of users; clones follow unless ONLY."""
    state = STATES[action.kind]
    schema = put(schema, table)
    if action.kind.endswith(("All", "User")):
        switched = list(table.triggers)
    else:
        switched = [t for t in table.triggers if t.name == action.argument]
        if not switched and certain(schema, table):
            raise CannotApply(f"trigger {action.argument!r} of {table.name} does not exist")
    for trigger in switched:
        schema = _changed_everywhere(schema, table.name, trigger, lambda t: replace(t, enabled=state), clones=not only)
    return schema


def cloned_to(schema: Schema, partition: Name, parent: Table) -> Schema:
    """Give a new partition, and those below it, the row triggers of its parent."""
    for trigger in parent.triggers:
        if not is_cloned(parent, trigger):
            continue
        table = schema.tables[partition]
        clone = replace(trigger, inherited=True)
        schema = put(schema, replace(table, triggers=_with(partition, table.triggers, clone, replaces=False)))
        schema = _cloned_down(schema, partition, trigger) if is_partitioned(table) else schema
    return schema


def without_clones(schema: Schema, partition: Name) -> Schema:
    """Take the clones of its parent's triggers away from a table that is a partition no longer."""
    for trigger in schema.tables[partition].triggers:
        if trigger.inherited:
            schema = _changed_everywhere(schema, partition, trigger, lambda _: None)
    return schema
