"""What ends with a transaction, and the settings that statements change."""

from __future__ import annotations

from migrate_safe.catalog.evolve.routines import runs_of
from migrate_safe.catalog.evolve.tables import drop_table
from migrate_safe.catalog.settings import setting_of
from migrate_safe.model.marked import bearing
from migrate_safe.model.schema import TEMPORARY, Schema
from migrate_safe.model.statement import DropTable, SetVariable, Statement


def transaction_ended(schema: Schema) -> Schema:
    """Drop the temporary tables made ON COMMIT DROP, and what rests on them."""
    ending = tuple(t.name for t in bearing(schema.tables, TEMPORARY) if t.ends_with_transaction)
    return drop_table(schema, DropTable(ending, cascade=True)) if ending else schema


def settings_in(schema: Schema, statement: Statement) -> tuple[SetVariable, ...]:
    """Give the changes of settings that a statement makes, also in the bodies that it runs."""
    change = setting_of(statement.action)
    if change is not None:
        return (change,)
    found: list[SetVariable] = []
    for run in runs_of(schema, statement.action):
        inner = (change for each in run.block.inner for change in settings_in(run.within(schema), each))
        found += [c for c in inner if not (c.local and run.path is not None and c.variable.lower() == "search_path")]
    return tuple(found)
