"""A plan whose tables somebody has dropped: what is left to take back of it."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.model.names import Name
from migrate_safe.model.plan import Plan, Sql, Step, Work
from migrate_safe.model.values import replace
from migrate_safe.planner.subjects import subjects_of


def voided(plan: Plan, gone: Iterable[Name]) -> Plan:
    """Give the plan with ways back that leave out tables which are gone, and what went with them.

    Of an undo that locks nothing else only the functions are left to drop. A statement that does not tell its tables
    is left in where the undo also locks a table that is there: the server must say.
    """
    names = frozenset(gone)
    return replace(plan, steps=tuple(_voided(step, names) for step in plan.steps)) if names else plan


def _voided(step: Step, gone: frozenset[Name]) -> Step:
    return step if step.undo is None else replace(step, undo=_left(step.undo, gone))


def _left(undo: Work, gone: frozenset[Name]) -> Work:
    if not isinstance(undo, Sql):
        return Sql() if undo.table in gone else undo
    locks = tuple(lock for lock in undo.locks if lock.relation not in gone)
    if locks == undo.locks:
        return undo
    statements = tuple(s for s in undo.statements if not _is_void(s, gone, alone=not locks))
    return Sql(statements, locks, undo.require if locks else ())


def _is_void(statement: str, gone: frozenset[Name], *, alone: bool) -> bool:
    tables = subjects_of(statement)
    return alone if tables is None else any(table in gone for table in tables)
