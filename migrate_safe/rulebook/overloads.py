"""New functions that take calls which another function of the name takes too."""

from __future__ import annotations

from collections.abc import Sequence

from migrate_safe.model.schema import Function, Parameter
from migrate_safe.model.statement import CreateFunction
from migrate_safe.rulebook.parts import Part


def rival_of(part: Part) -> str:
    """Name a function that some call fits as well as the new one, so that the server refuses it as not unique.

    Only what is certain is told of: calls by position whose arguments have the very types that both take.
    https://www.postgresql.org/docs/current/typeconv-func.html
    """
    assert isinstance(part.action, CreateFunction)
    new, schema = part.action.function, part.whole.before
    known = schema.functions.get(schema.resolve(new.name), ())
    if any(old.arguments == new.arguments for old in known):
        return ""  # it is replaced: nothing becomes ambiguous that was not
    for old in known:
        if old.kind == new.kind and _share_calls(_inputs(old), _inputs(new)):
            return f"{old.name.name}({old.arguments})"
    return ""


def _inputs(function: Function) -> tuple[Parameter, ...]:
    return tuple(p for p in function.parameters if p.mode in ("in", "inout"))


def _share_calls(one: Sequence[Parameter], two: Sequence[Parameter]) -> bool:
    """Say whether some number of arguments is enough for both, and they are of the same types.

    A call that needs no default on one side is taken there: the server prefers it.
    """
    for count in range(max(_required(one), _required(two)), min(len(one), len(two)) + 1):
        exact = count in (len(one), len(two))
        if not exact and [p.type for p in one[:count]] == [p.type for p in two[:count]]:
            return True
    return False


def _required(parameters: Sequence[Parameter]) -> int:
    return sum(p.default is None for p in parameters)
