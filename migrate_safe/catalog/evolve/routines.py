"""How functions, procedures and aggregates come, change and go."""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.catalog.change import CannotApply, type_exists
from migrate_safe.catalog.evolve.calls import Calls
from migrate_safe.catalog.evolve.freeing import freed, without_function
from migrate_safe.catalog.evolve.resting import knows_functions, on_function
from migrate_safe.catalog.evolve.views import created_name
from migrate_safe.catalog.things import sees_everything
from migrate_safe.model.names import Name, parse_name, quote_ident
from migrate_safe.model.schema import Function, Schema, TypeName
from migrate_safe.model.statement import (
    Action,
    AlterRoutine,
    Call,
    CreateFunction,
    Dml,
    DoBlock,
    DropRoutines,
    Routine,
)
from migrate_safe.model.values import replace
from migrate_safe.sql.blocks import routine_block
from migrate_safe.sql.parse import parse_statements
from migrate_safe.sql.routines import arguments_text, inputs, kept_options

_COLUMN = "%TYPE"
_CURRENT = "FROM CURRENT"
_LANGUAGES = frozenset({"sql", "plpgsql", "c", "internal"})


def create_function(schema: Schema, action: CreateFunction) -> Schema:
    """Add or replace a routine; overloads are told apart by their arguments."""
    made = finished(schema, replace(action.function, name=created_name(schema, action.function.name)))
    refuse_language(schema, action.function.language)
    known = _overload(schema, made.name, made.arguments)
    if known is not None:
        if not action.replace:
            raise CannotApply(f"function {made.name}({made.arguments}) already exists with same argument types")
        _refuse_other_shape(known, made)
        made = replace(made, owner=known.owner, grants=known.grants, comment=known.comment)
    others = tuple(f for f in schema.functions.get(made.name, ()) if f.arguments != made.arguments)
    return replace(schema, functions={**schema.functions, made.name: (*others, made)})


def refuse_language(schema: Schema, language: str) -> None:
    """Refuse a language that certainly is not there: extensions bring others."""
    known = language in _LANGUAGES or ("language", Name(None, language)) in schema.things
    if not known and sees_everything(schema):
        raise CannotApply(f"language {language!r} does not exist")


def finished(schema: Schema, function: Function) -> Function:
    """Give a function as the catalog shows it: with the schemas of its types and of what it rests on."""
    parameters = tuple(replace(p, type=found_type(schema, p.type)) for p in function.parameters)
    returns = found_type(schema, function.returns) if function.returns is not None else None
    options = tuple((w, _now(schema, w) if v == _CURRENT else v) for w, v in function.options)
    return replace(
        function,
        parameters=parameters,
        arguments=arguments_text(p.type for p in inputs(parameters)) if parameters else function.arguments,
        returns=returns,
        options=tuple((w, v) for w, v in options if v),
        uses=frozenset(schema.resolve(n) for n in function.uses),
    )


def _now(schema: Schema, word: str) -> str:
    """Give the value that a setting has in this session, where that is known."""
    return ", ".join(schema.search_path) if word == "set search_path" else _CURRENT


def found_type(schema: Schema, wanted: TypeName) -> TypeName:
    """Give the type with its schema where it is one of users, and for `%TYPE` that of the column."""
    if wanted.name.endswith(_COLUMN):
        path, _, column = wanted.name.removesuffix(_COLUMN).rpartition(".")
        table = schema.table(parse_name(path))
        held = table.column(column) if table is not None else None
        return replace(held.type, modifiers=()) if held is not None else wanted
    if wanted.schema is not None:
        return wanted
    for namespace in schema.search_path:
        if type_exists(schema, Name(namespace, wanted.name)):
            return replace(wanted, schema=namespace)
    return wanted


def along(schema: Schema, function: Function) -> Schema:
    """Give the schema as the body of a function sees it: along its own search_path."""
    path = _own_path(function)
    return replace(schema, search_path=path) if path is not None else schema


def _own_path(function: Function) -> tuple[str, ...] | None:
    given = dict(function.options).get("set search_path")
    if given is None or given == _CURRENT:
        return None
    return tuple(p.strip().strip('"') for p in given.split(",") if p.strip() not in ("''", ""))


def _refuse_other_shape(known: Function, made: Function) -> None:
    """Refuse what OR REPLACE cannot change: kind, result, names of inputs, and defaults that go away."""
    text = f"function {known.name}({known.arguments})"
    if known.kind != made.kind:
        raise CannotApply(f"{text} is a {known.kind}")
    before, after = _result(known), _result(made)
    if before and after and before != after:
        raise CannotApply(f"cannot change the return type of {text}")
    for old, new in zip(inputs(known.parameters), inputs(made.parameters), strict=False):
        if old.name and old.name != new.name:
            raise CannotApply(f"cannot change the name of input parameter {old.name!r} of {text}")
        if old.default is not None and new.default is None:
            raise CannotApply(f"cannot remove parameter defaults from {text}")


def _result(function: Function) -> tuple[object, ...]:
    """Give what a function returns, by the bare names of types: an earlier file may not have known their schemas."""
    named = [(p.name, p.type) for p in function.parameters if p.mode in ("out", "inout", "table")]
    types = [t for _, t in named] + ([function.returns] if function.returns is not None else [])
    if any(t.name.endswith(_COLUMN) for t in types):
        return ()
    return (function.returns_set, [n for n, _ in named], [(t.name, t.dimensions) for t in types])


def _overload(schema: Schema, name: Name, arguments: str) -> Function | None:
    return next((f for f in schema.functions.get(name, ()) if f.arguments == arguments), None)


def wanted_routine(schema: Schema, routine: Routine, kind: str, *, if_exists: bool = False) -> Function | None:
    """Give the routine that a statement points at; None where it may be there unseen, or IF EXISTS finds none."""
    overloads = _overloads(schema, routine.name)
    if routine.arguments is None:
        found = [f for f in overloads if _fits(f, kind)]
        if len(found) > 1:
            raise CannotApply(f"{kind} name {routine.name} is not unique")
    else:
        arguments = arguments_text(found_type(schema, a) for a in routine.arguments)
        found = [f for f in overloads if f.arguments == arguments]
        if found and not _fits(found[0], kind):
            raise CannotApply(f"{routine} is not a {kind}")
    if found or if_exists or not knows_functions(schema) or _may_be_builtin(routine.name):
        return found[0] if found else None
    raise CannotApply(f"{kind} {routine} does not exist")


def _fits(function: Function, kind: str) -> bool:
    return kind in ("routine", function.kind)


def _may_be_builtin(name: Name) -> bool:
    return name.schema in ("pg_catalog", "information_schema")


def _overloads(schema: Schema, name: Name) -> list[Function]:
    places = (name.schema,) if name.schema is not None else schema.search_path
    return [f for place in places for f in schema.functions.get(Name(place, name.name), ())]


def drop_routines(schema: Schema, action: DropRoutines) -> Schema:
    """Drop routines; what rests on them makes the server refuse, or goes along."""
    found = [wanted_routine(schema, r, action.kind, if_exists=action.if_exists) for r in action.routines]
    gone = [f for f in found if f is not None]
    for function in gone:
        if function.of_extension:
            raise CannotApply(f"an extension requires function {function.name}({function.arguments})")
        rests = [r for r in on_function(schema, function) if not any(_is(r.relation, r.detail, g) for g in gone)]
        schema = freed(schema, rests, f"function {function.name}({function.arguments})", cascade=action.cascade)
    for function in gone:
        schema = without_function(schema, function.name, function.arguments)
    return schema


def _is(name: Name | None, arguments: str, function: Function) -> bool:
    return (name, arguments) == (function.name, function.arguments)


def alter_routine(schema: Schema, action: AlterRoutine) -> Schema:
    """Rename, move or alter a routine; what calls it follows."""
    known = wanted_routine(schema, action.routine, action.kind)
    if known is None:
        return schema
    name = Name(action.schema or known.name.schema, action.to or known.name.name)
    if name != known.name and _overload(schema, name, known.arguments) is not None:
        raise CannotApply(f"function {name}({known.arguments}) already exists")
    changed = replace(
        known,
        name=name,
        owner=known.owner,
        volatility=action.volatility or known.volatility,
        options=kept_options(known, action.options),
    )
    schema = without_function(schema, known.name, known.arguments)
    schema = replace(
        schema, functions={**schema.functions, name: (*schema.functions.get(name, ()), finished(schema, changed))}
    )
    return schema if name == known.name else _following(schema, known.name, name)


def _following(schema: Schema, old: Name, new: Name) -> Schema:
    """Let all that calls a function follow its new name; of several overloads it is not known which one is called."""
    if schema.functions.get(old):
        return schema
    calls = Calls(old, new)
    things = {
        key: replace(t, facts=tuple((w, str(new) if v == str(old) else v) for w, v in t.facts))
        for key, t in schema.things.items()
    }
    functions = {n: tuple(replace(f, calls=calls.names(f.calls)) for f in held) for n, held in schema.functions.items()}
    return replace(
        schema,
        tables={n: calls.in_table(t) for n, t in schema.tables.items()},
        views={n: calls.in_view(v) for n, v in schema.views.items()},
        things=things,
        functions=functions,
    )


class Run(Struct, frozen=True):
    """A body that a statement runs, as a block; `routine` is its name, `called` that by which it is called.

    `path` is the search_path that the routine sets for itself.
    """

    block: DoBlock
    routine: Name | None = None
    called: Name | None = None
    path: tuple[str, ...] | None = None

    def within(self, schema: Schema) -> Schema:
        """Give the schema in which it runs: what it calls of itself is not followed round and round."""
        if self.routine is None:
            return schema
        others = {n: f for n, f in schema.functions.items() if n != self.routine}
        return replace(schema, functions=others, search_path=self.path or schema.search_path)

    def over(self, schema: Schema, before: Schema) -> Schema:
        """Give the schema after it ran, with the routine itself where it had been."""
        if self.routine is None or self.routine not in before.functions:
            return schema
        own = {self.routine: before.functions[self.routine]}
        path = before.search_path if self.path is not None else schema.search_path
        return replace(schema, functions={**own, **schema.functions}, search_path=path)


def runs_of(schema: Schema, action: Action) -> tuple[Run, ...]:
    """Give the bodies that a statement runs: of a DO block, of the procedure of CALL, of the functions of a query."""
    match action:
        case DoBlock():
            return (Run(action),)
        case Call(procedure=procedure, arguments=arguments):
            known = [f for f in _overloads(schema, procedure) if f.kind == "procedure" and _takes(f, arguments)]
            return _run(procedure, known)
        case Dml(queries=True, functions=functions):
            return tuple(run for name in sorted(functions, key=str) for run in _run(name, _volatile(schema, name)))
        case _:
            return ()


def _volatile(schema: Schema, name: Name) -> list[Function]:
    """Give the functions of a name; those that are not volatile can change nothing."""
    found = _overloads(schema, name)
    return found if all(f.kind == "function" and f.volatility == "volatile" for f in found) else []


def _run(called: Name, known: list[Function]) -> tuple[Run, ...]:
    """Read the body of a routine; none where it is not known which one is called."""
    block = body_block(known[0]) if len(known) == 1 else None
    return (Run(block, known[0].name, called, _own_path(known[0])),) if block is not None else ()


def body_block(function: Function) -> DoBlock | None:
    """Give the body of a routine as a block; None in another language, or where the server keeps it as parsed."""
    if function.parsed or function.language not in ("sql", "plpgsql"):
        return None
    if function.language == "sql":
        return DoBlock("sql", function.body, parse_statements(function.body))
    return routine_block(_header(function), function.body, parse_statements)


def _header(function: Function) -> str:
    """Write what the parser has to know of a function to read its body: names of parameters, but not their types."""
    modes = {"in": "", "variadic": "", "out": "OUT ", "inout": "INOUT "}
    named = [p for p in function.parameters if p.name]
    given = ", ".join(f"{modes[p.mode]}{quote_ident(p.name)} record" for p in named if p.mode in modes)
    shown = ", ".join(f"{quote_ident(p.name)} text" for p in named if p.mode == "table")
    if shown:
        return f"f({given}) RETURNS TABLE ({shown})"
    if function.returns is None:
        return f"f({given})" if any(p.mode in ("out", "inout") for p in named) else f"f({given}) RETURNS void"
    result = "void" if function.returns.name == "void" else "record"
    out = any(p.mode in ("out", "inout") for p in named)
    return f"f({given}) RETURNS {'SETOF ' if function.returns_set else ''}{'record' if out else result}"


def _takes(function: Function, arguments: int) -> bool:
    """Say whether a procedure can be called with so many arguments; OUT parameters are given one too."""
    given = [p for p in function.parameters if p.mode != "table"]
    needed = [p for p in given if p.default is None]
    return len(needed) <= arguments <= len(given)
