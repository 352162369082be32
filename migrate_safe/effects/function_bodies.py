"""SQL bodies of functions that the server refuses when it looks into them."""

from __future__ import annotations

from migrate_safe.catalog.casts import is_assigned
from migrate_safe.catalog.change import CannotApply, type_exists
from migrate_safe.catalog.evolve.resting import has_extensions
from migrate_safe.catalog.evolve.routines import along, found_type
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.references import refuse_unknown_columns
from migrate_safe.catalog.shapes import columns_given, relation_columns
from migrate_safe.effects.absent_names import absent_in, knows_all
from migrate_safe.effects.combine import Scene
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Function, Schema
from migrate_safe.model.statement import Action, CreateFunction, Dml, DmlKind, Statement, Unparsed
from migrate_safe.model.values import replace
from migrate_safe.sql.mentions import mentions_of
from migrate_safe.sql.parse import parse_statements

_RESULTS = ("out", "inout", "table")


def refused_body(scene: Scene, action: Action) -> str | None:
    """Say why the server refuses an SQL body, or None; check_function_bodies says whether it looks into one.

    A body that is kept parsed is looked at in any case, here for its relations alone.
    """
    if not isinstance(action, CreateFunction) or not (scene.session.checks_bodies or action.function.parsed):
        return None
    schema, function = along(scene.schema, action.function), action.function
    missing = _missing(schema, action)
    if missing is not None:
        return f"relation {missing} does not exist"
    looked_into = function.language == "sql" and function.kind != "aggregate" and not function.parsed
    if not looked_into or not knows_all(schema) or any(p.type.name.startswith("any") for p in function.parameters):
        return None
    return _refused(schema, function)


def _missing(schema: Schema, action: CreateFunction) -> Name | None:
    if has_extensions(schema):
        return None
    for name, _ in action.touches:
        system = name.schema in ("pg_catalog", "information_schema") or name.name.startswith("pg_")
        nowhere = name.schema is None and not schema.search_path
        if not system and (nowhere or not relation_exists(schema, schema.resolve(name))):
            return name
    return None


def _refused(schema: Schema, function: Function) -> str | None:
    statements = parse_statements(function.body)
    own = frozenset({function.name.name, *(p.name for p in function.parameters if p.name)})
    for statement in statements:
        if isinstance(statement.action, Unparsed):
            return f"its body is not SQL: {statement.action.reason}"
        if isinstance(statement.action, Dml):
            try:
                _refuse_names(schema, statement.action, own)
            except CannotApply as refusal:
                return refusal.reason
            named = mentions_of(statement.text)
            absent = absent_in(schema, replace(named, functions=tuple(n for n in named.functions if n.name not in own)))
            if absent is not None:
                return absent
    return _other_result(schema, function, statements)


def _refuse_names(schema: Schema, action: Dml, own: frozenset[str]) -> None:
    refuse_unknown_columns(schema, action.scopes, own)
    known = relation_columns(schema, action.target) if action.target is not None else None
    missing = [c for c in action.columns if known is not None and all(k.name != c for k in known)]
    if missing:
        raise CannotApply(f"column {missing[0]!r} of {action.target} does not exist")


def _other_result(schema: Schema, function: Function, statements: tuple[Statement, ...]) -> str | None:
    """Say that what the last statement gives is certainly not what the function returns, a plain value."""
    returns = function.returns
    if returns is None or returns.name in ("void", "record") or any(p.mode in _RESULTS for p in function.parameters):
        return None
    mismatch = f"its last statement does not give what it returns, {returns}"
    last = statements[-1].action if statements else None
    if not isinstance(last, Dml):
        return mismatch
    wanted = found_type(schema, returns)
    rows = wanted.schema is not None or type_exists(schema, Name(returns.schema, returns.name))
    if last.kind is not DmlKind.SELECT or last.shape is None or rows:
        return None
    try:
        given = columns_given(schema, last.shape)
    except CannotApply:
        return None
    if given is None or (len(given) == 1 and given[0].type is None):
        return None
    fits = len(given) == 1 and given[0].type is not None and is_assigned(schema, given[0].type, wanted) is not False
    return None if fits else mismatch
