"""What the ways forward and back demand of rows and objects, asked before their first step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate_safe.model.dml import Dml
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Backfill, Plan, Requirement, Sql, Step, Work
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Action, AlterTable, DropColumn, RenameColumn
from migrate_safe.model.values import replace
from migrate_safe.sql.parse import parse_script
from migrate_safe.sql.rewrite import reads_column, rename_in_query

Renames = dict[Name, dict[str, str]]
"""By table: what a column will be called, and its name now."""


def demands(plan: Plan, position: int, target: int) -> Iterator[Requirement]:
    """Give the requirements of every undo between two positions, as they read in the state of the first.

    A column that an undo on the way gives its name back is called by its present name. What an undo on the way may
    still put right is left out, and asked when its step comes: what reads columns that a backfill fills, and all that
    comes after raw SQL.
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
        if is_raw(step, step.undo):
            return
        position -= 1 + len(step.takes_back)


def demands_ahead(plan: Plan, position: int, target: int) -> Iterator[Requirement]:
    """Give the requirements of every step between two positions, also of those that are far off.

    Left out is what a step on the way may put right: what reads columns that a backfill fills, and all that comes after
    raw SQL. What names a column that the plan has yet to make cannot be asked from here: the server says so.
    """
    filled: list[tuple[Name, str]] = []
    for step in plan.steps[position:target]:
        match step.work:
            case Sql(require=require):
                yield from (r for r in require if not _is_put_right(r, filled))
            case Backfill(table=table, assign=assign):
                filled += [(table, column) for column, _ in assign]
        if is_raw(step, step.work):
            return


def is_raw(step: Step, work: Work | None) -> bool:
    """Say whether the work of a step, or its undo, is SQL of a person: it may change any row and object."""
    if not isinstance(work, Sql) or not work.statements:
        return False
    return step.id.split(".")[1:2] == ["run-sql"] or any(isinstance(a, Dml) for a in _actions(work))


def undos(plan: Plan, position: int, target: int) -> Iterator[Work]:
    """Give the undo of every step between two positions, in the order in which they run."""
    while position > target:
        step = plan.steps[position - 1]
        if step.undo is not None:
            yield step.undo
        position -= 1 + len(step.takes_back)


def dropped_columns(works: Iterable[Work]) -> tuple[tuple[Name, str], ...]:
    """Give the columns that some work drops, each with its table."""
    found: dict[tuple[Name, str], None] = {}
    for action in (a for work in works if isinstance(work, Sql) for a in _actions(work, "DROP")):
        match action:
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
    for action in _actions(undo):
        match action:
            case RenameColumn(table=table, column=now, to=then):
                columns = renames.setdefault(table, {})
                columns[then] = columns.pop(now, now)


def _actions(work: Sql, word: str = "") -> Iterator[Action]:
    """Give what the statements of a step do; of those that contain a word."""
    for text in (t for t in work.statements if word in t):
        yield from (statement.action for statement in parse_script(Source("plan", text)).statements)
