"""Read what acts and what is called: functions, triggers, rules, policies, and the things that they rest on.

The server writes most of these as statements, which are read as any other: both sides then have one form.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from migrate_safe.catalog.evolve.routines import finished
from migrate_safe.model.names import Name, parse_name, quote_ident, quote_literal
from migrate_safe.model.schema import Function, Policy, Rule, Schema, Thing, Trigger
from migrate_safe.model.statement import Action, CreateFunction, CreatePolicy, CreateRule, CreateTrigger
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_statements

Row = Mapping[str, Any]

_COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
_PARALLEL = {"s": "safe", "r": "restricted"}
_OPTION = re.compile(r"(\w+) = '((?:[^']|'')*)'")


def _statement(text: str) -> Action | None:
    found = parse_statements(text)
    return found[0].action if found else None


def read_functions(rows: Iterable[Row]) -> dict[Name, tuple[Function, ...]]:
    """Read every routine with its overloads."""
    found: defaultdict[Name, list[Function]] = defaultdict(list)
    for row in rows:
        name = Name(row["nspname"], row["proname"])
        made = _aggregate(row) if row["prokind"] == "a" else _function(row)
        found[name].append(replace(made, name=name, owner=row["owner"], of_extension=row["of_extension"]))
    return {name: tuple(overloads) for name, overloads in found.items()}


def _function(row: Row) -> Function:
    """Read a function as the server defines it; a definition that cannot be read leaves name and arguments."""
    action = _statement(row["definition"]) if row["definition"] else None
    bare = Function(Name(row["nspname"], row["proname"]), row["arguments"])
    return action.function if isinstance(action, CreateFunction) else bare


def _aggregate(row: Row) -> Function:
    parts = {word: value for word, value in row["parts"] if value not in (None, "-")}
    name = Name(row["nspname"], row["proname"])
    given = row["aggregated"].partition(" ORDER BY ")[0]
    action = _statement(f"CREATE AGGREGATE {name}({given or '*'}) ({_definition(parts)})")
    if not isinstance(action, CreateFunction):
        return Function(name, row["arguments"], "immutable", "internal", kind="aggregate")
    parallel = _PARALLEL.get(row["proparallel"])
    options = (*action.function.options, *([("parallel", parallel)] if parallel is not None else []))
    return replace(action.function, options=tuple(sorted(options)))


def _definition(parts: Mapping[str, str]) -> str:
    return ", ".join(
        f"{word} = {quote_literal(value) if word.endswith('cond') else value}" for word, value in parts.items()
    )


def read_trigger(row: Row) -> Trigger:
    """Read a trigger; the function of its definition is qualified by where it stands."""
    action = _statement(row["definition"])
    assert isinstance(action, CreateTrigger)
    function = Name(row["function_schema"], row["proname"])
    return replace(action.trigger, function=function, enabled=row["tgenabled"], inherited=row["inherited"])


def read_rule(row: Row) -> Rule:
    """Read a rule."""
    action = _statement(row["definition"])
    assert isinstance(action, CreateRule)
    return replace(action.rule, enabled=row["ev_enabled"])


def read_policy(row: Row) -> Policy:
    """Read a policy."""
    using = f" USING ({row['using_text']})" if row["using_text"] is not None else ""
    check = f" WITH CHECK ({row['check_text']})" if row["check_text"] is not None else ""
    command = _COMMANDS[row["polcmd"]]
    action = _statement(f"CREATE POLICY {quote_ident(row['polname'])} ON t FOR {command}{using}{check}")
    assert isinstance(action, CreatePolicy)
    return replace(action.policy, permissive=row["polpermissive"], roles=tuple(row["roles"]))


def read_thing(row: Row) -> Thing:
    """Read an operator, a language, a collation or the like."""
    facts = {word: value for word, value in row["facts"] or () if value not in (None, "")}
    if row["kind"] == "operator class":
        facts["family"] = str(parse_name(facts["family"]))
    options = facts.pop("options", "")
    facts |= {f"option {word}": value.replace("''", "'") for word, value in _OPTION.findall(options)}
    return Thing(row["kind"], Name(row["nspname"], row["name"]), tuple(sorted(facts.items())))


def with_schemas(schema: Schema) -> Schema:
    """Qualify what the server wrote along its search_path: types of functions, and what programs rest on."""

    def resolved(names: frozenset[Name]) -> frozenset[Name]:
        return frozenset(schema.resolve(n) for n in names)

    functions = {n: tuple(finished(schema, f) for f in held) for n, held in schema.functions.items()}
    tables = {
        n: replace(
            t,
            policies=tuple(replace(p, relations=resolved(p.relations)) for p in t.policies),
            rules=tuple(replace(r, relations=resolved(r.relations)) for r in t.rules),
            triggers=tuple(_far_resolved(schema, x) for x in t.triggers),
        )
        for n, t in schema.tables.items()
    }
    views = {
        n: replace(v, rules=tuple(replace(r, relations=resolved(r.relations)) for r in v.rules))
        for n, v in schema.views.items()
    }
    return replace(schema, functions=functions, tables=tables, views=views)


def _far_resolved(schema: Schema, trigger: Trigger) -> Trigger:
    return trigger if trigger.references is None else replace(trigger, references=schema.resolve(trigger.references))
