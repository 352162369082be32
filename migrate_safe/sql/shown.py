"""What the last query of a program gives: columns one by one, or whole rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migrate_safe.sql.expressions import is_star
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree


def gives_star(query: str, of: str | None = None) -> bool | None:
    """Say whether what a query gives has a star among it, `of` a table where named, that its FROM names itself.

    None where it gives one value, or cannot be read. Of several statements the last one counts.
    """
    try:
        trees = parse_tree(query)
    except Unreadable:
        return None
    if not trees:
        return None
    targets, sources = _targets(trees[-1].node)
    if any(is_star(inner(t.val)) for t in targets):
        return of is None or of in sources
    return False if len(targets) > 1 else None


def _targets(message: Any) -> tuple[list[Any], set[str]]:
    if kind_of(message) == "SelectStmt":
        while message.HasField("larg"):
            message = message.larg
        return [inner(t) for t in message.target_list], set(_sources(message.from_clause))
    if kind_of(message) in ("InsertStmt", "UpdateStmt", "DeleteStmt"):
        return [inner(t) for t in message.returning_clause.exprs], {message.relation.relname}
    return [], set()


def _sources(nodes: Iterable[Any]) -> Iterator[str]:
    for node in map(inner, nodes):
        if kind_of(node) == "RangeVar":
            yield node.relname
        if kind_of(node) == "JoinExpr":
            yield from _sources((node.larg, node.rarg))
