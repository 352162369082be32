"""Comments that speak to this tool: `-- migrate-safe: VERB ARGUMENTS`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from msgspec import Struct

from migrate_safe.model.statement import Directive, DoBlock, Statement
from migrate_safe.sql.lexer import Token
from migrate_safe.sql.places import Places

_DIRECTIVE = re.compile(
    r"^[ \t]*(?:--+|/\*+|\*)?[ \t]*"
    r"(?P<head>migrate-safe:|(?i:migrate[-_ ]?safe)[ \t]*:?(?=[ \t]*(?i:ignore(?:-file)?|old-app-keeps)(?![-\w])))"
    r"[ \t]*(?P<verb>[^\s*]*)[ \t]*(?P<arguments>[^\r\n]*)",
    re.MULTILINE,
)
"""The name as it must be; where a verb that is known follows, also as it is misspelt."""
_COMPOUND = re.compile(r"(?:\s|--[^\r\n]*|/\*.*?\*/)*(?:if|for|foreach|while|loop|case|begin|<<)\b", re.I | re.S)
"""What begins a statement of PL/pgSQL that holds others."""


def directives_of(
    text: str, places: Places, comments: Sequence[Token], statements: Sequence[Statement]
) -> tuple[Directive, ...]:
    """Read the directives of a file and tie each to its statement.

    A directive belongs to the statement that it stands within or behind on the same line, else to the next one. At
    the end of a file it belongs to none: its `statement` is the number of statements. A verb that ends in `-file`
    speaks of the whole file. Inside a DO block the same goes for the statements of its body; before an IF or a loop
    it speaks of the rest of the block.
    """
    found = []
    for comment in sorted(comments, key=lambda token: token.start):
        for said in _read(text, comment):
            place = None if said.verb.endswith("-file") else _statement_at(places, statements, said.start)
            meant = statements[place] if place is not None and place < len(statements) else None
            lines = _lines_within(text, places, meant, said) if meant is not None else None
            span = places.span(said.start, said.end)
            at = said.verb_at - said.start, said.arguments_at - said.start
            found.append(Directive(said.verb, said.arguments, span, place, *at, lines, said.head))
    return tuple(found)


class _Said(Struct, frozen=True):
    """One directive, with offsets into the text."""

    start: int
    end: int
    verb_at: int
    verb: str
    arguments_at: int
    arguments: str
    head: str


def _read(text: str, comment: Token) -> Iterator[_Said]:
    """Yield each directive in a comment."""
    body = text[comment.start : comment.end]
    for found in _DIRECTIVE.finditer(body):
        arguments = found.group("arguments").removesuffix("*/").rstrip()
        base = comment.start
        yield _Said(
            start=base + found.start() + len(found.group()) - len(found.group().lstrip()),
            end=base + found.end(),
            verb_at=base + found.start("verb"),
            verb=found.group("verb"),
            arguments_at=base + found.start("arguments"),
            arguments=arguments,
            head=found.group("head"),
        )


def _statement_at(places: Places, statements: Sequence[Statement], offset: int) -> int:
    line = places.position(offset)[0]
    index = bisect_right(statements, offset, key=lambda statement: statement.span.end)
    is_behind = index > 0 and statements[index - 1].span.end_line == line
    if is_behind and (index == len(statements) or statements[index].span.start >= offset):
        return index - 1
    return index


def _lines_within(text: str, places: Places, statement: Statement, said: _Said) -> tuple[int, int] | None:
    """Give the lines that a directive inside a DO block speaks of, None outside of one."""
    block, whole = statement.action, statement.span
    if not isinstance(block, DoBlock) or not whole.start < said.start < whole.end:
        return None
    inner = sorted((s for s in block.inner if s.span != whole), key=lambda s: s.span.end)
    index = _statement_at(places, inner, said.start)
    if index == len(inner):
        return (whole.end_line, whole.end_line)
    meant = inner[index].span
    compound = meant.start > said.end and _COMPOUND.match(text, said.end)
    return (meant.line, whole.end_line if compound else meant.end_line)
