"""DO blocks: the statements inside, each at its place in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from postgast import pg_query_pb2 as pb

from migrate_safe.model.names import quote_ident, quote_literal
from migrate_safe.model.statement import CreateTable, CreateView, Dml, DoBlock, Other, Statement
from migrate_safe.model.values import replace
from migrate_safe.sql.lexer import COMMENTS, Kind, Token, tokens
from migrate_safe.sql.names import dotted, option_text, options, strings
from migrate_safe.sql.places import Places
from migrate_safe.sql.plpgsql import Item, ItemKind, body_of
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree

ParseText = Callable[[str], tuple[Statement, ...]]
"""Parses SQL text that stands in no file."""


_FORMAT = re.compile(r"%(.)", re.DOTALL)


class _Body(Struct):
    """A body in its file: where the rest of it is looked at; `start` is None where its text is not the file's."""

    text: str
    start: int | None
    lines: tuple[int, ...]
    position: int = 0

    def find(self, item: Item) -> tuple[int, int] | None:
        """Find an item's range in the file, from the last one on; the parser blanks the INTO of a statement."""
        if self.start is None:
            return None
        head = "PERFORM" if item.kind is ItemKind.PERFORM else ""
        wanted = item.sql[len("SELECT") :] if head else item.sql
        line_start = self.lines[item.line - 1] if 0 < item.line <= len(self.lines) else 0
        for origin in (max(self.position, line_start), line_start):
            place = _search(self.text, wanted, origin)
            if place is not None:
                self.position = place + len(wanted)
                return self.start + place - len(head), self.start + self.position
        return None


def do_block(node: Any, place: tuple[int, int], text: str, places: Places, parse: ParseText) -> DoBlock:
    """Read a DoStmt that stands at `place` in the file's text.

    `inner` holds its static SQL, also what EXECUTE runs from literals, and expressions that read tables or call
    functions. What is put together at run time is named in `opaque`. A statement whose text is not found in the
    file as such (in a body with doubled quotes) has the place of the block.
    """
    given = options(node.args)
    language = option_text(given["language"]).lower() if "language" in given else "plpgsql"
    content = option_text(given["as"]) if "as" in given else ""
    if language != "plpgsql":
        return DoBlock(language, content, opaque=f"written in {language}")
    try:
        read = body_of(f"DO {quote_literal(content)}")
    except Unreadable as refusal:
        return DoBlock(language, content, opaque=f"the body does not parse: {refusal.reason}")
    lines = (0, *(found.end() for found in re.finditer("\n", content)))
    body = _Body(content, _body_start(text, place, content), lines)
    found: list[Statement] = []
    opaque: list[str] = []
    for item in read.items:
        where = body.find(item)
        sql = _static_sql(item, read.constants)
        if sql is None:
            opaque.append(f"EXECUTE {_shown(item.sql.strip())}")
            continue
        for statement in _wanted(item, parse(sql)):
            span = places.span(*_place_within(text, item, sql, where, statement) if where else place)
            found.append(replace(statement, text=text[span.start : span.end], span=span))
    return DoBlock(language, content, tuple(found), "; ".join(opaque) or None, read.conditional, read.raises)


def trigger_block(body: str, parse: ParseText) -> DoBlock:
    """Read the PL/pgSQL body of a trigger function as a block; its statements stand in no file.

    NEW and OLD are given to the parser as parameters: of those that it makes for a trigger it writes no tree.
    """
    return replace(routine_block("f(new record, old record) RETURNS record", body, parse), conditional=False)


def routine_block(header: str, body: str, parse: ParseText) -> DoBlock:
    """Read the PL/pgSQL body of a function as a block; its statements stand in no file.

    `header` are its name, parameters and result as CREATE FUNCTION has them: the parser knows no other variables.
    """
    try:
        whole = body_of(f"CREATE FUNCTION {header} LANGUAGE plpgsql AS {quote_literal(body)}")
    except Unreadable as refusal:
        return DoBlock("plpgsql", body, opaque=f"the body does not parse: {refusal.reason}")
    read = [(item, _static_sql(item, whole.constants)) for item in whole.items]
    opaque = [f"EXECUTE {_shown(item.sql.strip())}" for item, sql in read if sql is None]
    found = tuple(s for item, sql in read if sql is not None for s in _wanted(item, parse(sql)))
    return DoBlock("plpgsql", body, found, "; ".join(opaque) or None, whole.conditional, whole.raises)


def _shown(sql: str, limit: int = 200) -> str:
    return sql if len(sql) <= limit else f"{sql[:limit]}..."


def comments_in_blocks(statements: Iterable[Statement]) -> Iterator[Token]:
    """Yield the comments inside the bodies of DO blocks, at their places in the file."""
    for statement in statements:
        if isinstance(statement.action, DoBlock) and (body := statement.action.body) in statement.text:
            start = statement.span.start + statement.text.index(body)
            yield from (Token(t.kind, start + t.start, start + t.end) for t in tokens(body) if t.kind in COMMENTS)


def _body_start(text: str, place: tuple[int, int], content: str) -> int | None:
    """Find where the body starts in the file, None when its quotes changed it."""
    for token in tokens(text[: place[1]], place[0]):
        if token.kind is Kind.DOLLAR:
            opened = text.index("$", token.start + 1) + 1
        elif token.kind is Kind.STRING:
            opened = text.index("'", token.start) + 1
        else:
            continue
        if text.startswith(content, opened) and token.end - opened - len(content) == opened - token.start:
            return opened
    return None


def _search(text: str, wanted: str, origin: int) -> int | None:
    """Find a text in which blanks may stand for anything: for the INTO that the parser took out."""
    if (exact := text.find(wanted, origin)) >= 0:
        return exact
    head, gap, _ = wanted.partition("  ")
    place = text.find(head, origin) if gap and head else -1
    while place >= 0:
        if _equal_but_for_blanks(text[place : place + len(wanted)], wanted):
            return place
        place = text.find(head, place + 1)
    return None


def _equal_but_for_blanks(there: str, wanted: str) -> bool:
    return len(there) == len(wanted) and all(a == b or b == " " for a, b in zip(there, wanted, strict=True))


def _static_sql(item: Item, constants: Mapping[str, str]) -> str | None:
    """Give the SQL that an item runs, None when it is only known at run time."""
    match item.kind:
        case ItemKind.EXPRESSION:
            return f"SELECT {item.sql}"
        case ItemKind.DYNAMIC:
            return _folded(item.sql, constants)
        case _:
            return item.sql


def _wanted(item: Item, statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Leave out expressions that touch nothing outside the block."""
    statements = tuple(map(_without_scopes, statements))
    if item.kind is not ItemKind.EXPRESSION:
        return statements
    return tuple(s for s in statements if isinstance(s.action, Dml) and (s.action.reads or s.action.functions))


def _without_scopes(statement: Statement) -> Statement:
    """Forget which columns a statement names: a name may be that of a variable."""
    action = statement.action
    if isinstance(action, Dml | CreateTable | CreateView):
        return replace(statement, action=replace(action, scopes=()))
    if isinstance(action, Other):
        return replace(statement, action=replace(action, inner=tuple(map(_without_scopes, action.inner))))
    return statement


def _place_within(text: str, item: Item, sql: str, where: tuple[int, int], statement: Statement) -> tuple[int, int]:
    """Give the place of a statement of an EXECUTE literal where the literal shows it, else that of the literal."""
    if item.kind is ItemKind.DYNAMIC and (base := text.find(sql, *where)) >= 0:
        return base + statement.span.start, base + statement.span.end
    return where


def _folded(expression: str, constants: Mapping[str, str]) -> str | None:
    """Give the value of a string expression of constants: literals, variables that keep theirs, `||`, format()."""
    node = _expression(expression)
    known = {name: _expression(text) for name, text in constants.items()} if node is not None else {}
    try:
        values = {name: _value(found, {}) for name, found in known.items() if found is not None}
        return _value(node, values)
    except RecursionError:
        return None


def _expression(text: str) -> Any:
    try:
        trees = parse_tree(f"SELECT {text}")
    except Unreadable:
        return None
    if len(trees) != 1 or kind_of(trees[0].node) != "SelectStmt" or len(trees[0].node.target_list) != 1:
        return None
    return inner(trees[0].node.target_list[0].res_target.val)


def _value(node: Any, known: Mapping[str, str | None]) -> str | None:
    match kind_of(node) if node is not None else "":
        case "A_Const" if node.HasField("sval"):
            return str(node.sval.sval)
        case "TypeCast":
            return _value(inner(node.arg), known)
        case "ColumnRef" if len(node.fields) == 1 and kind_of(inner(node.fields[0])) == "String":
            return known.get(inner(node.fields[0]).sval)
        case "A_Expr" if node.kind == pb.AEXPR_OP and strings(node.name) == ("||",) and node.HasField("lexpr"):
            left, right = _value(inner(node.lexpr), known), _value(inner(node.rexpr), known)
            return None if left is None or right is None else left + right
        case "FuncCall" if dotted(node.funcname).name in ("format", "quote_ident", "quote_literal") and node.args:
            values = [_value(inner(argument), known) for argument in node.args]
            given = [value for value in values if value is not None]
            return _called(dotted(node.funcname).name, given) if None not in values else None
        case _:
            return None


def _called(function: str, values: list[str]) -> str | None:
    if function == "format":
        return _formatted(values)
    return quote_ident(values[0]) if function == "quote_ident" else quote_literal(values[0])


def _formatted(values: list[str]) -> str | None:
    """Apply format() to constants; positions and widths are not understood."""
    template, *arguments = values
    write: dict[str, Callable[[str], str]] = {"s": str, "I": quote_ident, "L": quote_literal}
    parts = _FORMAT.split(template)
    result, rest = [parts[0]], iter(arguments)
    for letter, text in zip(parts[1::2], parts[2::2], strict=True):
        argument = "%" if letter == "%" else next(rest, None)
        if argument is None or (letter != "%" and letter not in write):
            return None
        result += [argument if letter == "%" else write[letter](argument), text]
    return "".join(result)
