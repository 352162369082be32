"""Choose the recipe for what is done to anything but columns and constraints."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from migrate_safe.effects.analyse import analyse
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Phase
from migrate_safe.model.said import Grants
from migrate_safe.model.schema import Schema, Table
from migrate_safe.model.source import Source
from migrate_safe.model.statement import CreateView, Other
from migrate_safe.model.values import replace
from migrate_safe.planner.choose_indexes import choose_indexes
from migrate_safe.planner.choose_renames import choose_moved
from migrate_safe.planner.choose_tables import choose_leaving
from migrate_safe.planner.draft import Draft, Outcome, Rank
from migrate_safe.planner.operations import Operation, resolver
from migrate_safe.planner.recipes import raw_sql
from migrate_safe.planner.recipes.change_domain import change_domain
from migrate_safe.planner.recipes.change_enum import change_enum
from migrate_safe.planner.recipes.change_extension import change_extension
from migrate_safe.planner.recipes.change_grant import change_grant
from migrate_safe.planner.recipes.change_policy import change_policy
from migrate_safe.planner.recipes.change_publication import change_publication
from migrate_safe.planner.recipes.change_sequence import change_sequence
from migrate_safe.planner.recipes.change_storage import change_storage
from migrate_safe.planner.recipes.change_trigger import change_trigger
from migrate_safe.planner.recipes.create_object import create_object
from migrate_safe.planner.recipes.replace_function import replace_function
from migrate_safe.planner.recipes.replace_view import replace_view
from migrate_safe.planner.stored import full_rank
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.sql.parse import parse_script
from migrate_safe.sql.recompose import qualified


def choose_object(operation: Operation, around: Surroundings) -> Outcome | None:
    """Plan what is done to anything but columns and constraints; None where this knows no road."""
    found = choose_indexes(operation, around) or choose_leaving(operation, around) or choose_moved(operation)
    if found is not None:
        return found
    made = next((made for plan in _CATALOG if (made := plan(operation)) is not None), None)
    return _once_filled(before_it_goes(made, operation, around), operation, around) if made is not None else None


def _once_filled(made: Outcome, operation: Operation, around: Surroundings) -> Outcome:
    """Let a new materialized view, which keeps what it reads, come once columns that it reads have their values."""
    match operation.action:
        case CreateView(view=view) if view.materialized:
            rank = full_rank(operation.before.resolve(view.name), around)
            late = (replace(d.step, id=_in_phase(d, rank), phase=rank.phase) for d in made.drafts)
            return made if rank is Rank.SHAPE else replace(made, drafts=tuple(Draft(rank, step) for step in late))
        case _:
            return made


def _in_phase(item: Draft, rank: Rank) -> str:
    return f"{rank.phase}.{item.step.id.partition('.')[2]}"


def before_it_goes(made: Outcome, operation: Operation, around: Surroundings) -> Outcome:
    """Let a REVOKE come before the step that hides what it speaks of."""
    match operation.action:
        case Other(says=Grants(grant=False, targets=targets)):
            known = tuple(t.name for x in targets if x.kind == "table" and (t := operation.before.table(x.name)))
            return _no_later(made, Rank.QUIET) if _any_goes(known, operation.before, around) else made
        case _:
            return made


def _no_later(made: Outcome, rank: Rank) -> Outcome:
    return replace(made, drafts=tuple(Draft(min(d.rank, rank), d.step) for d in made.drafts))


def _any_goes(tables: Iterable[Name], before: Schema, around: Surroundings) -> bool:
    return any(_goes(before.tables[name], around.end.tables.get(name)) for name in tables)


def _goes(table: Table, end: Table | None) -> bool:
    """Say whether a table or a column of it is there no longer, under its name, at the end."""
    return end is None or any(end.column(c.name) is None for c in table.columns)


_CATALOG: tuple[Callable[[Operation], Outcome | None], ...] = (
    change_grant,
    change_policy,
    change_storage,
    change_trigger,
    change_enum,
    change_sequence,
    change_domain,
    change_publication,
    change_extension,
    replace_view,
    replace_function,
    create_object,
)


def by_hand(operation: Operation, around: Surroundings) -> Outcome | None:
    """Plan a statement whose author gives its undo or its phase; None for all others.

    In contract it comes behind what hides, but where a table that it is about, or a column of that, is still to go:
    then it keeps its place among what hides, as it was written.
    """
    if operation.undo is None and operation.phase is None:
        return None
    undo = tuple(qualified(text, resolver(operation.after)) for text in operation.undo or ())
    touched = touched_tables(operation.text, operation.before)
    line = operation.statement.span.line
    phase = operation.phase or Phase.EXPAND
    made = raw_sql.RawSql(operation.text, undo, line, phase, touched).steps()
    going = phase is Phase.CONTRACT and _any_goes(touched, operation.before, around)
    return _no_later(made, Rank.HIDE) if going else made


def touched_tables(text: str, schema: Schema) -> tuple[Name, ...]:
    """Give the known tables that a statement locks."""
    locked = [x.relation for item in analyse(parse_script(Source("<plan>", text)), schema) for x in item.effect.locks]
    return tuple(dict.fromkeys(n for n in locked if n in schema.tables))
