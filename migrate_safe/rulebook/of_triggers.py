"""Facts and words of statements about triggers and policies."""

from __future__ import annotations

import re

from migrate_safe.model.names import quote_ident
from migrate_safe.model.statement import AlterPolicy, CreatePolicy, CreateRule, CreateTrigger, DropPart
from migrate_safe.model.values import replace
from migrate_safe.rulebook.doings import Deed, Doings
from migrate_safe.rulebook.facts import Facts, Words
from migrate_safe.rulebook.parts import Part
from migrate_safe.rulebook.terms import ActionKind, Around

Told = tuple[Facts, Words]

_RAISES = re.compile(r"\braise\b(?!\s+(?:debug|log|info|notice|warning)\b)", re.IGNORECASE)


def new_trigger(told: Told, part: Part, doings: Doings) -> Told:
    """Tell of CREATE TRIGGER."""
    facts, words = told
    assert isinstance(part.action, CreateTrigger)
    trigger, schema = part.action.trigger, part.whole.before
    table = schema.table(part.action.table)
    known = table is not None and any(t.name == trigger.name for t in table.triggers)
    key = f"trigger {trigger.name} on {part.action.table.name}"
    dropped = any(doings.before(Deed.DROPS, key, part.whole.statement))
    bodies = schema.functions.get(schema.resolve(trigger.function), ()) if trigger.function is not None else ()
    facts = replace(
        facts,
        around=frozenset({Around.REPLACES} if dropped or known else ()),
        raises=any(_RAISES.search(f.body) for f in bodies),
    )
    function = f"{trigger.function}()" if trigger.function is not None else ""
    return facts, replace(words, trigger=quote_ident(trigger.name), trigger_function=function)


def new_rule(told: Told, part: Part, doings: Doings) -> Told:
    """Tell of CREATE RULE."""
    facts, words = told
    assert isinstance(part.action, CreateRule)
    rule, table = part.action.rule, part.whole.before.table(part.action.table)
    known = table is not None and any(r.name == rule.name for r in table.rules)
    key = f"rule {rule.name} on {part.action.table.name}"
    dropped = any(doings.before(Deed.DROPS, key, part.whole.statement))
    around = frozenset({Around.REPLACES} if dropped or known else ())
    return replace(facts, around=around, restricts=rule.instead), replace(
        words, object=f"rule {quote_ident(rule.name)}"
    )


def policy(told: Told, part: Part, doings: Doings) -> Told:
    """Tell of a policy that comes, changes or goes, and of row security that is switched on."""
    facts, words = told
    assert part.relation is not None
    table = part.whole.before.table(part.relation)
    key, statement = f"policy on {part.relation.name}", part.whole.statement
    later = any(doings.after(Deed.MAKES, key, statement))
    if part.kind is ActionKind.ROW_SECURITY_ON:
        has = later or (table is not None and bool(table.policies))
        return replace(facts, around=frozenset({Around.POLICY} if has else ())), words
    idle = table is not None and not table.partial and not table.row_security
    match part.action:
        case CreatePolicy(policy=new):
            name, restricts = new.name, not new.permissive
        case AlterPolicy(policy=name):
            restricts = True
        case DropPart(name=name):
            restricts = not later
        case _:
            return told
    return replace(facts, restricts=restricts and not idle), replace(words, object=f"policy {quote_ident(name)}")
