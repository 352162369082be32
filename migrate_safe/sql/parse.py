"""Text to values: files, statements, expressions.

A statement's text starts at its first token and ends at its last one: comments before it and the semicolon behind it
are left out, so that `source.text[span.start:span.end] == statement.text`. Offsets count characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from msgspec import Struct

from migrate_safe.model.errors import UsageError
from migrate_safe.model.framework import Runner
from migrate_safe.model.schema import Expr
from migrate_safe.model.source import Source
from migrate_safe.model.statement import (
    Action,
    Direction,
    DoBlock,
    PsqlCommand,
    Script,
    Statement,
    Unparsed,
    Unread,
    Wrapping,
)
from migrate_safe.model.values import replace
from migrate_safe.sql.blocks import comments_in_blocks, do_block
from migrate_safe.sql.directives import directives_of
from migrate_safe.sql.expressions import expr_of, is_star
from migrate_safe.sql.lexer import Kind, Token, starts_line
from migrate_safe.sql.markers import Markers, markers_of, units_of
from migrate_safe.sql.pieces import Piece, PieceKind, cut, cuts_in, read_piece
from migrate_safe.sql.places import BOM, Places, places_of
from migrate_safe.sql.statements import action_of
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk

_TEMPLATE = re.compile(r"\{\{|\$\{|<%|\{%")
MAX_CUTS = 20
"""Places tried to find the statements behind an unclosed quote."""
MOST = 20_000
"""Statements of a file that are read: enough for any migration, and what is judged in seconds."""
KEPT = 1_000
"""Texts whose meaning is remembered while a file is read, for those that repeat."""


def parse_script(
    source: Source, *, wrapping: Wrapping | None = None, runner: Runner | None = None, most: int | None = None
) -> Script:
    """Parse a migration file; every statement of it becomes a value, none is lost.

    `runner` is what files around it say of how it runs, `wrapping` overrides that and all marks in it. Behind so many
    as `most` the next statement stands for all the rest, as Unread. Raises UsageError for text that cannot be sent to
    a server at all: a NUL, or a lone surrogate left by a wrong decoding.
    """
    places = _checked(source.text, source.path)
    read = _read(source.text, places, most)
    alone = (c for c in read.comments if c.kind is Kind.LINE_COMMENT and starts_line(source.text, c.start))
    remarks = [(c.start, source.text[c.start : c.end]) for c in alone]
    markers = markers_of(source.path, remarks, runner)
    directed = tuple(_directed(s, markers) for s in read.statements)
    statements, units = units_of(markers, directed, runner) if wrapping is None else (directed, ())
    first = next((s.unit for s in statements if s.direction is Direction.UP), 0)
    return Script(
        source=source,
        statements=statements,
        directives=directives_of(source.text, places, (*read.comments, *comments_in_blocks(statements)), statements),
        wrapping=wrapping or (units[first].wrapping if units else Wrapping.STATEMENT),
        markers=markers.names,
        framework=markers.framework,
        units=units,
        held=runner is not None and runner.holds and markers.framework is runner.framework,
    )


def _directed(statement: Statement, markers: Markers) -> Statement:
    way = markers.section_at(statement.span.start).direction
    if way is statement.direction:
        return statement
    action = statement.action
    if isinstance(action, DoBlock):
        action = replace(action, inner=tuple(replace(inner, direction=way) for inner in action.inner))
    return replace(statement, action=action, direction=way)


def parse_statements(text: str, file: str = "<sql>") -> tuple[Statement, ...]:
    """Parse a text into statements, without regard to runners and directives; errors as of parse_script."""
    return _read(text, _checked(text, file)).statements


def parse_expression(text: str) -> Expr:
    """Parse one scalar expression; raise UsageError when the text is anything else, or has a parameter."""
    _checked(text, "<expression>")
    try:
        trees = parse_tree(f"SELECT {text}\n")
    except Unreadable as refusal:
        raise UsageError(f'"{text}" is not an expression: {refusal.reason}', next_move="correct it") from None
    target = _only_target(trees[0].node) if len(trees) == 1 else None
    if target is None or any(kind_of(part) == "ParamRef" for part in walk(target)):
        raise UsageError(f'"{text}" is not a single expression', next_move="give one expression, as in a DEFAULT")
    return expr_of(target.val)


def _only_target(select: Any) -> Any:
    """Give the one unnamed output of a SELECT that has nothing else, None for any other statement."""
    plain = {field.name for field, _ in select.ListFields()} == {"target_list", "limit_option", "op"}
    if not plain or len(select.target_list) != 1:
        return None
    target = select.target_list[0].res_target
    return None if target.name or is_star(inner(target.val)) else target


class _Read(Struct, frozen=True):
    statements: tuple[Statement, ...]
    comments: tuple[Token, ...]


def _read(text: str, places: Places, most: int | None = None) -> _Read:
    statements: list[Statement] = []
    comments: list[Token] = []
    known: dict[str, Action] = {}
    position = 1 if text.startswith(BOM) else 0
    while position < len(text):
        piece = read_piece(text, position)
        if most is not None and len(statements) >= most and piece.kind is not PieceKind.NOTHING:
            statements.append(_statement(text, places, piece.start, piece.end, _rest(places, piece, most)))
            break
        if piece.kind is PieceKind.SQL:
            piece, found = _statements_of(text, places, piece, known)
            statements += found
        elif piece.kind is PieceKind.PSQL:
            statements.append(_statement(text, places, piece.start, piece.end, _psql(text[piece.start : piece.end])))
        comments += piece.comments
        position = piece.after
    return _Read(tuple(statements), tuple(comments))


def _rest(places: Places, piece: Piece, most: int) -> Unread:
    line = places.position(piece.start)[0]
    return Unread(
        f"the file has more than {most:,} statements, and of what comes from line {line} on nothing was read"
        " (load data with COPY, or split the file)"
    )


def _statements_of(text: str, places: Places, piece: Piece, known: dict[str, Action]) -> tuple[Piece, list[Statement]]:
    """Parse a piece; one that is no statement is cut where statements are seen behind it.

    `known` are single statements by their texts, so that those that repeat are parsed once.
    """
    whole = text[piece.start : piece.end]
    if whole in known:
        return piece, [_statement(text, places, piece.start, piece.end, known[whole])]
    try:
        found = list(_parsed(text, places, piece))
        if len(found) == 1 and not isinstance(found[0].action, DoBlock) and len(known) < KEPT:
            known[whole] = found[0].action
        return piece, found
    except Unreadable as refusal:
        shorter = _shorter(text, piece)
        if shorter is not None:
            return _statements_of(text, places, shorter, known)
        template = _TEMPLATE.search(text, piece.start, piece.end) is not None
        action = _unparsed(refusal, places, piece, template=template)
        return piece, [_statement(text, places, piece.start, piece.end, action)]


def _parsed(text: str, places: Places, piece: Piece) -> Iterator[Statement]:
    trees = parse_tree(text[piece.start : piece.end])
    for tree in trees:
        alone = len(trees) == 1
        start = piece.start if alone else piece.start + tree.start
        end = piece.end if alone or tree.end is None else piece.start + tree.end
        if kind_of(tree.node) == "DoStmt":
            yield _statement(
                text, places, start, end, do_block(tree.node, (start, end), text, places, parse_statements)
            )
        else:
            yield _statement(text, places, start, end, action_of(tree.node))


def _shorter(text: str, piece: Piece) -> Piece | None:
    """Cut a piece that does not parse at the first place behind which a statement stands."""
    for place in islice(cuts_in(text, piece), MAX_CUTS):
        behind = read_piece(text, place)
        if behind.kind is PieceKind.SQL and behind.end > behind.start and _parses(text[behind.start : behind.end]):
            return cut(piece, text, place)
    return None


def _parses(text: str) -> bool:
    try:
        return bool(parse_tree(text))
    except Unreadable:
        return False


def _statement(text: str, places: Places, start: int, end: int, action: Action) -> Statement:
    return Statement(text[start:end], places.span(start, end), action)


def _unparsed(refusal: Unreadable, places: Places, piece: Piece, *, template: bool) -> Unparsed:
    if refusal.offset is None:
        return Unparsed(refusal.reason)
    line, column = places.position(min(piece.start + refusal.offset, piece.end))
    hint = "; a template is no SQL: render it first" if template else ""
    return Unparsed(f"{refusal.reason} (line {line}, column {column}){hint}")


def _psql(line: str) -> PsqlCommand:
    command, _, argument = line[1:].partition(" ")
    return PsqlCommand(command.rstrip(), argument.strip())


def _checked(text: str, file: str) -> Places:
    """Index the lines of a text that a server can be sent; raise UsageError for any other."""
    places = places_of(text, file)
    nul = text.find("\0")
    if nul >= 0:
        raise _bad_text(places, nul, "text contains a NUL character", "remove it: PostgreSQL text cannot hold it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _bad_text(places, error.start, "text is not valid Unicode", "save the file as UTF-8") from None
    return places


def _bad_text(places: Places, offset: int, message: str, next_move: str) -> UsageError:
    return UsageError(message, next_move=next_move, place=f"{places.file}:{places.position(offset)[0]}")
