"""Which relations a query names, by the scoping rules of WITH."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_safe.model.names import Name
from migrate_safe.sql.names import name_of
from migrate_safe.sql.tree import LEAVES, fields, inner, kind_of

_NOT_READ = frozenset({"IntoClause", "WithClause", "LockingClause"})
# A data statement's target is a table even where a CTE has its name.
_TARGETS = frozenset((kind, "relation") for kind in ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"))


def relations_in(message: Any) -> tuple[Name, ...]:
    """Give every relation that a message names, in order of first mention; CTEs are not relations.

    The targets of INSERT, UPDATE, DELETE and MERGE anywhere inside count as named.
    """
    return tuple(dict.fromkeys(name_of(relation) for relation in range_vars(message)))


def range_vars(message: Any, *, without: frozenset[str] = frozenset()) -> Iterator[Any]:
    """Yield the RangeVars below a message that are not references to a CTE in scope, nor inside kinds left out."""
    stack: list[tuple[Any, frozenset[str]]] = [(message, frozenset())]
    while stack:
        part, known = stack.pop()
        if kind_of(part) == "RangeVar":
            if part.schemaname or part.relname not in known:
                yield part
            continue
        if kind_of(part) in LEAVES:
            continue
        below: list[tuple[Any, frozenset[str]]] = []
        if "with_clause" in part.DESCRIPTOR.fields_by_name and part.HasField("with_clause"):
            below += _with(part.with_clause, known)
            known |= {inner(item).ctename for item in part.with_clause.ctes}
        for field, child in fields(part):
            if kind_of(child) not in _NOT_READ | without:
                below.append((child, frozenset() if (kind_of(part), field) in _TARGETS else known))
        stack.extend(reversed(below))


def _with(clause: Any, known: frozenset[str]) -> list[tuple[Any, frozenset[str]]]:
    """Give each query of a WITH clause with the names it sees: those before it, with RECURSIVE all of them."""
    names = [inner(item).ctename for item in clause.ctes]
    return [
        (inner(inner(item).ctequery), known | frozenset(names if clause.recursive else names[:index]))
        for index, item in enumerate(clause.ctes)
    ]
