"""Calls of a function that gets another name, in all that tables and views hold."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from migrate_safe.catalog.evolve.not_null import defined
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Constraint, Expr, Index, Policy, Rule, Table, Trigger, View
from migrate_safe.model.values import replace
from migrate_safe.sql.rewrite import rename_calls


class Calls(Struct, frozen=True):
    """The old and the new name of a function."""

    old: Name
    new: Name

    def name(self, name: Name) -> Name:
        """Give the new name for the old one, also where that is not qualified."""
        return self.new if name in (self.old, Name(None, self.old.name)) else name

    def names(self, names: Iterable[Name]) -> frozenset[Name]:
        """Give names with the new one in place of the old."""
        return frozenset(map(self.name, names))

    def in_table(self, table: Table) -> Table:
        """Give a table whose parts call the function by its new name."""
        return replace(
            table,
            columns=tuple(replace(c, default=self._expr(c.default)) for c in table.columns),
            constraints=tuple(map(self._constraint, table.constraints)),
            indexes=tuple(map(self._index, table.indexes)),
            triggers=tuple(map(self._trigger, table.triggers)),
            policies=tuple(map(self._policy, table.policies)),
            rules=tuple(map(self._rule, table.rules)),
        )

    def in_view(self, view: View) -> View:
        """Give a view whose query, triggers and rules call the function by its new name."""
        definition = rename_calls(view.definition, self.old, self.new, query=True) if view.definition else ""
        triggers = tuple(map(self._trigger, view.triggers))
        return replace(view, definition=definition, triggers=triggers, rules=tuple(map(self._rule, view.rules)))

    def _expr(self, expression: Expr | None) -> Expr | None:
        if expression is None or self.names(expression.functions) == expression.functions:
            return expression
        sql = rename_calls(expression.sql, self.old, self.new)
        return replace(expression, sql=sql, functions=self.names(expression.functions))

    def _constraint(self, constraint: Constraint) -> Constraint:
        changed = replace(constraint, expression=self._expr(constraint.expression))
        return constraint if changed == constraint else defined(changed)

    def _index(self, index: Index) -> Index:
        keys = tuple(replace(k, expression=self._expr(k.expression)) for k in index.keys)
        return replace(index, keys=keys, predicate=self._expr(index.predicate))

    def _trigger(self, trigger: Trigger) -> Trigger:
        function = self.name(trigger.function) if trigger.function is not None else None
        return replace(trigger, function=function, condition=self._expr(trigger.condition))

    def _policy(self, policy: Policy) -> Policy:
        return replace(policy, using=self._expr(policy.using), check=self._expr(policy.check))

    def _rule(self, rule: Rule) -> Rule:
        return replace(rule, condition=self._expr(rule.condition), functions=self.names(rule.functions))
