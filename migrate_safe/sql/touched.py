"""Which relations a program names, and how the server locks them when it checks the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.sql.expressions import functions_in
from migrate_safe.sql.names import name_of
from migrate_safe.sql.relations import range_vars, relations_in
from migrate_safe.sql.row_sources import only_among
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk

Touched = tuple[tuple[Name, LockMode], ...]
_WRITES = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
QUERIES = _WRITES | {"SelectStmt"}


def touched_by(messages: Iterable[Any]) -> Touched:
    """Give every relation that queries name with the mode that they need: by reading, row locking or writing."""
    found: dict[Name, LockMode] = {}
    for message in messages:
        for name, mode in _modes(message):
            found[name] = max(mode, found.get(name, mode))
    return tuple(found.items())


def _modes(message: Any) -> Iterator[tuple[Name, LockMode]]:
    for name in relations_in(message):
        yield name, LockMode.ACCESS_SHARE
    for part in walk(message):
        if kind_of(part) in _WRITES:
            yield name_of(part.relation), LockMode.ROW_EXCLUSIVE
        elif kind_of(part) == "SelectStmt" and part.locking_clause:
            yield from ((name, LockMode.ROW_SHARE) for name in _row_locked(part))


def _row_locked(select: Any) -> list[Name]:
    """Give the tables of FOR UPDATE and its kin: those that it names by alias, or else all of the FROM clause."""
    sources = [item for entry in select.from_clause for item in range_vars(inner(entry))]
    named = {inner(item).relname for clause in select.locking_clause for item in clause.locking_clause.locked_rels}
    return [name_of(s) for s in sources if not named or (s.alias.aliasname or s.relname) in named]


def relations_of(expression: str) -> frozenset[Name]:
    """Give the relations that the subqueries of an expression name."""
    return frozenset(n for query in queries_of(f"SELECT {expression}\n") for n in relations_in(query))


def functions_of(query: str) -> frozenset[Name]:
    """Give the functions that a query calls, as written; of text that does not parse there are none."""
    return frozenset().union(*map(functions_in, queries_of(query)))


def only_of(query: str) -> frozenset[Name]:
    """Give the relations that a query names behind ONLY alone, as written."""
    return frozenset(n for q in queries_of(query) for n in only_among(q))


def queries_of(body: str) -> tuple[Any, ...]:
    """Give the queries among the statements of an SQL body; of one that does not parse there are none."""
    try:
        trees = parse_tree(body)
    except Unreadable:
        return ()
    return tuple(tree.node for tree in trees if kind_of(tree.node) in QUERIES)
