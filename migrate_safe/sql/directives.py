"""Comments that speak to this tool: `-- migrate-safe: VERB ARGUMENTS`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrate_safe.model.statement import Directive, Statement
from migrate_safe.sql.lexer import Token
from migrate_safe.sql.places import Places

_DIRECTIVE = re.compile(
    r"^[ \t]*(?:--+|/\*+|\*)?[ \t]*migrate-safe:[ \t]*(?P<verb>[^\s*]*)[ \t]*(?P<arguments>[^\r\n]*)", re.MULTILINE
)


def directives_of(
    text: str, places: Places, comments: Sequence[Token], statements: Sequence[Statement]
) -> tuple[Directive, ...]:
    """Read the directives of a file and tie each to its statement.

    A directive belongs to the statement that it stands within or behind on the same line, else to the next one. At
    the end of a file it belongs to none: its `statement` is the number of statements. A verb that ends in `-file`
    speaks of the whole file.
    """
    found = []
    for comment in sorted(comments, key=lambda token: token.start):
        for said in _read(text, comment):
            place = None if said.verb.endswith("-file") else _statement_at(places, statements, said.start)
            span = places.span(said.start, said.end)
            at = said.verb_at - said.start, said.arguments_at - said.start
            found.append(Directive(said.verb, said.arguments, span, place, *at))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Said:
    """One directive, with offsets into the text."""

    start: int
    end: int
    verb_at: int
    verb: str
    arguments_at: int
    arguments: str


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
        )


def _statement_at(places: Places, statements: Sequence[Statement], offset: int) -> int:
    line = places.position(offset)[0]
    index = bisect_right(statements, offset, key=lambda statement: statement.span.end)
    is_behind = index > 0 and statements[index - 1].span.end_line == line
    if is_behind and (index == len(statements) or statements[index].span.start >= offset):
        return index - 1
    return index
