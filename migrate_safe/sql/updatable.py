"""Whether rows can be written through a view: the server does that for queries over one relation only.

https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from msgspec import Struct

from migrate_safe.sql.names import strings
from migrate_safe.sql.tree import Unreadable, children, fields, inner, kind_of, parse_tree

_CLAUSES = frozenset(
    """
    distinct_clause group_clause having_clause limit_count limit_offset values_lists with_clause window_clause larg
    """.split()
)
_AGGREGATES = frozenset(
    """
    any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or count every json_agg json_object_agg jsonb_agg
    jsonb_object_agg max min range_agg range_intersect_agg stddev stddev_pop stddev_samp string_agg sum var_pop
    var_samp variance xmlagg
    """.split()
)
_SETS = frozenset("generate_series generate_subscripts regexp_matches regexp_split_to_table unnest".split())


class ViewQuery(Struct, frozen=True):
    """What the query of a view lets through: nothing if `read_only`, else all but the `computed` columns, by place."""

    read_only: bool
    computed: frozenset[int] = frozenset()


@lru_cache(maxsize=1000)
def view_query(definition: str) -> ViewQuery | None:
    """Read the query of a view; None where that is not possible."""
    try:
        (tree,) = parse_tree(definition)
    except (Unreadable, ValueError):
        return None
    select = tree.node
    if kind_of(select) != "SelectStmt":
        return None
    targets = [inner(t) for t in select.target_list]
    if any(field in _CLAUSES for field, _ in fields(select)):
        return ViewQuery(read_only=True)
    if len(select.from_clause) != 1 or kind_of(inner(select.from_clause[0])) != "RangeVar":
        return ViewQuery(read_only=True)
    if any(_spans_rows(t.val) for t in targets):
        return ViewQuery(read_only=True)
    computed = frozenset(i for i, t in enumerate(targets) if kind_of(inner(t.val)) != "ColumnRef")
    return ViewQuery(read_only=False, computed=computed)


def _spans_rows(value: Any) -> bool:
    """Say whether an expression needs more than its row, or gives several: aggregates, windows, sets.

    What stands in a query of its own does not count.
    """
    stack = [value]
    while stack:
        part = stack.pop()
        if kind_of(part) == "FuncCall":
            name = strings(part.funcname)[-1]
            if part.HasField("over") or part.agg_star or name in _AGGREGATES or name in _SETS:
                return True
        if kind_of(part) != "SubLink":
            stack += children(part)
    return False
