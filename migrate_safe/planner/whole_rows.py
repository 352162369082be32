"""Programs that rest on the number and order of a table's columns, which a plan changes until purge at least.

A history trigger with `INSERT INTO history SELECT NEW.*`, a function that gives rows of the table from columns written
one by one, a row written as ROW(...) and cast: the server knows nothing of them, and they fail at the next call, or
put values into the wrong columns. The texts are judged by their words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from migrate_safe.catalog.change import known_type
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Function, Schema, Table, TypeName
from migrate_safe.model.statement import AddColumn, AlterTable, AlterType, DropColumn, RenameColumn
from migrate_safe.model.values import replace
from migrate_safe.planner.draft import CannotPlan, Outcome
from migrate_safe.planner.operations import Operation
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.sql.shown import gives_star

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_INSERT = re.compile(r'\bINSERT\s+INTO\s+(?P<into>[\w."]+|%\w)', re.IGNORECASE)
_ROW = r"\(*\s*(?:NEW|OLD|\$\d+)\s*\)*\s*\.\s*\*"
_COMPARED = re.compile(rf"{_ROW}\s*\)*\s*(?:=|<>|!=|\*=|\*<>|IS\s+(?:NOT\s+)?DISTINCT\s+FROM)\s*{_ROW}", re.IGNORECASE)
_SPREAD = re.compile(_ROW, re.IGNORECASE)
_WRAPPED = re.compile(rf"(?!(?:VALUES|ROW|SELECT|IN)\b)\b\w+\s*\(\s*{_ROW}\s*\)|{_ROW}\s*\)*\s*::\s*\w+", re.IGNORECASE)
_LAST = re.compile(rf"{_ROW}\s*\)?\s*$", re.IGNORECASE)
_STAR = r'\bSELECT\s+(?:DISTINCT\s+)?(?:[^;()]*,\s*)?(?:"?\w+"?\.)?\*(?:\s*,[^;()]*)?\s+FROM\b[^;()]*?(?<!\w){0}(?!\w)'
_GIVEN = r'\b(?:FROM|UPDATE)\s+(?:"?\w+"?\.)?"?{0}"?(?!\w)[^;]*\bRETURNING\s+(?:"?\w+"?\.)?\*'
_RETURN_QUERY = re.compile(r"\bRETURN\s+QUERY\s+(?!EXECUTE\b)([^;]*)", re.IGNORECASE)
_JSON = re.compile(r'\b(to_jsonb?|row_to_json|jsonb?_agg|hstore)\s*\(\s*"?(\w+)"?\s*(?:\.\s*\*)?\s*[,)]', re.IGNORECASE)


class _Use(Struct, frozen=True):
    """A program that rests on the shape of rows; `into` is the table into which it puts whole ones, at the end."""

    what: str
    into: str | None = None


def with_whole_rows(operation: Operation, outcome: Outcome, around: Surroundings) -> Outcome:
    """Raise CannotPlan, naming them, where programs rest on the shape of rows that a step changes; note weaker uses."""
    table, added = _reshaped(operation, around)
    if table is None:
        return outcome
    now = operation.before
    found = dict.fromkeys((*_uses(around.start, around.start.tables.get(table.name, table)), *_uses(now, table)))
    bad = [u.what for u in found if added is None or not _has_it_already(now, u, added)]
    bad += _held(now, table) if added is None else ()
    if bad:
        more = f", or give the other table column {quote_ident(added)} first" if added is not None else ""
        raise CannotPlan(
            f"{'; '.join(dict.fromkeys(bad))}: that fails, or mixes up columns, once {table.name} changes its columns",
            "in a migration of its own first, write the columns out where rows go elsewhere (VALUES (NEW.a, ...)), and"
            f" SELECT {quote_ident(table.name.name)}.* where rows of it are given{more}",
        )
    if added is not None:
        return outcome
    shown = dict.fromkeys(_shown(now, table))
    note = (
        f"{', '.join(shown)}: what it gives of whole rows of {table.name} has keys _ms_... (and both names of a renamed"
        " column) until purge"
    )
    return replace(outcome, notes=(*outcome.notes, note)) if shown else outcome


def _reshaped(operation: Operation, around: Surroundings) -> tuple[Table | None, str | None]:
    """Give the table that gets, loses or exchanges a column, and the name of one that only comes."""
    schema = operation.before
    match operation.action:
        case AlterTable(table=name, actions=(AddColumn(definition=definition),)):
            return schema.table(schema.resolve(name)), definition.column.name
        case AlterTable(table=name, actions=(AlterType(column=column),)):
            table = schema.resolve(name)
            return (schema.table(table), None) if column in around.of(around.converted, table) else (None, None)
        case AlterTable(table=name, actions=(DropColumn(),)) | RenameColumn(table=name, object="table"):
            return schema.table(schema.resolve(name)), None
        case _:
            return None, None


def _has_it_already(schema: Schema, use: _Use, column: str) -> bool:
    """Say whether whole rows go into a table that has a place for the new column, at its end: it may lack a value."""
    into = None if use.into is None else schema.tables.get(schema.resolve(_name(use.into)))
    return into is not None and bool(into.columns) and into.columns[-1].name == column


def _name(text: str) -> Name:
    *schema, name = text.replace('"', "").split(".")
    return Name(schema[0] if schema else None, name)


def _uses(schema: Schema, table: Table) -> Iterator[_Use]:
    called = {t.function: t for t in table.triggers if t.function is not None and t.enabled != "D"}
    for function in (f for fs in schema.functions.values() for f in fs if not f.of_extension):
        trigger = called.get(function.name)
        aliases = {trigger.old_table, trigger.new_table} - {None} if trigger is not None else set()
        body, names = _COMMENT.sub(" ", function.body), {table.name.name, *map(str, aliases)}
        of_row = [p.name for p in function.parameters if _is_row(schema, table, p.type)]
        for statement in body.split(";"):
            yield from _inserted(function, statement, names, {*of_row, *_variables(body, table)}, trigger is not None)
        if _is_mismatched(schema, function, table, body):
            yield _Use(f"{function.kind} {function.name} gives rows by the number and order of columns")
        if _is_cast(body, table):
            yield _Use(f"{function.kind} {function.name} writes a row of it value by value")


def _held(schema: Schema, table: Table) -> Iterator[str]:
    for other in schema.tables.values():
        for column in other.columns:
            if _is_row(schema, table, column.type):
                yield f"column {quote_ident(column.name)} of {other.name} holds rows of it"


def _is_row(schema: Schema, table: Table, type_name: TypeName) -> bool:
    found = known_type(schema, type_name)
    return found.name == table.name.name and found.schema == table.name.schema


def _variables(body: str, table: Table) -> Iterator[str]:
    """Give the variables that are declared as rows of a table."""
    row = re.compile(
        rf'(\w+)\s+(?:"?\w+"?\.)?"?{re.escape(table.name.name)}"?(?:%ROWTYPE)?\s*(?:;|:=|=)', re.IGNORECASE
    )
    yield from (m.group(1) for m in row.finditer(body))


def _inserted(
    function: Function, statement: str, names: Iterable[str], rows: Iterable[str], is_trigger: bool
) -> Iterator[_Use]:
    """Find an INSERT that takes whole rows as they come."""
    insert = _INSERT.search(statement)
    if insert is None:
        return
    rest = _WRAPPED.sub(" ", _COMPARED.sub(" ", statement[insert.end() :].rstrip().rstrip("'")))
    spread = is_trigger and _SPREAD.search(rest) is not None
    by_name = any(re.search(rf"(?<!\w){re.escape(r)}\s*\)*\s*\.\s*\*", rest, re.IGNORECASE) for r in rows if r)
    stars = (p.format(re.escape(n)) for n in names for p in (_STAR, _GIVEN))
    if spread or by_name or any(re.search(p, statement, re.IGNORECASE) for p in stars):
        into = insert.group("into")
        last = into if not into.startswith("%") and _LAST.search(rest) else None
        yield _Use(f"{function.kind} {function.name} puts whole rows into {into}", last)


def _is_mismatched(schema: Schema, function: Function, table: Table, body: str) -> bool:
    """Say whether a function gives rows of the table from columns one by one, or columns of its own from whole rows."""
    rows = function.returns is not None and _is_row(schema, table, function.returns)
    if not rows and not any(p.mode == "table" for p in function.parameters):
        return False
    if rows and function.parsed:
        return True
    queries = _RETURN_QUERY.findall(body) if function.language == "plpgsql" else [body]
    of = None if rows else table.name.name
    return function.language in ("sql", "plpgsql") and (not rows) in [gives_star(q, of) for q in queries]


def _is_cast(body: str, table: Table) -> bool:
    value = r"(?:ROW\s*\([^;]*?\)|'[^']*'|\([^()]*,[^()]*\))"
    name = rf'(?:"?\w+"?\.)?"?{re.escape(table.name.name)}"?(?![\w.])'
    return re.search(rf"{value}\s*::\s*{name}|CAST\s*\(\s*{value}\s+AS\s+{name}\s*\)", body, re.IGNORECASE) is not None


def _shown(schema: Schema, table: Table) -> Iterator[str]:
    """Give the functions that make JSON of whole rows."""
    called = {t.function for t in table.triggers}
    word = re.escape(table.name.name)
    for function in (f for fs in schema.functions.values() for f in fs if not f.of_extension):
        aliases = re.findall(
            rf'(?:FROM|JOIN)\s+(?:"?\w+"?\.)?"?{word}"?\s+(?:AS\s+)?(\w+)', function.body, re.IGNORECASE
        )
        names = {table.name.name, *aliases} if re.search(rf"(?<!\w){word}(?!\w)", function.body) else set()
        names |= {"NEW", "OLD", "new", "old"} if function.name in called else set()
        if any(m.group(2) in names for m in _JSON.finditer(function.body)):
            yield f"{function.kind} {function.name}"
