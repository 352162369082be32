"""Choose the recipe for what is done to anything but columns and constraints."""

from __future__ import annotations

from migrate_safe.effects.analyse import analyse
from migrate_safe.model.names import Name
from migrate_safe.model.plan import Phase
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.planner.choose_indexes import choose_indexes
from migrate_safe.planner.choose_renames import choose_moved
from migrate_safe.planner.choose_tables import choose_leaving
from migrate_safe.planner.draft import Outcome
from migrate_safe.planner.operations import Operation, resolver
from migrate_safe.planner.recipes import raw_sql
from migrate_safe.planner.surroundings import Surroundings
from migrate_safe.sql.parse import parse_script
from migrate_safe.sql.recompose import qualified


def choose_object(operation: Operation, around: Surroundings) -> Outcome | None:
    """Plan what is done to anything but columns and constraints; None where this knows no road."""
    return choose_indexes(operation, around) or choose_leaving(operation, around) or choose_moved(operation)


def by_hand(operation: Operation) -> Outcome | None:
    """Plan a statement whose author gives its undo or its phase; None for all others."""
    if operation.undo is None and operation.phase is None:
        return None
    undo = tuple(qualified(text, resolver(operation.after)) for text in operation.undo or ())
    touched = touched_tables(operation.text, operation.before)
    line = operation.statement.span.line
    phase = operation.phase or Phase.EXPAND
    return raw_sql.RawSql(operation.text, undo, line, phase, touched).steps()


def touched_tables(text: str, schema: Schema) -> tuple[Name, ...]:
    """Give the known tables that a statement locks."""
    locked = [x.relation for item in analyse(parse_script(Source("<plan>", text)), schema) for x in item.effect.locks]
    return tuple(dict.fromkeys(n for n in locked if n in schema.tables))
