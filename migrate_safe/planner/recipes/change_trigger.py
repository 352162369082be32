"""Create, replace, drop, rename, enable or disable a trigger.

Harm of the plain form: a dropped trigger is gone with its definition; one that is made fires for the old app's writes
too. Phases: expand makes triggers, and a note says what fires; contract switches a dropped one off, which one step
takes back, and purge drops it. CREATE TRIGGER keeps writers out for an instant.

https://www.postgresql.org/docs/current/sql-createtrigger.html
"""

from __future__ import annotations

from migrate_safe.catalog.definition_programs import trigger_definition, trigger_state
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.schema import Table, TableKind, Trigger
from migrate_safe.model.statement import AlterTable, CreateTrigger, DropTrigger, OtherTableAction, RenamePart
from migrate_safe.planner.changes import GIVE_SCHEMA, Change, by_release, proven
from migrate_safe.planner.draft import PURGE_WINDOW, CannotPlan, Outcome, Rank, draft, sql
from migrate_safe.planner.operations import Operation


def change_trigger(operation: Operation) -> Outcome | None:
    """Plan what is done to triggers of tables; None for other operations."""
    match operation.action:
        case CreateTrigger(table=name, trigger=trigger) if operation.before.table(name) is not None:
            return _create(operation, _known(operation, name), trigger)
        case DropTrigger(table=name, trigger=wanted) if operation.before.table(name) is not None:
            return _drop(operation, _known(operation, name), wanted)
        case RenamePart(kind="trigger", table=name, name=old, to=new) if operation.before.table(name) is not None:
            table = _known(operation, name)
            back = f"ALTER TRIGGER {quote_ident(new)} ON {table.name} RENAME TO {quote_ident(old)}"
            does = f"rename trigger {quote_ident(old)}; triggers fire in the order of their names"
            return _changed(operation, table, old, "rename-trigger", does, (back,))
        case AlterTable(actions=(OtherTableAction(kind="EnableTrigAll" | "DisableTrigAll"),)):
            raise CannotPlan(
                "ALL switches the checks of foreign keys too, and rows written meanwhile are never checked",
                "say TRIGGER USER, or name the triggers",
            )
        case AlterTable(table=name, actions=(OtherTableAction(kind=kind),)) if "Trig" in kind:
            return _switch(operation, _known(operation, name), kind)
        case _:
            return None


def _known(operation: Operation, name: Name) -> Table:
    table = operation.before.table(name)
    if table is None or table.partial:
        raise CannotPlan(f"the triggers of {name} are not known here", GIVE_SCHEMA)
    return table


def _trigger(table: Table, name: str) -> Trigger | None:
    return next((t for t in table.triggers if t.name == name), None)


def _changed(
    operation: Operation, table: Table, name: str, what: str, does: str, back: tuple[str, ...], rank: Rank = Rank.SHAPE
) -> Outcome:
    target = f"{table.name}.{quote_ident(name)}"
    return proven(operation, Change(rank, what, target, does, (operation.text,), back, (table.name,)))


def _create(operation: Operation, table: Table, trigger: Trigger) -> Outcome:
    former = _trigger(table, trigger.name)
    name = quote_ident(trigger.name)
    if former is None:
        back: tuple[str, ...] = (f"DROP TRIGGER {name} ON {table.name}",)
        does = f"create trigger {name} on {table.name}; it fires for the old app's writes too"
        return _changed(operation, table, trigger.name, "create-trigger", does, back)
    back = (trigger_definition(table.name, former, replace=True), *_state(table, former))
    does = f"replace trigger {name} on {table.name}; it fires for the old app's writes too"
    return _changed(operation, table, trigger.name, "replace-trigger", does, back)


def _state(table: Table, trigger: Trigger) -> tuple[str, ...]:
    return () if trigger.enabled == "O" else (trigger_state(table.name, trigger.name, trigger.enabled),)


def _drop(operation: Operation, table: Table, name: str) -> Outcome:
    former = _trigger(table, name)
    if former is None:
        raise CannotPlan(f"trigger {quote_ident(name)} of {table.name} is not known here", GIVE_SCHEMA)
    if table.kind is TableKind.PARTITIONED:
        said = former.comment
        on = f"{quote_ident(name)} ON {table.name}"
        comment = () if said is None else (f"COMMENT ON TRIGGER {on} IS {quote_literal(said).strip()}",)
        back = (trigger_definition(table.name, former), *_state(table, former), *comment)
        does = f"drop trigger {on}; on the way back, make it again"
        return _changed(operation, table, name, "drop-trigger", does, back, by_release(operation, Rank.QUIET))
    target = f"{table.name}.{quote_ident(name)}"
    off = draft(
        by_release(operation, Rank.QUIET),
        "disable-trigger",
        target,
        f"switch {quote_ident(name)} off; one step switches it on again",
        sql(trigger_state(table.name, name, "D")),
        sql(trigger_state(table.name, name, former.enabled)),
    )
    purge = draft(
        Rank.DROP,
        "drop-trigger",
        target,
        f"drop the trigger {quote_ident(name)}",
        sql(f"DROP TRIGGER {quote_ident(name)} ON {table.name}"),
        None,
        not_before=PURGE_WINDOW,
        irreversible=f"drops the trigger {quote_ident(name)} of {table.name}",
    )
    return Outcome((off, purge), f"drop trigger {target}", (), (table.name,))


def _switch(operation: Operation, table: Table, kind: str) -> Outcome:
    """Plan ENABLE and DISABLE TRIGGER, also of ALL or USER: each that changes goes back to the state it had."""
    after = operation.after.tables[table.name]
    changed = [(b, a) for b, a in zip(table.triggers, after.triggers, strict=True) if b.enabled != a.enabled]
    if not changed:
        return Outcome(touches=(table.name,))
    names = ", ".join(quote_ident(b.name) for b, _ in changed)
    word = "disable" if kind.startswith("Disable") else "enable"
    rank = by_release(operation, Rank.QUIET if word == "disable" else Rank.ENFORCE)
    there = tuple(trigger_state(table.name, a.name, a.enabled) for _, a in changed)
    back = tuple(trigger_state(table.name, b.name, b.enabled) for b, _ in changed)
    does = f"{word} {names} of {table.name}"
    target = f"{table.name}.{'+'.join(quote_ident(b.name) for b, _ in changed)}"
    return proven(operation, Change(rank, f"{word}-trigger", target, does, there, back, (table.name,)))
