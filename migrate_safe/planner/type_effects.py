"""Whether a change of a column's type is an instant."""

from __future__ import annotations

from migrate_safe.effects.analyse import analyse
from migrate_safe.model.effect import Effect
from migrate_safe.model.schema import Constraint, ConstraintKind, Schema, Table
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.planner.operations import Operation
from migrate_safe.sql.parse import parse_script


def changes_in_an_instant(operation: Operation, table: Table | None, column: str) -> bool:
    """Say whether a change of a type touches no row, once the CHECKs over the column are out of its way."""
    if operation.before == operation.after:
        return True
    if table is None:
        return False
    bare = without_checks(operation.before, table, checks_over(table, column))
    return is_instant(effect_of(operation.text, bare))


def checks_over(table: Table, column: str) -> tuple[Constraint, ...]:
    """Give the CHECKs that the server would test again."""
    return tuple(
        c
        for c in table.constraints
        if c.kind is ConstraintKind.CHECK
        and c.validated
        and c.enforced
        and c.comment is None
        and c.expression is not None
        and column in c.expression.columns
    )


def without_checks(schema: Schema, table: Table, checks: tuple[Constraint, ...]) -> Schema:
    """Give the schema without some of a table's CHECKs."""
    names = {c.name for c in checks}
    kept = tuple(c for c in table.constraints if c.name not in names)
    return replace(schema, tables={**schema.tables, table.name: replace(table, constraints=kept)})


def effect_of(text: str, schema: Schema) -> Effect:
    """Give what one statement does."""
    return analyse(parse_script(Source("<plan>", text)), schema)[0].effect


def is_instant(effect: Effect) -> bool:
    """Say whether no row is read or written, no index built, and nothing in the way."""
    return not (effect.rewrites or effect.scans or effect.builds or effect.depends)
