"""Functions in CHECK constraints and indexes that do not take the new type of a column."""

from __future__ import annotations

from migrate_safe.catalog.casts import is_implicit
from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve.resting import knows_functions
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Function, Schema, Table, TypeName
from migrate_safe.sql.column_calls import column_calls

_TEXT, _NUMBERS = (TypeName("text"),), (TypeName("double precision"),)
_TAKES = {
    **dict.fromkeys(("lower", "upper", "initcap", "reverse", "ascii", "char_length", "btrim", "ltrim", "rtrim"), _TEXT),
    **dict.fromkeys(("length", "octet_length", "md5"), (*_TEXT, TypeName("bytea"))),
    **dict.fromkeys(("abs", "round", "ceil", "ceiling", "floor", "sign", "sqrt"), _NUMBERS),
}
"""Built-in functions of one argument -> the widest types that they take among those that people use every day."""


def refuse_uncallable(schema: Schema, table: Table, column: str) -> None:
    """Refuse the type that a column has now where a function that is called with it has no form for that."""
    known = table.column(column)
    if known is None or not knows_functions(schema) or any(kind == "cast" for kind, _ in schema.things):
        return
    checks = [c.expression for c in table.constraints]
    keys = [e for i in table.indexes for e in (i.predicate, *(k.expression for k in i.keys))]
    for expression in (e for e in (*checks, *keys) if e is not None and column in e.columns and e.functions):
        for function in column_calls(expression.sql, column):
            if _takes(schema, function, known.type) is False:
                raise CannotApply(f"function {function}({known.type}) does not exist")


def _takes(schema: Schema, function: Name, given: TypeName) -> bool | None:
    """Say whether a function takes a value of that type; None where that is not known."""
    places = (function.schema,) if function.schema is not None else schema.search_path
    made = [f for place in places for f in schema.functions.get(Name(place, function.name), ())]
    own = _TAKES.get(function.name, ()) if function.schema in (None, "pg_catalog") else ()
    if not own and not made:
        return None
    answers = [is_implicit(given, wanted) for wanted in own] + [_fits(f, given) for f in made]
    return True if True in answers else None if None in answers else False


def _fits(function: Function, given: TypeName) -> bool | None:
    taken = [p for p in function.parameters if p.mode not in ("out", "table")]
    plain = len(taken) == 1 and taken[0].mode == "in" and function.kind == "function"
    return is_implicit(given, taken[0].type) if plain else None
