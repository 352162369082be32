"""What acts and what is called as parts: triggers, policies and rules of relations, functions and things."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from migrate_safe.catalog.part import Part, meaning_of
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Function, Parameter, Policy, Rule, Schema, Table, Trigger, TypeName, View

OWN_TRIGGERS = "~ms_"
"""Prefix of the triggers that plans make; they are no part of what a plan was made for."""

_WHOLE_ROW = re.compile(r"col:(old|new)\b")
THINGS = frozenset(
    (
        "access method",
        "cast",
        "collation",
        "conversion",
        "event trigger",
        "language",
        "operator",
        "operator class",
        "operator family",
        "text search configuration",
        "text search dictionary",
        "text search parser",
        "text search template",
        "transform",
    )
)


def acting_parts(table: Table) -> Iterator[Part]:
    """Describe what acts when rows of a table are read or written; security that is off is not mentioned."""
    name = table.name
    yield from _triggers(name, table.triggers)
    if table.row_security or table.forced_row_security:
        text = "row level security" + (" forced" if table.forced_row_security else "")
        yield Part(f"security of {name}", text, (table.row_security, table.forced_row_security))
    for policy in table.policies:
        yield Part(f"policy {policy.name} of {name}", _policy_text(policy), _policy_meaning(policy))
    yield from _rules(name, table.rules)


def own_trigger_parts(table: Table) -> Iterator[Part]:
    """Describe the triggers that plans have made on a table."""
    yield from _triggers(table.name, table.triggers, own=True)


def _triggers(name: Name, triggers: Iterable[Trigger], *, rests: bool = True, own: bool = False) -> Iterator[Part]:
    for trigger in triggers:
        if trigger.name.startswith(OWN_TRIGGERS) is own:
            yield Part(f"trigger {trigger.name} of {name}", _trigger_text(trigger), _trigger_meaning(trigger), rests)


def _trigger_text(trigger: Trigger) -> str:
    columns = f" OF {', '.join(trigger.columns)}" if trigger.columns else ""
    level = "ROW" if trigger.for_each_row else "STATEMENT"
    state = {"O": "", "D": " -- disabled", "R": " -- on replicas", "A": " -- always"}[trigger.enabled]
    when = f" WHEN ({trigger.condition})" if trigger.condition is not None else ""
    events = " OR ".join(trigger.events)
    return f"{trigger.timing} {events}{columns} FOR EACH {level}{when} EXECUTE {trigger.function}(){state}"


def _trigger_meaning(trigger: Trigger) -> tuple[object, ...]:
    """Give the meaning of a trigger; of a plain one it is as short as ever, so that fingerprints stay."""
    plain = (
        trigger.timing,
        trigger.events,
        trigger.for_each_row,
        trigger.columns,
        trigger.function.name if trigger.function is not None else None,
    )
    rest = (
        trigger.arguments,
        _condition(trigger),
        (trigger.constraint, trigger.deferrable, trigger.deferred),
        (trigger.old_table, trigger.new_table),
        trigger.enabled,
        trigger.inherited,
        trigger.references,
    )
    return plain if rest == ((), None, (False, False, False), (None, None), "O", False, None) else plain + rest


def _condition(trigger: Trigger) -> str | None:
    """Give the meaning of a WHEN; the server writes the whole rows `old` and `new` as `old.*` and `new.*`."""
    text = meaning_of(trigger.condition)
    return _WHOLE_ROW.sub("col:*", text) if text is not None else None


def _policy_text(policy: Policy) -> str:
    kind = "permissive" if policy.permissive else "restrictive"
    text = f"{kind} for {policy.command} to {', '.join(policy.roles) or 'PUBLIC'}"
    text += f" using ({policy.using})" if policy.using is not None else ""
    return text + (f" with check ({policy.check})" if policy.check is not None else "")


def _policy_meaning(policy: Policy) -> tuple[object, ...]:
    expressions = (meaning_of(policy.using), meaning_of(policy.check))
    return (policy.command, policy.permissive, policy.roles, *expressions, tuple(sorted(policy.relations)))


def _rules(name: Name, rules: Iterable[Rule], *, rests: bool = True) -> Iterator[Part]:
    for rule in rules:
        instead = "INSTEAD" if rule.instead else "ALSO"
        text = f"ON {rule.event} DO {instead} {', '.join(rule.actions) or 'NOTHING'}"
        meaning = (
            rule.event,
            rule.instead,
            rule.enabled,
            meaning_of(rule.condition),
            rule.actions,
            tuple(sorted(rule.relations)),
        )
        yield Part(f"rule {rule.name} of {name}", text, meaning, rests)


def program_parts(schema: Schema) -> Iterator[Part]:
    """Describe functions, what acts on views, and things: no plan rests on them."""
    for overloads in schema.functions.values():
        for function in overloads:
            if not function.of_extension:
                key = f"{function.kind} {function.name}({function.arguments})"
                yield Part(key, _function_text(function), _function_meaning(function), rests=False)
    for view in schema.views.values():
        yield from _acting_on_view(view)
    for thing in schema.things.values():
        if thing.kind in THINGS:
            text = ", ".join(f"{word} {value}" for word, value in thing.facts)
            yield Part(f"{thing.kind} {thing.name}", text, thing.facts, rests=False)


def _acting_on_view(view: View) -> Iterator[Part]:
    yield from _triggers(view.name, view.triggers, rests=False)
    yield from _rules(view.name, view.rules, rests=False)


def _function_text(function: Function) -> str:
    options = ", ".join(f"{word} {value}" for word, value in function.options)
    returns = f"returns {'setof ' if function.returns_set else ''}{function.returns} " if function.returns else ""
    body = f"on {', '.join(map(str, sorted(function.uses)))}" if function.parsed else f"body {function.body!r}"
    return f"{returns}{function.language} {function.volatility} {options} {body}"


def _function_meaning(function: Function) -> tuple[object, ...]:
    return (
        tuple(map(_parameter_meaning, function.parameters)),
        (_type(function.returns), function.returns_set),
        function.language,
        function.volatility,
        function.options,
        function.parsed,
        function.body,
        tuple(sorted(function.uses)),
    )


def _parameter_meaning(parameter: Parameter) -> tuple[object, ...]:
    return (parameter.name, _type(parameter.type), parameter.mode, meaning_of(parameter.default))


def _type(wanted: TypeName | None) -> tuple[object, ...] | None:
    return (wanted.schema, wanted.name, wanted.dimensions) if wanted is not None else None
