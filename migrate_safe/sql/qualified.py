"""Which columns of which relations a query certainly names, by its text alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from migrate_safe.model.names import Name
from migrate_safe.model.schema import STAR
from migrate_safe.sql.expressions import is_star
from migrate_safe.sql.names import name_of, strings
from migrate_safe.sql.tree import inner, kind_of, walk


def qualified_columns(query: Any) -> frozenset[tuple[Name, str]]:
    """Give the columns whose relation a query tells: by a qualifier that means one relation throughout, or by USING.

    A star stands for all columns of a relation. Columns of subqueries, functions and queries of WITH are left out.
    """
    parts = tuple(walk(query))
    relations = _relations(parts)
    found: set[tuple[Name, str]] = set()
    for part in parts:
        match kind_of(part):
            case "ColumnRef" if (words := strings(part.fields)) and (len(words) > 1 or is_star(part)):
                qualifier, column = (words[-1], STAR) if is_star(part) else words[-2:]
                found |= {(relation, column) for relation in relations.get(qualifier, ())}
            case "A_Indirection" if (row := _row_of(part)) is not None:
                column = STAR if is_star(part) else inner(part.indirection[0]).sval
                found |= {(relation, column) for relation in relations.get(row, ())}
            case "SelectStmt" if any(_is_bare_star(inner(t.res_target.val)) for t in part.target_list):
                aliases = [a for item in part.from_clause for a in _aliases(inner(item))]
                found |= {(relation, STAR) for alias in aliases for relation in relations.get(alias, ())}
            case "JoinExpr":
                sides = [a for side in (part.larg, part.rarg) for a in _named_alone(inner(side))]
                found |= {(r, c) for a in sides for r in relations.get(a, ()) for c in strings(part.using_clause)}
    return frozenset(found)


def using_columns(query: Any) -> frozenset[str]:
    """Give the columns of every USING in a query."""
    return frozenset(c for part in walk(query) if kind_of(part) == "JoinExpr" for c in strings(part.using_clause))


def _relations(parts: tuple[Any, ...]) -> dict[str, tuple[Name, ...]]:
    """Give the relation that each name in FROM stands for, where it is the same one all over the query."""
    ctes = {part.ctename for part in parts if kind_of(part) == "CommonTableExpr"}
    meanings: dict[str, set[Name | None]] = defaultdict(set)
    for part in parts:
        if kind_of(part) == "RangeVar":
            real = (part.schemaname or part.relname not in ctes) and not part.alias.colnames
            meanings[_alias(part)].add(name_of(part) if real else None)
        elif kind_of(part) == "Alias":
            meanings[part.aliasname].add(None)
    alone = {alias: next(iter(found)) for alias, found in meanings.items() if len(found) == 1}
    return {alias: (relation,) for alias, relation in alone.items() if relation is not None}


def _row_of(part: Any) -> str | None:
    """Give the name of the row in `(t).a`; it may be a column as well, unless it is that of a relation."""
    value = inner(part.arg)
    words = strings(value.fields) if kind_of(value) == "ColumnRef" else ()
    fields = kind_of(inner(part.indirection[0])) in ("String", "A_Star")
    return words[0] if len(words) == 1 and fields and not is_star(value) else None


def _alias(relation: Any) -> str:
    return str(relation.alias.aliasname or relation.relname)


def _is_bare_star(value: Any) -> bool:
    return kind_of(value) == "ColumnRef" and is_star(value) and not strings(value.fields)


def _aliases(item: Any) -> Iterator[str]:
    """Give the names of the relations that an item of FROM consists of."""
    if kind_of(item) == "JoinExpr":
        for side in (item.larg, item.rarg):
            yield from _aliases(inner(side))
    else:
        yield from _named_alone(item)


def _named_alone(item: Any) -> Iterator[str]:
    if kind_of(item) == "RangeVar":
        yield _alias(item)
