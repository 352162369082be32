"""Functions, procedures and aggregates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import Name
from migrate_safe.model.schema import Function, Parameter, TypeName
from migrate_safe.model.statement import AlterRoutine, Call, CreateFunction, DropRoutines, Routine
from migrate_safe.model.values import replace
from migrate_safe.sql.expressions import columns_in, functions_in, optional_expr, written_columns
from migrate_safe.sql.names import dotted, option_text, options, strings
from migrate_safe.sql.touched import queries_of, touched_by
from migrate_safe.sql.tree import inner, kind_of, walk
from migrate_safe.sql.typenames import type_of

ROUTINES = {
    pb.OBJECT_FUNCTION: "function",
    pb.OBJECT_PROCEDURE: "procedure",
    pb.OBJECT_ROUTINE: "routine",
    pb.OBJECT_AGGREGATE: "aggregate",
}
"""What is called by name and told apart by its arguments."""
_MODES = {
    pb.FUNC_PARAM_OUT: "out",
    pb.FUNC_PARAM_INOUT: "inout",
    pb.FUNC_PARAM_VARIADIC: "variadic",
    pb.FUNC_PARAM_TABLE: "table",
}
_RESULTS = frozenset({"out", "inout", "table"})
_NOT_OPTIONS = frozenset({"as", "language", "volatility"})
_CHEAP = frozenset({"c", "internal"})
"""Languages whose functions cost 1 by default; those of others cost 100."""
_SUPPORT = ("sfunc", "finalfunc", "combinefunc", "serialfunc", "deserialfunc", "msfunc", "minvfunc", "mfinalfunc")
_OF_AGGREGATES = (*_SUPPORT, "stype", "mstype", "initcond", "minitcond", "parallel")
_DEFAULTS = {"leakproof": "false", "strict": "false", "security": "false", "window": "false", "parallel": "unsafe"}


def create_function(node: Any) -> CreateFunction:
    """Read a CreateFunctionStmt."""
    given = options(node.options)
    body = given.get("as")
    parameters = tuple(_parameter(item.function_parameter) for item in node.parameters)
    parsed = node.HasField("sql_body")
    language = option_text(given["language"]).lower() if "language" in given else "sql"
    returns, returns_set = _returned(node, parameters)
    function = Function(
        name=dotted(node.funcname),
        arguments=arguments_text(p.type for p in inputs(parameters)),
        volatility=option_text(given["volatility"]) if "volatility" in given else "volatile",
        language=language,
        body="\n".join(strings(inner(body.arg).items)) if body is not None else "",
        kind="procedure" if node.is_procedure else "function",
        parameters=parameters,
        returns=returns,
        returns_set=returns_set,
        parsed=parsed,
    )
    function = replace(function, options=kept_options(function, _options(node.options)))
    queries = [inner(node.sql_body)] if parsed else list(queries_of(function.body)) if language == "sql" else []
    touches = touched_by(queries) if parsed or not _is_polymorphic(parameters) else ()
    if parsed:
        calls = frozenset().union(*map(functions_in, queries))
        columns = frozenset().union(*map(columns_in, queries), *map(written_columns, queries))
        function = replace(function, uses=frozenset(n for n, _ in touches), columns=columns, calls=calls)
    return CreateFunction(function, node.replace, touches, _rows(parameters, queries) if parsed else ())


def _rows(parameters: tuple[Parameter, ...], queries: Iterable[Any]) -> tuple[TypeName, ...]:
    """Give the types of the parameters of which queries take fields: `p.x`, `(p).x`, `$1.x`."""
    taken = {word for query in queries for part in walk(query) if (word := _owner_of_field(part)) is not None}
    places = enumerate(inputs(parameters), start=1)
    return tuple(p.type for place, p in places if p.name in taken or f"${place}" in taken)


def _owner_of_field(part: Any) -> str | None:
    """Give the name or place of what may be a parameter of which a field is taken."""
    if kind_of(part) == "ColumnRef" and len(part.fields) == 2:
        return str(inner(part.fields[0]).sval)
    value = inner(part.arg) if kind_of(part) == "A_Indirection" else part
    if kind_of(value) == "ParamRef" and value is not part:
        return f"${value.number}"
    if kind_of(value) == "ColumnRef" and value is not part and len(value.fields) == 1:
        return str(inner(value.fields[0]).sval)
    return None


def _parameter(node: Any) -> Parameter:
    return Parameter(
        name=node.name,
        type=_bare_type(node.arg_type),
        mode=_MODES.get(node.mode, "in"),
        default=optional_expr(node, "defexpr"),
    )


def _bare_type(node: Any) -> TypeName:
    """Read a type as routines keep it: without modifiers; `%TYPE` stands in its name until the column is known."""
    if node.pct_type:
        return TypeName(".".join(strings(node.names)) + "%TYPE")
    return replace(type_of(node), modifiers=())


def inputs(parameters: Iterable[Parameter]) -> list[Parameter]:
    """Give the parameters by which a routine is told apart."""
    return [p for p in parameters if p.mode in ("in", "inout", "variadic")]


def arguments_text(types: Iterable[TypeName]) -> str:
    """Write the types of arguments."""
    return ", ".join(map(str, types))


def _returned(node: Any, parameters: tuple[Parameter, ...]) -> tuple[TypeName | None, bool]:
    """Give the type returned, that of the OUT parameters where none is written, and whether it is a set."""
    results = [p.type for p in parameters if p.mode in _RESULTS]
    if node.is_procedure:
        return None, False
    implied = results[0] if len(results) == 1 else TypeName("record")
    if any(p.mode == "table" for p in parameters):
        return implied, True
    return (_bare_type(node.return_type), node.return_type.setof) if node.HasField("return_type") else (implied, False)


def _is_polymorphic(parameters: Iterable[Parameter]) -> bool:
    return any(p.type.name.startswith("any") for p in inputs(parameters))


def _options(nodes: Any) -> Iterator[tuple[str, str]]:
    """Yield the options as words and values, in the order in which they are given."""
    for element in (item.def_elem for item in nodes):
        if element.defname == "set":
            yield _setting(element.arg.variable_set_stmt)
        elif element.defname not in _NOT_OPTIONS:
            text = option_text(element)
            number = element.defname in ("cost", "rows")
            yield element.defname, f"{float(text):g}" if number else text


def _setting(node: Any) -> tuple[str, str]:
    """Read SET; an empty value means that the setting is reset."""
    variable = node.name.lower()
    if node.kind == pb.VAR_RESET_ALL:
        return "set", ""
    if node.kind == pb.VAR_SET_CURRENT:
        return f"set {variable}", "FROM CURRENT"
    if node.kind != pb.VAR_SET_VALUE:
        return f"set {variable}", ""
    return f"set {variable}", ", ".join(_value(inner(item)) for item in node.args) or "''"


def _value(node: Any) -> str:
    if kind_of(node) == "TypeCast":
        return _value(inner(node.arg))
    if node.HasField("sval"):
        return node.sval.sval or "''"
    return str(node.ival.ival) if node.HasField("ival") else str(node.fval.fval or node.boolval.boolval)


def kept_options(function: Function, changes: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Give the options of a function after changes to them; those that only say the default are left out."""
    kept = dict(function.options)
    for word, value in changes:
        if word == "set":
            kept = {w: v for w, v in kept.items() if not w.startswith("set ")}
        else:
            kept[word] = value
    cost = "1" if function.language in _CHEAP else "100"
    defaults = {**_DEFAULTS, "cost": cost, "rows": "1000"}
    return tuple(sorted((w, v) for w, v in kept.items() if v and defaults.get(w) != v))


def create_aggregate(node: Any) -> CreateFunction:
    """Read a DefineStmt of an aggregate, in the new form or the old one with `basetype`."""
    given = options(node.definition)
    parameters = tuple(_parameter(inner(item)) for item in node.args[0].list.items) if node.args else ()
    if node.oldstyle and "basetype" in given and option_text(given["basetype"]).lower() != "any":
        parameters = (Parameter("", _bare_type(inner(given["basetype"].arg))),)
    made = Function(
        name=dotted(node.defnames),
        arguments=arguments_text(p.type for p in parameters),
        volatility="immutable",
        language="internal",
        kind="aggregate",
        parameters=parameters,
        options=tuple(sorted((w, _part(w, given[w])) for w in _OF_AGGREGATES if w in given)),
        calls=frozenset(_named(given[w]) for w in _SUPPORT if w in given),
    )
    kept = tuple((w, v) for w, v in made.options if (w, v) != ("parallel", "unsafe"))
    return CreateFunction(replace(made, options=kept), node.replace)


def _part(word: str, element: Any) -> str:
    if word in ("stype", "mstype"):
        return str(_bare_type(inner(element.arg)))
    return str(_named(element)) if word in _SUPPORT else option_text(element)


def _named(element: Any) -> Name:
    value = inner(element.arg)
    return dotted(value.names) if kind_of(value) == "TypeName" else Name(None, option_text(element))


def routine_of(node: Any) -> Routine:
    """Read an ObjectWithArgs."""
    if node.args_unspecified:
        return Routine(dotted(node.objname))
    return Routine(dotted(node.objname), tuple(_bare_type(inner(item)) for item in node.objargs))


def alter_routine(node: Any) -> AlterRoutine:
    """Read an AlterFunctionStmt."""
    changes = tuple(_options(node.actions))
    given = options(node.actions)
    volatility = option_text(given["volatility"]) if "volatility" in given else None
    return AlterRoutine(ROUTINES[node.objtype], routine_of(node.func), volatility=volatility, options=changes)


def rename_routine(node: Any) -> AlterRoutine:
    """Read a RenameStmt of a routine."""
    return AlterRoutine(ROUTINES[node.rename_type], routine_of(inner(node.object)), to=node.newname)


def move_routine(node: Any) -> AlterRoutine:
    """Read an AlterObjectSchemaStmt of a routine."""
    return AlterRoutine(ROUTINES[node.object_type], routine_of(inner(node.object)), schema=node.newschema)


def drop_routines(node: Any) -> DropRoutines:
    """Read a DropStmt of routines."""
    routines = tuple(routine_of(inner(item)) for item in node.objects)
    return DropRoutines(ROUTINES[node.remove_type], routines, node.missing_ok, node.behavior == pb.DROP_CASCADE)


def call(node: Any) -> Call:
    """Read a CallStmt."""
    functions = frozenset().union(*(functions_in(inner(item)) for item in node.funccall.args))
    return Call(dotted(node.funccall.funcname), len(node.funccall.args), functions)
