"""Programs that follow a relation which gets another name."""

from __future__ import annotations

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Expr, Function, Policy, Rule, Schema, Table, TypeName, View
from migrate_safe.model.values import replace
from migrate_safe.sql.rewrite import rename_relation


def programs_follow(schema: Schema, old: Name, new: Name) -> Schema:
    """Let policies, rules and functions follow a relation that got another name."""

    def moved(names: frozenset[Name]) -> frozenset[Name]:
        return names - {old} | {new} if old in names else names

    def text(expression: Expr | None) -> Expr | None:
        return replace(expression, sql=rename_relation(expression.sql, old, new)) if expression is not None else None

    def policy(held: Policy) -> Policy:
        if old not in held.relations:
            return held
        return replace(held, relations=moved(held.relations), using=text(held.using), check=text(held.check))

    def policies(table: Table) -> tuple[Policy, ...]:
        return tuple(map(policy, table.policies))

    def rules(holder: Table | View) -> tuple[Rule, ...]:
        return tuple(replace(r, relations=moved(r.relations)) for r in holder.rules)

    def typed(wanted: TypeName) -> TypeName:
        return (
            replace(wanted, schema=new.schema, name=new.name) if (wanted.schema, wanted.name) == _pair(old) else wanted
        )

    def function(held: Function) -> Function:
        parameters = tuple(replace(p, type=typed(p.type)) for p in held.parameters)
        returns = typed(held.returns) if held.returns is not None else None
        changed = replace(held, uses=moved(held.uses), parameters=parameters, returns=returns)
        inputs = [str(p.type) for p in parameters if p.mode not in ("out", "table")]
        return replace(changed, arguments=", ".join(inputs)) if parameters != held.parameters else changed

    return replace(
        schema,
        tables={n: replace(t, policies=policies(t), rules=rules(t)) for n, t in schema.tables.items()},
        views={n: replace(v, rules=rules(v)) for n, v in schema.views.items()},
        functions={n: tuple(map(function, held)) for n, held in schema.functions.items()},
    )


def _pair(name: Name) -> tuple[str | None, str]:
    return name.schema, name.name
