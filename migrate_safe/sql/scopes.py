"""Which columns a statement names, each in the scope where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field
from postgast import pg_query_pb2 as pb

from migrate_safe.model.query import Scope, Source
from migrate_safe.sql.names import name_of, strings
from migrate_safe.sql.shapes import MAX_LEVELS, Queries, queries_of_with, relation_source, shape_of, target_of
from migrate_safe.sql.tree import LEAVES, fields, inner, is_deep, kind_of

_SKIPPED = frozenset({"WithClause", "IntoClause", "LockingClause", "ReturningOption"})
_ORDERING = frozenset({"sort_clause", "group_clause", "distinct_clause"})
_EARLY = frozenset({"from_clause", "using_clause", "source_relation", "merge_when_clauses", "infer"})
"""Parts of a statement in which not every source is seen."""
_RETURNING = "returning_clause"
_FURTHER = {"UpdateStmt": "from_clause", "DeleteStmt": "using_clause"}
_PLAIN = (pb.SETOP_NONE, pb.SET_OPERATION_UNDEFINED)


class _Open(Struct):
    """A scope while it is read."""

    sources: tuple[Source, ...]
    above: int | None
    joined: tuple[str, ...] = ()
    outputs: frozenset[str] = frozenset()
    natural: bool = False
    references: list[tuple[str, ...]] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)


class _Part(Struct, frozen=True):
    """A part of a statement still to be read: the scope that it stands in, and the queries of WITH that it sees."""

    message: Any
    scope: int | None
    known: Queries
    ordering: bool = False
    early: bool = False


def scopes_of(statement: Any) -> tuple[Scope, ...]:
    """Read the scopes of a query or of a statement that writes rows, outer ones before those inside.

    There are none for what is nested beyond what people write.
    """
    if is_deep(statement, MAX_LEVELS):
        return ()
    found: list[_Open] = []
    stack = [_Part(statement, None, {})]
    while stack:
        stack.extend(reversed(_read(stack.pop(), found)))
    return tuple(map(_closed, found))


def _closed(scope: _Open) -> Scope:
    settled = () if scope.natural or len(scope.sources) < 2 else tuple(dict.fromkeys(scope.settled))
    return Scope(scope.sources, tuple(dict.fromkeys(scope.references)), scope.joined, scope.above, settled)


def _read(part: _Part, found: list[_Open]) -> list[_Part]:
    """Read a part, and give those inside it that are still to be read."""
    message = part.message
    match kind_of(message):
        case "ColumnRef":
            _refer(part, found)
            return []
        case kind if kind in LEAVES or kind in _SKIPPED:
            return []
        case "SelectStmt" | "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt":
            return _query(part, found)
        case _:
            parts = fields(message)
            return [_Part(m, part.scope, part.known, part.ordering, part.early or n in _EARLY) for n, m in parts]


def _refer(part: _Part, found: list[_Open]) -> None:
    if part.scope is None:
        return
    path = tuple("*" if kind_of(inner(f)) == "A_Star" else inner(f).sval for f in part.message.fields)
    output = part.ordering and len(path) == 1 and path[0] in found[part.scope].outputs
    if path != ("*",) and not output:
        found[part.scope].references.append(path)
        if len(path) == 1 and not part.early:
            found[part.scope].settled.append(path[0])


def _query(part: _Part, found: list[_Open]) -> list[_Part]:
    message = part.message
    known = {**part.known, **queries_of_with(message, part.known)}
    inside = [_Part(q, part.scope, known) for q in _with(message)]
    if kind_of(message) == "InsertStmt":
        return inside + _insert(_Part(message, part.scope, known), found)
    if kind_of(message) == "SelectStmt" and message.op not in _PLAIN:
        return [*inside, _Part(message.larg, part.scope, known), _Part(message.rarg, part.scope, known)]
    scope = _opened(found, part.scope, _items(message), known, _outputs(message))
    if kind_of(message) != "SelectStmt":
        found[scope].sources += (_target(message), *_returned(message))
    return inside + [_Part(m, scope, known, name in _ORDERING, name in _EARLY) for name, m in fields(message)]


def _with(message: Any) -> list[Any]:
    return [inner(inner(c).ctequery) for c in message.with_clause.ctes] if message.HasField("with_clause") else []


def _insert(part: _Part, found: list[_Open]) -> list[_Part]:
    """Read an INSERT: its query does not see the table; ON CONFLICT and RETURNING do."""
    message = part.message
    inside = [_Part(inner(message.select_stmt), part.scope, part.known)] if message.HasField("select_stmt") else []
    scope = _opened(found, part.scope, [], {})
    found[scope].sources += (_target(message), Source("excluded", name_of(message.relation)), *_returned(message))
    later = [n for n in ("on_conflict_clause", _RETURNING) if message.HasField(n)]
    return inside + [_Part(getattr(message, name), scope, part.known, early=name == _RETURNING) for name in later]


def _target(message: Any) -> Source:
    """Give the table that a statement writes, also where a query of WITH has its name."""
    return relation_source(message.relation, {})


def _returned(message: Any) -> Iterator[Source]:
    """Yield the rows that RETURNING also sees: old and new, under the names that it gives to them."""
    if not message.HasField("returning_clause"):
        return
    for alias in ("old", "new", *(inner(o).value for o in message.returning_clause.options)):
        yield Source(alias, name_of(message.relation), qualified=True)


def _items(message: Any) -> list[Any]:
    match kind_of(message):
        case "SelectStmt":
            return [inner(item) for item in message.from_clause]
        case "MergeStmt":
            return [inner(message.source_relation)]
        case kind:
            return [inner(item) for item in getattr(message, _FURTHER[kind])]


def _outputs(message: Any) -> frozenset[str]:
    """Give the names of the results of a SELECT, which ORDER BY and GROUP BY may mean."""
    if kind_of(message) != "SelectStmt":
        return frozenset()
    targets = (target_of(inner(item)) for item in message.target_list)
    return frozenset(t.name for t in targets if t.name is not None)


def _opened(
    found: list[_Open], above: int | None, items: Iterable[Any], known: Queries, outputs: frozenset[str] = frozenset()
) -> int:
    """Open a scope over the items of FROM, and give its number."""
    sources: list[Source] = []
    joined: list[str] = []
    natural = False
    stack = list(items)[::-1]
    while stack:
        item = stack.pop()
        match kind_of(item):
            case "JoinExpr":
                stack += [inner(item.rarg), inner(item.larg)]
                joined += strings(item.using_clause)
                natural |= item.is_natural
                names = [item.alias.aliasname, item.join_using_alias.aliasname]
                sources += [Source(name, opaque=True) for name in names if name]
            case "RangeTableSample":
                stack.append(inner(item.relation))
            case _:
                sources.append(_source(item, known))
    found.append(_Open(tuple(sources), above, tuple(dict.fromkeys(joined)), outputs, natural))
    return len(found) - 1


def _source(item: Any, known: Queries) -> Source:
    match kind_of(item):
        case "RangeVar":
            return relation_source(item, known)
        case "RangeSubselect":
            shape = shape_of(inner(item.subquery), (), known)
            return Source(item.alias.aliasname, shape=shape, columns=strings(item.alias.colnames), opaque=shape is None)
        case _:
            return Source("", opaque=True)
