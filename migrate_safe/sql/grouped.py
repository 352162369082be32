"""Which columns the queries of a view group by, and which they give though they do not group by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.sql.names import name_of, strings
from migrate_safe.sql.tree import LEAVES, Unreadable, children, inner, kind_of, parse_tree, walk

_PER_ROW = frozenset(
    """
    lower upper initcap btrim ltrim rtrim replace concat concat_ws format length left right substring to_char to_json
    to_jsonb row_to_json jsonb_build_object json_build_object date_trunc date_part extract round abs floor ceil
    """.split()
)
"""Functions that certainly are no aggregates: what stands inside others may be aggregated."""
_PATHS = tuple[tuple[str, ...], ...]


class Grouped(Struct, frozen=True):
    """A query with GROUP BY: its relations with the names that it gives to them, and columns as paths.

    `by` are those that it groups by, `beside` others that it gives, or orders or filters groups by, each outside of
    aggregates; the last of a path with a star is `*`. `whole` says that FROM holds nothing but these relations.
    """

    sources: tuple[tuple[str, Name], ...]
    by: _PATHS
    beside: _PATHS
    whole: bool


def grouped_queries(query: str) -> tuple[Grouped, ...]:
    """Read the queries with GROUP BY inside a query; none of text that does not parse."""
    if "group by" not in query.lower():
        return ()
    try:
        parts = [part for tree in parse_tree(query) for part in walk(tree.node)]
    except Unreadable:
        return ()
    named = {part.ctename for part in parts if kind_of(part) == "CommonTableExpr"}
    selects = [part for part in parts if kind_of(part) == "SelectStmt" and part.group_clause]
    return tuple(g for select in selects if (g := _grouped(select, named)) is not None)


def _grouped(select: Any, named: set[str]) -> Grouped | None:
    """Read one query; None where it groups in several ways."""
    items = [inner(item) for item in select.group_clause]
    if any(kind_of(item) == "GroupingSet" for item in items):
        return None
    targets = [inner(item) for item in select.target_list]
    outputs = {t.name: inner(t.val) for t in targets if t.name}
    by = [path for item in items for path in _group_paths(item, targets)]
    having = [inner(select.having_clause)] if select.HasField("having_clause") else []
    ordering = [inner(inner(item).node) for item in select.sort_clause]
    beside = [p for part in (*map(_value, targets), *having) for p in _paths(part)]
    beside += [p for part in ordering for p in _paths(part) if len(p) > 1 or p[0] not in outputs]
    merged = {name for part in walk(select) if kind_of(part) == "JoinExpr" for name in strings(part.using_clause)}
    found = tuple(_sources(map(inner, select.from_clause)))
    sources = tuple((s.alias.aliasname or s.relname, name_of(s)) for s in found if s is not None)
    whole = len(sources) == len(found) and not any(n.schema is None and n.name in named for _, n in sources)
    sources = tuple((alias, n) for alias, n in sources if n.schema is not None or n.name not in named)
    seen = tuple(dict.fromkeys(p for p in beside if p not in by and not (len(p) == 1 and p[0] in merged)))
    return Grouped(sources, tuple(p for p in dict.fromkeys(by) if len(p) > 1 or p[0] not in merged), seen, whole)


def _group_paths(item: Any, targets: list[Any]) -> Iterator[tuple[str, ...]]:
    """Yield what an item of GROUP BY names, also by the number or the name of an output."""
    if kind_of(item) == "A_Const":
        number = item.ival.ival
        item = _value(targets[number - 1]) if 0 < number <= len(targets) else item
    for path in _paths(item, inside=True):
        yield path
        yield from (p for t in targets if path == (t.name,) for p in _paths(_value(t), inside=True))


def _value(target: Any) -> Any:
    return inner(target.val)


def _sources(items: Iterable[Any]) -> Iterator[Any]:
    """Yield the relations of FROM whose columns have their own names, and None for anything else."""
    for item in items:
        if kind_of(item) == "JoinExpr":
            plain = not item.alias.aliasname and not item.is_natural
            yield from _sources((inner(item.larg), inner(item.rarg))) if plain else (None,)
        else:
            yield item if kind_of(item) == "RangeVar" and not item.alias.colnames else None


def _paths(part: Any, *, inside: bool = False) -> Iterator[tuple[str, ...]]:
    """Yield the columns below a part, those `inside` of any function too."""
    kind = kind_of(part)
    if kind == "ColumnRef":
        yield tuple("*" if kind_of(inner(f)) == "A_Star" else inner(f).sval for f in part.fields)
    elif kind not in LEAVES and kind != "SubLink" and (inside or _is_per_row(part, kind)):
        for child in children(part):
            yield from _paths(child, inside=inside)


def _is_per_row(part: Any, kind: str) -> bool:
    return kind != "FuncCall" or (strings(part.funcname)[-1] in _PER_ROW and not part.HasField("over"))
