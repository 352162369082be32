"""What the ways forward and back demand of rows and objects, asked before their first step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate_safe.model.names import Name
from migrate_safe.model.plan import Backfill, Plan, Requirement, Sql, Work
from migrate_safe.model.source import Source
from migrate_safe.model.statement import AlterTable, DropColumn, RenameColumn
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script
from migrate_safe.sql.rewrite import reads_column, rename_in_query

Renames = dict[Name, dict[str, str]]
"""By table: what a column will be called, and its name now."""


def demands(plan: Plan, position: int, target: int) -> Iterator[Requirement]:
    """Give the requirements of every undo between two positions, as they read in the state of the first.

    A column that an undo on the way gives its name back is called by its present name. What a backfill on the way
    may still put right is left out: it is asked when its step comes.
    """
    renames: Renames = {}
    filled: list[tuple[Name, str]] = []
    while position > target:
        step = plan.steps[position - 1]
        match step.undo:
            case Sql() as undo:
                yield from (_now(r, renames) for r in undo.require if not _is_put_right(r, filled))
                _follow(undo, renames)
            case Backfill(table=table, assign=assign):
                filled += [(table, column) for column, _ in assign]
        position -= 1 + len(step.takes_back)


def demands_ahead(plan: Plan, position: int, target: int) -> Iterator[Requirement]:
    """Give the requirements of every step between two positions, also of those that are far off.

    Left out is what a backfill on the way puts right. What names a column that the plan has yet to make cannot be
    asked from here: the server says so.
    """
    filled: list[tuple[Name, str]] = []
    for step in plan.steps[position:target]:
        match step.work:
            case Sql(require=require):
                yield from (r for r in require if not _is_put_right(r, filled))
            case Backfill(table=table, assign=assign):
                filled += [(table, column) for column, _ in assign]


def undos(plan: Plan, position: int, target: int) -> Iterator[Work]:
    """Give the undo of every step between two positions, in the order in which they run."""
    while position > target:
        step = plan.steps[position - 1]
        if step.undo is not None:
            yield step.undo
        position -= 1 + len(step.takes_back)


def dropped_columns(works: Iterable[Work]) -> tuple[tuple[Name, str], ...]:
    """Give the columns that some work drops, each with its table."""
    texts = (text for work in works if isinstance(work, Sql) for text in work.statements if "DROP" in text)
    found: dict[tuple[Name, str], None] = {}
    for text in texts:
        for statement in parse_script(Source("plan", text)).statements:
            match statement.action:
                case AlterTable(table=table, actions=actions):
                    found |= {(table, a.column): None for a in actions if isinstance(a, DropColumn)}
    return tuple(found)


def _is_put_right(requirement: Requirement, filled: Iterable[tuple[Name, str]]) -> bool:
    """Say whether a requirement reads a column that is filled before it counts."""
    return any(reads_column(requirement.query, table, column) for table, column in filled)


def _now(requirement: Requirement, renames: Renames) -> Requirement:
    query = requirement.query
    for table, columns in renames.items():
        query = rename_in_query(query, table, columns)
    return replace(requirement, query=query)


def _follow(undo: Sql, renames: Renames) -> None:
    for text in undo.statements:
        for statement in parse_script(Source("plan", text)).statements:
            match statement.action:
                case RenameColumn(table=table, column=now, to=then):
                    columns = renames.setdefault(table, {})
                    columns[then] = columns.pop(now, now)
