"""The types, functions and collations that a statement needs to find, as the grammar of the newest server reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.sql.names import dotted
from migrate_safe.sql.tree import LEAVES, Unreadable, fields, inner, kind_of, parse_tree

_CHECKED = frozenset(
    """
    AlterDomainStmt AlterPolicyStmt AlterTableStmt CompositeTypeStmt CopyStmt CreateDomainStmt CreateForeignTableStmt
    CreateFunctionStmt CreatePolicyStmt CreateRangeStmt CreateStatsStmt CreateStmt CreateTableAsStmt CreateTrigStmt
    DeclareCursorStmt DeleteStmt ExplainStmt IndexStmt InsertStmt MergeStmt PrepareStmt RuleStmt SelectStmt UpdateStmt
    ViewStmt
    """.split()
)
"""Statements that look up every name of these kinds that stands in them, and make none of them."""
_MAKES_SHELLS = frozenset({"c", "internal"})
"""Languages in which a function may return a type that does not exist yet."""


class Mentions(Struct, frozen=True):
    """Names as written; those that the parser itself spells in full (`pg_catalog.int4`) are left out.

    `labels` are the names that the statement gives to what its queries show.
    """

    types: tuple[Name, ...] = ()
    functions: tuple[Name, ...] = ()
    collations: tuple[Name, ...] = ()
    labels: frozenset[str] = frozenset()


def mentions_of(sql: str) -> Mentions:
    """Give what one statement mentions; nothing of statements that make such objects, drop or only point at them."""
    try:
        trees = parse_tree(sql)
    except Unreadable:
        return Mentions()
    parts = [p for tree in trees if kind_of(tree.node) in _CHECKED for p in _parts(tree.node)]
    return Mentions(
        types=_named(dotted(p.names) for p in parts if kind_of(p) == "TypeName" and not p.pct_type),
        functions=_named(dotted(p.funcname) for p in parts if kind_of(p) == "FuncCall"),
        collations=_named(dotted(name) for p in parts for name in _collations(p)),
        labels=frozenset(p.name for p in parts if kind_of(p) == "ResTarget"),
    )


def _named(names: Iterable[Name]) -> tuple[Name, ...]:
    return tuple(n for n in dict.fromkeys(names) if n.name and n.schema != "pg_catalog")


def _collations(part: Any) -> Iterator[Any]:
    if kind_of(part) == "CollateClause":
        yield part.collname
    if kind_of(part) == "IndexElem":
        yield part.collation


def _parts(message: Any) -> Iterator[Any]:
    """Yield a message and those below it, but for options, whose words the grammar reads as types."""
    stack = [message]
    while stack:
        part = stack.pop()
        yield part
        if kind_of(part) not in LEAVES:
            stack += [child for name, child in fields(part) if not _is_left_out(part, name, child)][::-1]


def _is_left_out(part: Any, name: str, child: Any) -> bool:
    if kind_of(child) == "DefElem":
        return kind_of(part) != "CreateRangeStmt" or child.defname != "subtype"
    return name == "return_type" and kind_of(part) == "CreateFunctionStmt" and _language(part) in _MAKES_SHELLS


def _language(node: Any) -> str:
    given = (inner(option) for option in node.options)
    return next((str(inner(o.arg).sval).lower() for o in given if o.defname == "language"), "")
