"""How policies and rules come, change and go."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import SYSTEM_COLUMNS, CannotApply, certain, put, target
from migrate_safe.catalog.evolve.resting import has_extensions
from migrate_safe.catalog.evolve.whole_rows import over_table
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.privileges import role_name
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Expr, Policy, Rule, Schema, Table, TableKind, View
from migrate_safe.model.statement import (
    AlterPolicy,
    CreatePolicy,
    CreateRule,
    DropPart,
    OtherTableAction,
    RenamePart,
)
from migrate_safe.model.values import replace
from migrate_safe.sql.touched import relations_of

_NO_SELECT_RULES = 16
"""Before this major version ON SELECT rules could turn an empty table into a view."""
RULE_STATES = {"EnableRule": "O", "DisableRule": "D", "EnableReplicaRule": "R", "EnableAlwaysRule": "A"}
"""ALTER TABLE actions on rules, with the state (pg_rewrite.ev_enabled) that they set."""


def create_policy(schema: Schema, action: CreatePolicy) -> Schema:
    """Add a policy to a table."""
    table = _table(schema, action.table)
    if table is None:
        return schema
    policy = action.policy
    if any(p.name == policy.name for p in table.policies):
        raise CannotApply(f"policy {policy.name!r} of {table.name} already exists")
    _refuse_policy(policy.command, policy.using, policy.check)
    policy = replace(policy, using=over_table(table, policy.using), check=over_table(table, policy.check))
    _refuse_unknown(schema, table, [policy.using, policy.check], policy.relations)
    roles = _role_names(schema, policy.roles)
    policy = replace(policy, roles=roles, relations=_resolved(schema, policy.relations))
    return put(schema, replace(table, policies=(*table.policies, policy)))


def alter_policy(schema: Schema, action: AlterPolicy) -> Schema:
    """Change the roles and expressions of a policy; what is not given stays."""
    table = _table(schema, action.table)
    if table is None:
        return schema
    known = next((p for p in table.policies if p.name == action.policy), None)
    if known is None:
        return _missing(schema, table, "policy", action.policy)
    _refuse_policy(known.command, action.using, action.check)
    _refuse_unknown(schema, table, [action.using, action.check], action.relations)
    using, check = (over_table(table, e) for e in (action.using or known.using, action.check or known.check))
    named = frozenset().union(*(relations_of(e.sql) for e in (using, check) if e is not None))
    changed = replace(
        known,
        roles=known.roles if action.roles is None else _role_names(schema, action.roles),
        using=using,
        check=check,
        relations=_resolved(schema, named),
    )
    policies = tuple(changed if p.name == known.name else p for p in table.policies)
    return put(schema, replace(table, policies=policies))


def _role_names(schema: Schema, roles: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(role_name(schema, r) for r in roles))


def _table(schema: Schema, name: Name, *, if_exists: bool = False) -> Table | None:
    full = schema.resolve(name)
    held = schema.tables.get(full)
    if full in schema.views or (held is not None and held.kind is TableKind.FOREIGN):
        raise CannotApply(f"{full} is not a table")
    return target(schema, name, if_exists=if_exists)


def _refuse_policy(command: str, using: Expr | None, check: Expr | None) -> None:
    if command in ("SELECT", "DELETE") and check is not None:
        raise CannotApply(f"WITH CHECK cannot be applied to {command}")
    if command == "INSERT" and using is not None:
        raise CannotApply("only WITH CHECK expression allowed for INSERT")


def _refuse_unknown(schema: Schema, table: Table, found: Iterable[Expr | None], relations: Iterable[Name]) -> None:
    """Refuse a column that certainly is not there; with other relations in sight it may be theirs."""
    named = frozenset().union(*(e.columns for e in found if e is not None))
    missing = [c for c in sorted(named) if table.column(c) is None and c != table.name.name]
    missing = [c for c in missing if c not in SYSTEM_COLUMNS]
    if missing and not list(relations) and certain(schema, table):
        raise CannotApply(f"column {missing[0]!r} of {table.name} does not exist")


def _resolved(schema: Schema, relations: Iterable[Name]) -> frozenset[Name]:
    return frozenset(schema.resolve(r) for r in relations)


def _asking_anew(schema: Schema, view: View, action: CreateRule) -> Schema:
    """Give a view another query by its ON SELECT rule, of which the text is not kept."""
    if not action.replace:
        raise CannotApply(f"{view.name} is already a view")
    relations = _resolved(schema, action.rule.relations)
    made = replace(view, relations=relations, columns=action.rule.columns, uses=frozenset(), star=True, definition="")
    return replace(schema, views={**schema.views, view.name: made})


def create_rule(schema: Schema, action: CreateRule) -> Schema:
    """Add or replace a rule of a table or view."""
    full = schema.resolve(action.table)
    rule = action.rule
    if rule.event == "SELECT" and full not in schema.views:
        if schema.server_version >= _NO_SELECT_RULES:
            raise CannotApply(f"{full} is a table: it cannot have ON SELECT rules")
        return schema
    if rule.condition is not None and "notify" in rule.actions:
        raise CannotApply("rules with a condition can only have SELECT, INSERT, UPDATE or DELETE actions")
    for name, _ in action.touches:
        if not has_extensions(schema) and name.schema is None and not _exists(schema, name):
            raise CannotApply(f"relation {name} does not exist")
    holder = schema.views.get(full) or target(schema, action.table)
    if holder is None:
        return schema
    if isinstance(holder, View) and holder.materialized:
        raise CannotApply(f"{full} cannot have rules")
    if isinstance(holder, View) and rule.event == "SELECT":
        return _asking_anew(schema, holder, action)
    others = tuple(r for r in holder.rules if r.name != rule.name)
    if len(others) < len(holder.rules) and not action.replace:
        raise CannotApply(f"rule {rule.name!r} of {full} already exists")
    known = next((r for r in holder.rules if r.name == rule.name), rule)
    made = replace(rule, relations=_resolved(schema, rule.relations), enabled=known.enabled)
    return _with_rules(schema, holder, (*others, made))


def _exists(schema: Schema, name: Name) -> bool:
    return name.name.startswith("pg_") or name.name in ("new", "old") or relation_exists(schema, schema.resolve(name))


def _with_rules(schema: Schema, holder: Table | View, rules: tuple[Rule, ...]) -> Schema:
    if isinstance(holder, View):
        return replace(schema, views={**schema.views, holder.name: replace(holder, rules=rules)})
    return put(schema, replace(holder, rules=rules))


def switch_rule(schema: Schema, holder: Table | View, action: OtherTableAction) -> Schema:
    """ENABLE and DISABLE RULE."""
    if not any(r.name == action.argument for r in holder.rules):
        return _missing(schema, holder, "rule", action.argument)
    state = RULE_STATES[action.kind]
    rules = tuple(replace(r, enabled=state) if r.name == action.argument else r for r in holder.rules)
    return _with_rules(schema, holder, rules)


def drop_part(schema: Schema, action: DropPart) -> Schema:
    """Drop a policy or a rule."""
    return _changed(schema, action.kind, action.table, action.name, None, if_exists=action.if_exists)


def rename_part(schema: Schema, action: RenamePart) -> Schema:
    """Rename a policy or a rule."""
    return _changed(schema, action.kind, action.table, action.name, action.to, if_exists=False)


def _changed(schema: Schema, kind: str, relation: Name, name: str, to: str | None, *, if_exists: bool) -> Schema:
    """Rename a policy or rule, or drop it where there is no new name."""
    holder = schema.views.get(schema.resolve(relation)) or target(schema, relation, if_exists=if_exists)
    if holder is None:
        return schema
    held: tuple[Policy | Rule, ...] = holder.rules if kind == "rule" or isinstance(holder, View) else holder.policies
    if not any(p.name == name for p in held):
        return schema if if_exists else _missing(schema, holder, kind, name)
    if any(p.name == to for p in held):
        raise CannotApply(f"{kind} {to!r} of {holder.name} already exists")
    if kind == "rule":
        others = tuple(r for r in holder.rules if r.name != name)
        renamed = tuple(replace(r, name=to) for r in holder.rules if r.name == name) if to is not None else ()
        return _with_rules(schema, holder, (*others, *renamed))
    assert isinstance(holder, Table)
    rest = tuple(p for p in holder.policies if p.name != name)
    moved = tuple(replace(p, name=to) for p in holder.policies if p.name == name) if to is not None else ()
    return put(schema, replace(holder, policies=(*rest, *moved)))


def _missing(schema: Schema, holder: Table | View, kind: str, name: str) -> Schema:
    sure = schema.complete if isinstance(holder, View) else certain(schema, holder)
    if sure:
        raise CannotApply(f"{kind} {name!r} of {holder.name} does not exist")
    return schema
