"""The one way to libpg_query: text to protobuf tree and back.

postgast reads protobuf messages only about a hundred levels deep; statements of ORMs and generated ones go deeper,
so a refused message is read again without that limit. libpg_query itself recurses on the C stack and would
end the process on chains of some ten thousand operators, so such statements are refused before it sees them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError
from msgspec import Struct
from postgast import PgQueryError, deparse, parse
from postgast import pg_query_pb2 as pb

from migrate_safe.sql.lexer import BLANK, Kind, tokens
from migrate_safe.sql.places import characters

MAX_DEPTH = 5_000
"""Levels of one chain of operators, joins or set operations that are read."""
MAX_DEPARSED_DEPTH = 1_000
"""Levels that are written back as canonical text; deeper expressions keep their text."""

_OPERATORS = re.compile(rf"[~!@#^&|`?+\-*/%<>=]{{{2 * MAX_DEPTH},}}")
"""Text that the server's scanner goes through once more for each comment that opens in it."""
_BYTES_OF_A_LEVEL = 4
"""The least that a message inside another one takes: a tag and a length for it and for the Node around it."""
_FIELD_OF = {field.message_type.name: field.name for field in pb.Node.DESCRIPTOR.fields}
LEAVES = frozenset({"A_Const", "String", "Integer", "Float", "TypeName", "RangeVar", "ParamRef", "SetToDefault"})
"""Messages inside which nothing is looked for."""


class Unreadable(Exception):
    """The parser's reason to refuse a text, and the character at which it stopped (None: unknown)."""

    def __init__(self, reason: str, offset: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class Tree(Struct, frozen=True):
    """A raw statement with its place in the text given, in characters; `end` is None up to the end of the text."""

    node: Any
    start: int
    end: int | None


def parse_tree(text: str) -> tuple[Tree, ...]:
    """Parse a text into its raw statements; raise Unreadable with the parser's reason.

    Raises Unreadable also for what is nested too deeply to be read.
    """
    if len(text) > MAX_DEPTH and _chain(text) > MAX_DEPTH:
        raise Unreadable(f"nested more than {MAX_DEPTH} levels deep")
    if len(text) > MAX_DEPTH and any(run.group().count("/*") > MAX_DEPTH for run in _OPERATORS.finditer(text)):
        raise Unreadable(f"comments nested more than {MAX_DEPTH} levels deep")
    try:
        result = _parse(text)
    except PgQueryError as error:
        raise Unreadable(error.message, characters(text, error.cursorpos - 1) if error.cursorpos else None) from None
    return tuple(
        Tree(
            inner(raw.stmt),
            characters(text, raw.stmt_location),
            characters(text, raw.stmt_location + raw.stmt_len) if raw.stmt_len else None,
        )
        for raw in result.stmts
    )


def inner(node: Any) -> Any:
    """Give the message inside a Node wrapper."""
    which = node.WhichOneof("node")
    return getattr(node, which) if which is not None else node


def kind_of(message: Any) -> str:
    """Give the grammar's name of a message, e.g. `CreateStmt`."""
    return type(message).__name__


def fields(message: Any) -> list[tuple[str, Any]]:
    """Give the messages directly inside a message with their fields' names, without Node wrappers."""
    found = []
    for field, value in message.ListFields():
        shape = _shape(field)
        if shape is None:
            continue
        items = value if shape.repeated else (value,)
        found += [(shape.name, inner(item) if shape.wrapped else item) for item in items]
    return found


class _Shape(NamedTuple):
    """What a field of messages is: many of them, each in a Node."""

    name: str
    repeated: bool
    wrapped: bool


@cache
def _shape(field: Any) -> _Shape | None:
    """Give the shape of a field, None where it holds no message; there are some thousand fields, and asking is slow."""
    kind = field.message_type
    return None if kind is None else _Shape(field.name, field.is_repeated, kind.name == "Node")


def children(message: Any) -> list[Any]:
    """Give the messages directly inside a message, without Node wrappers."""
    return [child for _, child in fields(message)]


def walk(message: Any) -> Iterator[Any]:
    """Yield a message and every message below it, parents first; depth costs no Python stack.

    Constants, types and names are yielded, what is inside them is not.
    """
    stack = [message]
    while stack:
        current = stack.pop()
        yield current
        if kind_of(current) not in LEAVES:
            stack += children(current)[::-1]


def depth(message: Any) -> int:
    """Count the levels of messages below a message."""
    level, current = 0, [message]
    while current:
        level += 1
        current = [child for parent in current for child in children(parent)]
    return level


def is_deep(message: Any, levels: int) -> bool:
    """Say whether there are more than so many levels of messages below a message."""
    return message.ByteSize() > _BYTES_OF_A_LEVEL * levels and depth(message) > levels


def write(statement: Any) -> str:
    """Write a statement (a Node or what is in it) as canonical SQL.

    Raises Unreadable when it is too deep or has no written form.
    """
    statement = inner(statement) if kind_of(statement) == "Node" else statement
    if is_deep(statement, MAX_DEPARSED_DEPTH):
        raise Unreadable(f"nested more than {MAX_DEPARSED_DEPTH} levels deep")
    result = pb.ParseResult()
    # Copied into place: a message passed to a constructor is read again, with the limit on its depth.
    getattr(result.stmts.add().stmt, _FIELD_OF[kind_of(statement)]).CopyFrom(statement)
    try:
        return str(deparse(result))
    except PgQueryError as error:
        raise Unreadable(error.message) from None


def _parse(text: str) -> pb.ParseResult:
    try:
        return parse(text)
    except DecodeError:
        pass
    with _deep_messages():
        return parse(text)


@contextmanager
def _deep_messages() -> Iterator[None]:
    """Let protobuf read messages of any depth for a moment; the switch is global to the process."""
    if api_implementation.Type() == "upb":
        from google._upb import _message as upb

        upb.SetAllowOversizeProtos(True)
        try:
            yield
        finally:
            upb.SetAllowOversizeProtos(False)
        return
    from google.protobuf.internal import decoder

    before = sys.getrecursionlimit()
    decoder.SetRecursionLimit(8 * MAX_DEPTH)
    sys.setrecursionlimit(max(before, 32 * MAX_DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
        decoder.SetRecursionLimit(100)


_FLAT = frozenset({"and", "or", "when", "then", "else"})
_NESTING = frozenset({"join", "union", "intersect", "except"})


def _chain(text: str) -> int:
    """Estimate from above how deep the grammar's left-recursive chains go.

    Right-recursive nesting needs no guard: bison's own stack ends at 10,000 and says so.
    """
    longest, levels = 0, [[0, 0]]
    for token in tokens(text):
        if token.kind in BLANK:
            continue
        if token.kind is Kind.OPEN:
            levels.append([0, 0])
        elif token.kind is Kind.CLOSE and len(levels) > 1:
            levels.pop()
        word = text[token.start : token.end].lower() if token.end - token.start < 10 else ""
        level = levels[-1]
        if word == "," or word in _FLAT:
            level[0] = 0
        elif word in _NESTING:
            level[1] += 1
        else:
            level[0] += 1
        longest = max(longest, level[0] // 2, level[1])
    return longest
