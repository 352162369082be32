"""Triggers, policies and rules: what acts when rows are read or written."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Policy, Rule, Trigger
from migrate_safe.model.statement import (
    AlterPolicy,
    CreatePolicy,
    CreateRule,
    CreateTrigger,
    DropPart,
    DropTrigger,
    RenamePart,
)
from migrate_safe.sql.expressions import columns_in, functions_in, optional_expr
from migrate_safe.sql.names import dotted, name_of, strings
from migrate_safe.sql.relations import relations_in
from migrate_safe.sql.targets import role_of
from migrate_safe.sql.touched import touched_by
from migrate_safe.sql.tree import inner, kind_of

# Bits of pg_trigger.tgtype.
_EVENTS = {4: "INSERT", 8: "DELETE", 16: "UPDATE", 32: "TRUNCATE"}
_TIMINGS = {2: "BEFORE", 64: "INSTEAD OF"}
_RULE_EVENTS = {pb.CMD_SELECT: "SELECT", pb.CMD_UPDATE: "UPDATE", pb.CMD_INSERT: "INSERT", pb.CMD_DELETE: "DELETE"}
_ACTIONS = {"SelectStmt": "select", "InsertStmt": "insert", "UpdateStmt": "update", "DeleteStmt": "delete"}
PARTS = {pb.OBJECT_TRIGGER: "trigger", pb.OBJECT_POLICY: "policy", pb.OBJECT_RULE: "rule"}
"""What stands on a relation under a name that is only its own there."""


def create_trigger(node: Any) -> CreateTrigger:
    """Read a CreateTrigStmt."""
    tables = {t.is_new: t.name for t in (inner(item) for item in node.transition_rels)}
    trigger = Trigger(
        name=node.trigname,
        timing=_TIMINGS.get(node.timing, "AFTER"),
        events=tuple(word for bit, word in _EVENTS.items() if node.events & bit),
        for_each_row=node.row,
        columns=strings(node.columns),
        function=dotted(node.funcname),
        arguments=strings(node.args),
        condition=optional_expr(node, "when_clause"),
        constraint=node.isconstraint,
        deferrable=node.deferrable,
        deferred=node.initdeferred,
        old_table=tables.get(False),
        new_table=tables.get(True),
        references=name_of(node.constrrel) if node.HasField("constrrel") else None,
    )
    return CreateTrigger(name_of(node.relation), trigger, node.replace)


def create_policy(node: Any) -> CreatePolicy:
    """Read a CreatePolicyStmt."""
    policy = Policy(
        name=node.policy_name,
        command=node.cmd_name.upper(),
        permissive=node.permissive,
        roles=_roles(node.roles),
        using=optional_expr(node, "qual"),
        check=optional_expr(node, "with_check"),
        relations=_relations(node),
    )
    return CreatePolicy(name_of(node.table), policy)


def alter_policy(node: Any) -> AlterPolicy:
    """Read an AlterPolicyStmt."""
    return AlterPolicy(
        table=name_of(node.table),
        policy=node.policy_name,
        roles=_roles(node.roles) if node.roles else None,
        using=optional_expr(node, "qual"),
        check=optional_expr(node, "with_check"),
        relations=_relations(node),
    )


def _roles(nodes: Any) -> tuple[str, ...]:
    """Give the roles in the order of their names; PUBLIC stands for all and is none."""
    roles = [inner(item) for item in nodes]
    if any(r.roletype == pb.ROLESPEC_PUBLIC for r in roles):
        return ()
    return tuple(sorted(map(role_of, roles)))


def _relations(node: Any) -> frozenset[Name]:
    held = [getattr(node, field) for field in ("qual", "with_check") if node.HasField(field)]
    return frozenset(name for each in held for name in relations_in(inner(each)))


def create_rule(node: Any) -> CreateRule:
    """Read a RuleStmt."""
    actions = [_unlisted(inner(item)) for item in node.actions]
    condition = optional_expr(node, "where_clause")
    parts = [*actions, *([inner(node.where_clause)] if condition is not None else [])]
    touches = touched_by(parts)
    rule = Rule(
        name=node.rulename,
        event=_RULE_EVENTS.get(node.event, ""),
        instead=node.instead,
        condition=condition,
        actions=tuple(_ACTIONS.get(kind_of(a), "notify") for a in actions),
        relations=frozenset(name for name, _ in touches if name.name not in ("new", "old")),
        columns=frozenset().union(*map(columns_in, parts)),
        functions=frozenset().union(*map(functions_in, parts)),
    )
    return CreateRule(name_of(node.relation), rule, node.replace, touches)


def _unlisted(node: Any) -> Any:
    return inner(node.items[0]) if kind_of(node) == "List" else node


def drop_part(node: Any) -> DropPart | DropTrigger:
    """Read a DropStmt of a trigger, policy or rule: the relation's name, then its own."""
    *path, name = strings(inner(node.objects[0]).items)
    table = Name(path[-2] if len(path) > 1 else None, path[-1])
    cascade = node.behavior == pb.DROP_CASCADE
    if node.remove_type == pb.OBJECT_TRIGGER:
        return DropTrigger(table, name, node.missing_ok, cascade)
    return DropPart(PARTS[node.remove_type], table, name, node.missing_ok, cascade)


def rename_part(node: Any) -> RenamePart:
    """Read a RenameStmt of a trigger, policy or rule."""
    kind = PARTS[node.rename_type]
    return RenamePart(kind, name_of(node.relation), node.subname, node.newname, node.missing_ok)
