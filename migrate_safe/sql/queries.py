"""Application queries: the form that a server can prepare, and what they name.

What the parser refuses, several statements in one, and what cannot be prepared is reported, never raised.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from migrate_safe.model.names import Name
from migrate_safe.model.values import replace
from migrate_safe.sql import dml
from migrate_safe.sql.expressions import columns_in, functions_in, is_star
from migrate_safe.sql.lexer import Kind, tokens
from migrate_safe.sql.names import name_of
from migrate_safe.sql.placeholders import Bound, bind, numbered
from migrate_safe.sql.relations import relations_in
from migrate_safe.sql.tree import Unreadable, inner, kind_of, parse_tree, walk

PREPARABLE = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
"""What PREPARE takes. https://www.postgresql.org/docs/current/sql-prepare.html"""


class Prepared(Struct, frozen=True):
    """A query as PREPARE takes it.

    `parameters` holds the name of each parameter in the order of `$n`, empty where it has none. `kind` is the first
    word of the statement in lower case. `problem` says why the query cannot be prepared, None when it can; `stopped_at`
    is the character at which the parser gave up where it is no SQL.
    `relations` are all that it names, `written` those that it changes, `columns` every column name anywhere in it
    (unqualified, so a superset); `star` says that its result contains `*`, so that it changes shape with its tables.
    """

    sql: str
    parameters: tuple[str, ...] = ()
    kind: str = ""
    problem: str | None = None
    stopped_at: int | None = None
    relations: tuple[Name, ...] = ()
    written: tuple[Name, ...] = ()
    columns: frozenset[str] = frozenset()
    functions: frozenset[Name] = frozenset()
    star: bool = False


def prepare_form(sql: str, *, recorded: bool = False) -> Prepared:
    """Give the form of a query that the server can prepare, and what it names.

    Takes the placeholders of every common driver: `%s`, `%(name)s`, `$1`, `:name`, `?`; of what was `recorded` on its
    way to the server `$1` alone.
    """
    if "\0" in sql:
        return Prepared(sql, problem="the query contains a NUL character")
    text = sql.rstrip().rstrip(";")
    bound = Bound(text, numbered(text)) if recorded else bind(text)
    form = Prepared(bound.sql, bound.parameters, kind=_first_word(bound.sql))
    try:
        trees = parse_tree(bound.sql)
    except Unreadable as refusal:
        return replace(_refused(form, refusal.reason), stopped_at=refusal.offset)
    if len(trees) != 1:
        return _refused(form, f"{len(trees)} statements in one query" if trees else "the query is empty")
    node = trees[0].node
    if kind_of(node) not in PREPARABLE:
        return _refused(form, f"{form.kind.upper()} cannot be prepared")
    return Prepared(
        sql=form.sql,
        parameters=form.parameters,
        kind=_kind(node),
        relations=relations_in(node),
        written=written_in(node),
        columns=columns_in(node) | _written_columns(node),
        functions=functions_in(node),
        star=_returns_star(node),
    )


def relations_of(sql: str) -> tuple[Name, ...]:
    """Give the relations that statements name; none where they cannot be read."""
    try:
        return tuple(dict.fromkeys(name for tree in parse_tree(sql) for name in relations_in(tree.node)))
    except Unreadable:
        return ()


def written_in(node: Any) -> tuple[Name, ...]:
    """Give the tables that a statement writes, also within WITH."""
    return tuple(dict.fromkeys(name_of(part.relation) for part in walk(node) if kind_of(part) in dml.WRITES))


def _refused(form: Prepared, problem: str) -> Prepared:
    return Prepared(form.sql, form.parameters, form.kind, problem)


def _first_word(sql: str) -> str:
    return next((sql[t.start : t.end].lower() for t in tokens(sql) if t.kind is Kind.WORD), "")


def _kind(node: Any) -> str:
    """Name a statement by what it does: WITH ... INSERT is an insert, VALUES a select."""
    kind = kind_of(node)
    return dml.WRITES[kind].value if kind in dml.WRITES else "select"


def _returns_star(node: Any) -> bool:
    """Say whether `*` stands in the output list of a statement, also in an arm of a UNION."""
    arms = [node]
    while arms:
        arm = arms.pop()
        if kind_of(arm) != "SelectStmt":
            outputs = arm.returning_clause.exprs
        elif arm.HasField("larg"):
            arms += [arm.larg, arm.rarg]
            continue
        else:
            outputs = arm.target_list
        if any(is_star(inner(inner(item).val)) for item in outputs):
            return True
    return False


def _written_columns(node: Any) -> frozenset[str]:
    """Give the columns that INSERT, UPDATE, MERGE and ON CONFLICT name as targets or arbiters."""
    found: set[str] = set()
    for part in walk(node):
        match kind_of(part):
            case "InsertStmt":
                found.update(inner(item).name for item in part.cols)
            case "UpdateStmt" | "OnConflictClause" | "MergeWhenClause":
                found.update(inner(item).name for item in part.target_list)
            case "IndexElem" if part.name:
                found.add(part.name)
    return frozenset(found)
