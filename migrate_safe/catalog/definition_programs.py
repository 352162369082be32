"""Policies, triggers and functions as the SQL that makes them."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.schema import Function, Parameter, Policy, Trigger

_STATES = {"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS", "O": "ENABLE"}
_FLAGS = {"strict": "STRICT", "leakproof": "LEAKPROOF", "window": "WINDOW", "security": "SECURITY DEFINER"}


def policy_definition(table: Name, policy: Policy) -> str:
    """Write CREATE POLICY."""
    kind = "PERMISSIVE" if policy.permissive else "RESTRICTIVE"
    roles = ", ".join(map(quote_ident, policy.roles)) or "PUBLIC"
    using = f" USING ({policy.using})" if policy.using is not None else ""
    check = f" WITH CHECK ({policy.check})" if policy.check is not None else ""
    return (
        f"CREATE POLICY {quote_ident(policy.name)} ON {table} AS {kind} FOR {policy.command} TO {roles}{using}{check}"
    )


def trigger_definition(table: Name, trigger: Trigger, *, replace: bool = False) -> str:
    """Write CREATE TRIGGER; whether it is enabled is said by `trigger_state`."""
    words = ["CREATE OR REPLACE" if replace else "CREATE", "CONSTRAINT TRIGGER" if trigger.constraint else "TRIGGER"]
    words += [quote_ident(trigger.name), trigger.timing, " OR ".join(_event(trigger, e) for e in trigger.events)]
    words += [f"ON {table}"]
    words += [f"FROM {trigger.references}"] if trigger.references is not None else []
    words += ["DEFERRABLE"] if trigger.deferrable else []
    words += ["INITIALLY DEFERRED"] if trigger.deferred else []
    if trigger.old_table is not None or trigger.new_table is not None:
        words.append("REFERENCING")
        words += [f"OLD TABLE AS {quote_ident(trigger.old_table)}"] if trigger.old_table is not None else []
        words += [f"NEW TABLE AS {quote_ident(trigger.new_table)}"] if trigger.new_table is not None else []
    words.append("FOR EACH ROW" if trigger.for_each_row else "FOR EACH STATEMENT")
    words += [f"WHEN ({trigger.condition})"] if trigger.condition is not None else []
    arguments = ", ".join(quote_literal(a).strip() for a in trigger.arguments)
    return " ".join([*words, f"EXECUTE FUNCTION {trigger.function}({arguments})"])


def trigger_state(table: Name, name: str, enabled: str) -> str:
    """Write the statement that lets a trigger fire as pg_trigger.tgenabled says."""
    return f"ALTER TABLE {table} {_STATES[enabled]} TRIGGER {quote_ident(name)}"


def _event(trigger: Trigger, event: str) -> str:
    columns = f" OF {', '.join(map(quote_ident, trigger.columns))}" if trigger.columns and event == "UPDATE" else ""
    return f"{event}{columns}"


def function_definition(function: Function) -> str | None:
    """Write CREATE OR REPLACE FUNCTION or PROCEDURE; None where the catalog does not hold its body as text."""
    unknown = (
        function.parsed or function.kind not in ("function", "procedure") or function.language in ("c", "internal")
    )
    if unknown or any("%TYPE" in p.type.name for p in function.parameters):
        return None
    parameters = ", ".join(_parameter(p) for p in function.parameters if p.mode != "table")
    tag = next(t for t in ("$ms$", *(f"$ms{n}$" for n in range(1, 9))) if t not in function.body)
    return "\n".join(
        [
            f"CREATE OR REPLACE {function.kind.upper()} {function.name}({parameters})",
            *_returns(function),
            f" LANGUAGE {quote_ident(function.language)}",
            *([f" {function.volatility.upper()}"] if function.kind == "function" else []),
            *(f" {option}" for option in _options(function)),
            f"AS {tag}{function.body}{tag}",
        ]
    )


def _parameter(parameter: Parameter) -> str:
    words = [] if parameter.mode == "in" else [parameter.mode.upper()]
    words += [quote_ident(parameter.name)] if parameter.name else []
    default = f" DEFAULT {parameter.default}" if parameter.default is not None else ""
    return " ".join([*words, str(parameter.type)]) + default


def _returns(function: Function) -> Iterator[str]:
    columns = [p for p in function.parameters if p.mode == "table"]
    if columns:
        yield f" RETURNS TABLE ({', '.join(f'{quote_ident(p.name)} {p.type}' for p in columns)})"
    elif function.returns is not None:
        yield f" RETURNS {'SETOF ' if function.returns_set else ''}{function.returns}"


def _options(function: Function) -> Iterator[str]:
    for word, value in function.options:
        if word in _FLAGS:
            yield _FLAGS[word]
        elif word.startswith("set "):
            yield (
                f"SET {word[4:]} {value}"
                if value == "FROM CURRENT"
                else f"SET {word[4:]} TO {_setting(word[4:], value)}"
            )
        else:
            yield f"{word.upper()} {value}"


def _setting(variable: str, value: str) -> str:
    """Write the value of a setting; of those that are lists each item for itself."""
    if variable == "search_path":
        return ", ".join(quote_literal("") if v in ("", "''") else quote_ident(v) for v in value.split(", "))
    return "''" if value == "''" else quote_literal(value).strip()
