"""What tables take from their parents: columns, CHECK and NOT NULL constraints, merged under one name."""

from __future__ import annotations

from collections.abc import Container, Iterable

from migrate_safe.catalog.change import CannotApply, certain, put, put_column, put_constraint, same_type
from migrate_safe.catalog.evolve.not_null import not_null_of, set_not_null
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Constraint, ConstraintKind, Schema, Table
from migrate_safe.model.values import replace
from migrate_safe.sql.canonical import canonical

_NAMED_NOT_NULL = 18
_GENERATED_ALIKE = 16
"""Before this major version a child could be generated where its parent is not."""


def inherit(schema: Schema, name: Name, parents: Iterable[Name], settled: Container[str] = ()) -> Schema:
    """Give a new table the columns and constraints of its parents, in their order.

    Of the columns in `settled` the table gives the default itself.
    """
    for parent in (schema.tables[p] for p in parents if p in schema.tables):
        table = schema.tables[name]
        for column in parent.columns:
            table = _with_inherited(table, parent, column, settled)
        for check in _handed_checks(parent):
            table = _with_check(table, parent, check)
        schema = put(schema, table)
        for column in parent.columns:
            if column.not_null:
                schema = _inherited_not_null(schema, name, parent, column.name)
    return schema


def copied_column(column: Column, *, defaults: bool = True, identity: bool = False) -> Column:
    """Give a column as LIKE or inheritance copies it; NOT NULL is added again by its constraint."""
    plain = replace(
        column, comment=None, not_null=False, identity=column.identity if identity else None, grants=(), local=True
    )
    return plain if defaults else replace(plain, default=None, generated=None)


def _with_inherited(table: Table, parent: Table, column: Column, settled: Container[str]) -> Table:
    known = table.column(column.name)
    if known is None:
        made = replace(copied_column(column), local=False)
        return replace(table, columns=(*table.columns, made))
    if not same_type(known.type, column.type) or known.collation != column.collation:
        raise CannotApply(f"inherited column {column.name!r} of {table.name} has another type in {parent.name}")
    if known.generated != column.generated:
        raise CannotApply(f"inherited column {column.name!r} of {table.name} is generated in one parent only")
    given = [text for text in (_text(known), _text(column)) if text is not None]
    if len(set(given)) > 1 and column.name not in settled:
        raise CannotApply(f"column {column.name!r} of {table.name} inherits conflicting default values")
    return put_column(table, replace(known, default=known.default or column.default))


def _text(column: Column) -> str | None:
    return canonical(column.default.sql) if column.default is not None else None


def _handed_checks(parent: Table) -> tuple[Constraint, ...]:
    return tuple(c for c in parent.constraints if c.kind is ConstraintKind.CHECK and not c.no_inherit)


def _with_check(table: Table, parent: Table, check: Constraint) -> Table:
    """Add the CHECK of a parent; one of another parent under that name must say the same."""
    known = table.constraint(check.name or "")
    if known is None:
        return put_constraint(table, replace(check, local=False, validated=check.enforced))
    if not same_condition(known, check):
        raise CannotApply(f"constraint {check.name!r} of {table.name} differs from that of {parent.name}")
    return table


def same_condition(one: Constraint, two: Constraint) -> bool:
    """Say whether two constraints are CHECKs of one condition."""
    if one.kind is not ConstraintKind.CHECK or one.expression is None or two.expression is None:
        return False
    return canonical(one.expression.sql) == canonical(two.expression.sql)


def _inherited_not_null(schema: Schema, name: Name, parent: Table, column: str) -> Schema:
    handed = not_null_of(parent, column)
    if handed is not None and handed.no_inherit:
        return schema
    wish = replace(handed, local=False, validated=True) if handed is not None else None
    return set_not_null(schema, schema.tables[name], column, wish, only=True)


def join(schema: Schema, child: Table, parent: Table, *, as_partition: bool) -> Schema:
    """Make a table that is there a child: it must have every column and constraint that the parent hands down.

    A partition's columns and constraints are from now on the parent's, a child's stay its own as well.
    """
    for column in parent.columns:
        _refuse_unlike(schema, child, parent, column)
        if as_partition:
            child = _disowned(child, column.name)
    for check in (*_handed_checks(parent), *_handed_not_nulls(schema, parent)):
        known = _counterpart(child, check)
        if known is None:
            if certain(schema, child):
                raise CannotApply(f"child table {child.name} is missing constraint {check.name!r}")
            continue
        _refuse_weaker(child, known, check)
        child = put_constraint(child, replace(known, local=known.local and not as_partition))
    return put(schema, replace(child, parents=(*child.parents, parent.name)))


def _handed_not_nulls(schema: Schema, parent: Table) -> tuple[Constraint, ...]:
    if schema.server_version < _NAMED_NOT_NULL:
        return ()
    return tuple(c for c in parent.constraints if c.kind is ConstraintKind.NOT_NULL and not c.no_inherit)


def _counterpart(child: Table, handed: Constraint) -> Constraint | None:
    if handed.kind is ConstraintKind.NOT_NULL:
        return not_null_of(child, handed.columns[0])
    known = child.constraint(handed.name or "")
    if known is not None and not same_condition(known, handed):
        raise CannotApply(f"child table {child.name} has a different definition for constraint {handed.name!r}")
    return known


def _refuse_weaker(child: Table, known: Constraint, handed: Constraint) -> None:
    """Refuse a constraint of a child that promises less than the parent's."""
    if known.no_inherit:
        raise CannotApply(f"constraint {known.name!r} conflicts with non-inherited constraint on {child.name}")
    if handed.validated and known.enforced and not known.validated:
        raise CannotApply(f"constraint {known.name!r} conflicts with NOT VALID constraint on {child.name}")
    if handed.enforced and not known.enforced:
        raise CannotApply(f"constraint {known.name!r} conflicts with NOT ENFORCED constraint on {child.name}")


def _refuse_unlike(schema: Schema, child: Table, parent: Table, column: Column) -> None:
    known = child.column(column.name)
    if known is None:
        if certain(schema, child):
            raise CannotApply(f"child table {child.name} is missing column {column.name!r}")
        return
    if not same_type(known.type, column.type):
        raise CannotApply(f"child table {child.name} has different type for column {column.name!r}")
    if known.collation != column.collation:
        raise CannotApply(f"child table {child.name} has different collation for column {column.name!r}")
    handed = not_null_of(parent, column.name)
    if column.not_null and not known.not_null and not (handed is not None and handed.no_inherit):
        raise CannotApply(f"column {column.name!r} in child table {child.name} must be marked NOT NULL")
    tolerant = schema.server_version < _GENERATED_ALIKE and column.generated is None
    if known.generated != column.generated and not tolerant:
        raise CannotApply(f"column {column.name!r} of {child.name} and of {parent.name} differ in being generated")


def _disowned(table: Table, column: str) -> Table:
    known = table.column(column)
    return put_column(table, replace(known, local=False)) if known is not None else table


def leave(schema: Schema, child: Table, parent: Table) -> Schema:
    """Make a child independent of a parent: what no other parent hands down is its own."""
    left = tuple(p for p in child.parents if p != parent.name)
    child = replace(child, parents=left)
    columns = tuple(
        replace(c, local=True) if parent.column(c.name) is not None and not handed_column(schema, child, c.name) else c
        for c in child.columns
    )
    constraints = tuple(
        replace(c, local=True) if not c.local and not handed_constraint(schema, child, c) else c
        for c in child.constraints
    )
    return put(schema, replace(child, columns=columns, constraints=constraints))


def handed_column(schema: Schema, child: Table, column: str) -> bool:
    """Say whether a parent of the table has the column."""
    above = (schema.tables.get(p) for p in child.parents)
    return any(p is not None and p.column(column) is not None for p in above)


def handed_constraint(schema: Schema, child: Table, constraint: Constraint) -> bool:
    """Say whether a parent of the table hands the constraint down to it."""
    for parent in (schema.tables[p] for p in child.parents if p in schema.tables):
        for handed in parent.constraints:
            if handed.no_inherit or handed.kind is not constraint.kind:
                continue
            match constraint.kind:
                case ConstraintKind.CHECK:
                    found = handed.name == constraint.name
                case ConstraintKind.FOREIGN:
                    found = _same_reference(handed, constraint) and child.partition_bound is not None
                case ConstraintKind.NOT_NULL:
                    found = handed.columns == constraint.columns
                case _:
                    found = handed.columns == constraint.columns and child.partition_bound is not None
            if found:
                return True
    return False


def _same_reference(one: Constraint, two: Constraint) -> bool:
    return (one.columns, one.references) == (two.columns, two.references)
