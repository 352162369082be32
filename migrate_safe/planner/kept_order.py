"""Statements that their author answers for keep their place: refused where one would run before what stands before it.

A statement with an undo of its own runs in expand. What an earlier statement does to the same rows may come later
than that: a rename is done in contract, an old row gets its value in migrate, a foreign key is dropped in contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from migrate_safe.model.names import Name
from migrate_safe.model.plan import Backfill
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    AddColumn,
    AddConstraint,
    AlterTable,
    Call,
    CreateFunction,
    CreateIndex,
    Dml,
    DmlKind,
    DoBlock,
    DropConstraint,
    Other,
    SetNotNull,
    ValidateConstraint,
)
from migrate_safe.planner.choose_objects import touched_tables
from migrate_safe.planner.decision import Decision
from migrate_safe.planner.draft import Draft, Rank
from migrate_safe.planner.operations import Operation, Refusal


def overtaking(decisions: Sequence[Decision], found: Sequence[Operation], start: Schema) -> Iterator[Refusal]:
    """Refuse what would run before a statement that it follows; where its author names a phase, that counts."""
    places = {id(operation): at for at, operation in enumerate(found)}
    for decision in decisions:
        raw = decision.operations[0]
        if raw.undo is None or raw.phase is not None:
            continue
        before = (d for d in decisions if places[id(d.operations[0])] < places[id(raw)])
        overtaken = next((d for d in before if _late(d, decision, start)), None)
        if overtaken is not None:
            yield _refusal(raw, overtaken, _late(overtaken, decision, start))


def _refusal(raw: Operation, overtaken: Decision, late: Sequence[Draft]) -> Refusal:
    statement, last = overtaken.operations[0].statement, max(late, key=lambda d: d.rank).step
    reason = f"it would run before the statement that it follows ({statement.span}), which comes in {last.phase}"
    advice = f"say -- migrate-safe: phase {last.phase} above it; or, where it may run first, phase expand"
    return Refusal(raw.statement, f"{reason}: {last.id}", advice)


def _late(earlier: Decision, decision: Decision, start: Schema) -> tuple[Draft, ...]:
    """Give the steps of an earlier statement behind a later one's, where their order makes a difference."""
    rank = decision.outcome.drafts[0].rank
    late = tuple(d for d in earlier.outcome.drafts if rank < d.rank < Rank.DROP)
    if not late:
        return ()
    operation, raw = earlier.operations[0], decision.operations[0]
    touched = _touched(raw, earlier.outcome.touches)
    match operation.action:
        case AlterTable(actions=(AddColumn(definition=definition),)) if operation.undo is None:
            giving = tuple(d for d in late if isinstance(d.step.work, Backfill) or ".add-column." in d.step.id)
            reads = _says(raw.text, definition.column.name) or "*" in raw.text
            return giving if reads and touched & {*earlier.outcome.touches} else ()
        case AlterTable(actions=(AddConstraint() | SetNotNull() | ValidateConstraint(),)) | CreateIndex():
            looks = isinstance(raw.action, Dml) and raw.action.conflict is not None
            return late if looks and touched & {*earlier.outcome.touches} else ()
        case AlterTable(actions=(DropConstraint(),)):
            beside = {near.name for table in touched for near, _ in start.referencing(table)}
            return late if (touched | beside) & {*earlier.outcome.touches} else ()
        case CreateFunction(function=function):
            return late if _says(raw.text, function.name.name) else ()
        case Other(kind="CommentStmt"):
            return ()
        case _:
            return late if touched & {*earlier.outcome.touches} else ()


def _touched(raw: Operation, tables: Sequence[Name]) -> frozenset[Name]:
    """Give the tables that a statement is about; of a block of code those of `tables` that it names."""
    if isinstance(raw.action, DoBlock | Call) or _is_query(raw):
        return frozenset(t for t in tables if _says(raw.text, t.name))
    return frozenset(touched_tables(raw.text, raw.before))


def _is_query(raw: Operation) -> bool:
    return isinstance(raw.action, Dml) and raw.action.kind is DmlKind.SELECT


def _says(text: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) is not None
