"""Views, functions, triggers and policies as parts of a catalog: compared, put in place, and written as SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from migrate_safe.catalog.definition_programs import (
    function_definition,
    policy_definition,
    trigger_definition,
    trigger_state,
)
from migrate_safe.catalog.evolve.resting import calls
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import Requirement
from migrate_safe.model.schema import Function, Policy, Schema, Table, Trigger, View
from migrate_safe.model.values import replace
from migrate_safe.planner.changes import BY_HAND
from migrate_safe.planner.draft import CannotPlan
from migrate_safe.sql.touched import functions_of


class Key(Struct, frozen=True, order=True):
    """What an object is known by: `part` is the trigger or policy on relation `on`, or a routine's argument types."""

    kind: str
    on: Name
    part: str = ""

    def __str__(self) -> str:
        """Write the name for people and ids."""
        if self.kind in ("trigger", "policy"):
            return f"{self.on}.{quote_ident(self.part)}"
        return str(self.on) if self.kind == "view" else f"{self.on}({self.part})"


Program = View | Function | Trigger | Policy
Programs = Mapping[Key, Program]


def changed_programs(before: Schema, after: Schema) -> dict[Key, tuple[Program | None, Program | None]]:
    """Give what a statement makes, changes or drops of these kinds, as it was and as it is."""
    was, becomes = dict(_differing(before, after)), dict(_differing(after, before))
    return {k: (was.get(k), becomes.get(k)) for k in (*was, *(k for k in becomes if k not in was))}


def _differing(schema: Schema, other: Schema) -> Iterator[tuple[Key, Program]]:
    """Give the programs of a schema that are not the very same value in the other one."""
    for name, view in schema.views.items():
        if other.views.get(name) is not view and not view.materialized:
            yield Key("view", name), view
    for name, overloads in schema.functions.items():
        known = other.functions.get(name, ())
        yield from ((Key("function", name, f.arguments), f) for f in overloads if not any(f is k for k in known))
    for name, table in schema.tables.items():
        others = other.tables.get(name)
        if others is not table:
            held = () if others is None else (*others.triggers, *others.policies)
            yield from ((k, p) for k, p in _on_table(table) if not any(p is o for o in held))


def _on_table(table: Table) -> Iterator[tuple[Key, Program]]:
    yield from ((Key("trigger", table.name, t.name), t) for t in table.triggers if not t.inherited)
    yield from ((Key("policy", table.name, p.name), p) for p in table.policies)


def programs_of(schema: Schema, keys: Iterable[Key]) -> dict[Key, Program]:
    """Give those of the programs that a schema has."""
    found = {k: _program(schema, k) for k in keys}
    return {k: program for k, program in found.items() if program is not None}


def _program(schema: Schema, key: Key) -> Program | None:
    if key.kind == "view":
        return schema.views.get(key.on)
    if key.kind == "function":
        return next((f for f in schema.functions.get(key.on, ()) if f.arguments == key.part), None)
    table = schema.tables.get(key.on)
    return next((p for k, p in _on_table(table) if k == key), None) if table is not None else None


def with_programs(schema: Schema, wanted: Mapping[Key, Program | None]) -> Schema:
    """Give a schema with programs put in their places as they are, and without those that are None."""
    for key, program in wanted.items():
        schema = _with(schema, key, program)
    return schema


def _with(schema: Schema, key: Key, program: Program | None) -> Schema:
    match program:
        case View():
            return schema.with_views(program)
        case Function():
            kept = tuple(f for f in schema.functions.get(key.on, ()) if f.arguments != key.part)
            return replace(schema, functions={**schema.functions, key.on: (*kept, program)})
    if key.kind == "view":
        return schema.with_views(gone=(key.on,))
    if key.kind == "function":
        kept = tuple(f for f in schema.functions.get(key.on, ()) if f.arguments != key.part)
        others = {n: fs for n, fs in schema.functions.items() if n != key.on}
        return replace(schema, functions={**others, key.on: kept} if kept else others)
    table = schema.tables.get(key.on)
    return schema if table is None else schema.with_tables(_with_part(table, key, program))


def _with_part(table: Table, key: Key, program: Trigger | Policy | None) -> Table:
    if key.kind == "trigger":
        triggers = [t for t in table.triggers if t.inherited or t.name != key.part]
        made = [program] if isinstance(program, Trigger) else []
        return replace(table, triggers=tuple(sorted([*triggers, *made], key=lambda t: t.name)))
    policies = [p for p in table.policies if p.name != key.part]
    added = [program] if isinstance(program, Policy) else []
    return replace(table, policies=tuple(sorted([*policies, *added], key=lambda p: p.name)))


# ---- what rests on what --------------------------------------------------------------------


def rests_on(schema: Schema, program: Program, key: Key) -> bool:
    """Say whether the server would refuse to drop what `key` names while the program is there."""
    match program:
        case View():
            called = {*functions_of(program.definition), *(t.function for t in program.triggers if t.function)}
            return key.on in program.relations if key.kind == "view" else _calls(schema, called, key)
        case Trigger():
            inside = program.condition.functions if program.condition is not None else frozenset()
            return _calls(schema, {*inside, *((program.function,) if program.function else ())}, key)
        case Policy():
            called = {f for e in (program.using, program.check) if e is not None for f in e.functions}
            near = {schema.resolve(r) for r in program.relations}
            return key.on in near if key.kind == "view" else _calls(schema, called, key)
        case Function():
            types = [*(p.type for p in program.parameters), *((program.returns,) if program.returns else ())]
            rows = any(t.name == key.on.name and t.schema in (None, key.on.schema) for t in types)
            return (rows or key.on in program.uses) if key.kind == "view" else _calls(schema, program.calls, key)


def _calls(schema: Schema, names: Iterable[Name], key: Key) -> bool:
    return key.kind == "function" and calls(schema, names, key.on)


# ---- SQL -----------------------------------------------------------------------------------


def dropping(key: Key, program: Program) -> str:
    """Write what drops it."""
    if isinstance(program, Function):
        return f"DROP {program.kind.upper()} {key.on}({key.part})"
    if isinstance(program, View):
        return f"DROP VIEW {key.on}"
    return f"DROP {key.kind.upper()} {quote_ident(key.part)} ON {key.on}"


def making(key: Key, program: Program, *, replacing: bool = False) -> tuple[str, ...]:
    """Write what makes it as it was, from nothing or (`replacing`) in place of what has its name; raises CannotPlan.

    Owner and grants are not among it.
    """
    match program:
        case View():
            return tuple(_view(program, replacing=replacing))
        case Function():
            text = function_definition(program)
            if text is None:
                raise CannotPlan(f"the text of {key.on} as it is now is not kept by the server", BY_HAND)
            return text, *_said(f"{program.kind.upper()} {key.on}({key.part})", program.comment)
        case Trigger():
            return tuple(_trigger(key.on, program, replacing=replacing))
        case Policy():
            return policy_definition(key.on, program), *_said(f"POLICY {_at(key)}", program.comment)


def _at(key: Key) -> str:
    return f"{quote_ident(key.part)} ON {key.on}"


def _said(what: str, comment: str | None) -> tuple[str, ...]:
    return () if comment is None else (f"COMMENT ON {what} IS {quote_literal(comment).strip()}",)


def _trigger(on: Name, trigger: Trigger, *, replacing: bool) -> Iterator[str]:
    yield trigger_definition(on, trigger, replace=replacing and not trigger.constraint)
    if trigger.enabled != "O":
        yield trigger_state(on, trigger.name, trigger.enabled)
    yield from _said(f"TRIGGER {quote_ident(trigger.name)} ON {on}", trigger.comment)


def _view(view: View, *, replacing: bool) -> Iterator[str]:
    if view.rules:
        names = ", ".join(quote_ident(r.name) for r in view.rules)
        raise CannotPlan(f"rules of {view.name} could not be given back: {names}", BY_HAND)
    yield view_definition(view, replacing=replacing)
    for column, default in view.defaults:
        yield f"ALTER VIEW {view.name} ALTER COLUMN {quote_ident(column)} SET DEFAULT {default}"
    for trigger in view.triggers:
        yield from _trigger(view.name, trigger, replacing=replacing)
    yield from _said(f"VIEW {view.name}", view.comment)


def view_definition(view: View, *, replacing: bool) -> str:
    """Write CREATE VIEW, or CREATE OR REPLACE VIEW."""
    options = f" WITH ({', '.join(f'{n}={v}' for n, v in view.options)})" if view.options else ""
    columns = f" ({', '.join(map(quote_ident, view.shows))})" if view.shows else ""
    word = "CREATE OR REPLACE VIEW" if replacing else "CREATE VIEW"
    return f"{word} {view.name}{columns}{options} AS {view.definition.strip().rstrip(';')}"


def nothing_on_columns(view: Name) -> Requirement:
    """Ask that the columns of a view have no comments and rights of their own, which are not given back with it."""
    query = (
        "SELECT attname FROM pg_catalog.pg_attribute"
        f" WHERE attrelid = {quote_literal(str(view)).strip()}::pg_catalog.regclass AND attnum > 0"
        " AND (attacl IS NOT NULL OR pg_catalog.col_description(attrelid, attnum) IS NOT NULL)"
    )
    why = f"columns of view {view} have rights or comments of their own, which going back would lose"
    return Requirement(query, f"{why}: revoke the rights and set the comments to NULL first, and give them again after")


def named_in(program: Policy | Trigger) -> frozenset[str]:
    """Give the columns that the conditions of a policy or trigger name."""
    held = (program.using, program.check) if isinstance(program, Policy) else (program.condition,)
    return frozenset(c for e in held if e is not None for c in e.columns)
