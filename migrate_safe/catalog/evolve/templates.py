"""What CREATE TABLE ... LIKE copies from its templates."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply, put
from migrate_safe.catalog.evolve.columns import add_constraints, mark_not_null
from migrate_safe.catalog.evolve.constraints import add_constraint
from migrate_safe.catalog.evolve.indexes import add_index
from migrate_safe.catalog.evolve.inheritance import copied_column
from migrate_safe.catalog.evolve.not_null import not_null_of
from migrate_safe.catalog.evolve.sequences import column_sequence, copied_options, put_sequence
from migrate_safe.catalog.evolve.upkeep import STATISTICS, statistics_name
from migrate_safe.catalog.naming import index_name
from migrate_safe.catalog.shapes import relation_columns
from migrate_safe.catalog.things import fact, put_thing
from migrate_safe.model.names import Name
from migrate_safe.model.objects import Thing
from migrate_safe.model.schema import Column, Constraint, ConstraintKind, Schema, Table
from migrate_safe.model.statement import CreateTable, SequenceOptions
from migrate_safe.model.values import replace


def has_known_columns(schema: Schema, name: Name) -> bool:
    """Say whether a template is a table, or something else of which every column is known."""
    return _template(schema, name) is not None


def like(schema: Schema, name: Name, action: CreateTable) -> Schema:
    """Copy into a new table what its templates give."""
    given = action.like_options or tuple(frozenset[str]() for _ in action.like)
    for template, wanted in zip(map(schema.resolve, action.like), given, strict=True):
        source = _template(schema, template)
        if source is not None:
            schema = _like_columns(schema, name, source, wanted)
        if source is not None and "indexes" in wanted:
            schema = _like_indexes(schema, name, source)
        if source is not None and "statistics" in wanted:
            schema = _like_statistics(schema, name, source, wanted)
    return schema


def _template(schema: Schema, name: Name) -> Table | None:
    """Give the table to copy from; views and composite types are seen as tables with nothing but columns."""
    if name in schema.tables:
        return schema.tables[name]
    attributes = schema.composites.get(name)
    if attributes is not None:
        return Table(name, columns=tuple(Column(n, t) for n, t in attributes))
    given = relation_columns(schema, name) or ()
    known = tuple(Column(c.name, c.type, collation=c.collation) for c in given if c.type is not None)
    return Table(name, columns=known) if known and len(known) == len(given) else None


def _like_columns(schema: Schema, name: Name, template: Table, wanted: frozenset[str]) -> Schema:
    table = schema.tables[name]
    double = [c.name for c in template.columns if table.column(c.name) is not None and not table.parents]
    if double:
        raise CannotApply(f"column {double[0]!r} of {name} is given twice")
    identities = [c for c in template.columns if c.identity is not None and "identity" in wanted]
    columns = tuple(_like_column(c, wanted) for c in template.columns if table.column(c.name) is None)
    own = {c.name for c in template.columns}
    columns_before = tuple(replace(c, local=True) if c.name in own else c for c in table.columns)
    table = replace(table, columns=(*columns_before, *columns))
    schema = mark_not_null(put(schema, table), name, not_nulls(template))
    for column in identities:
        source = next((s for s in schema.sequences.values() if s.owner == (template.name, column.name)), None)
        options = copied_options(source) if source is not None else SequenceOptions()
        schema = put_sequence(schema, column_sequence(schema, name, column, options))
    checks = [c for c in template.constraints if c.kind is ConstraintKind.CHECK and "constraints" in wanted]
    for check in checks:
        schema = add_constraint(schema, schema.tables[name], replace(check, local=True))
    return schema


def not_nulls(table: Table) -> tuple[tuple[str, Constraint | None], ...]:
    """Give the NOT NULL columns of a table with their constraints."""
    return tuple((c.name, not_null_of(table, c.name)) for c in table.columns if c.not_null)


def _like_column(column: Column, wanted: frozenset[str]) -> Column:
    keep = "generated" in wanted if column.generated is not None else "defaults" in wanted
    copied = copied_column(column, defaults=keep, identity="identity" in wanted)
    words = (("SET STORAGE", "storage"), ("SET COMPRESSION", "compression"))
    settings = tuple(s for s in column.settings for word, option in words if s.startswith(word) and option in wanted)
    return replace(copied, settings=settings, comment=column.comment if "comments" in wanted else None)


def _like_indexes(schema: Schema, name: Name, template: Table) -> Schema:
    for index in template.indexes:
        owner = template.constraint(index.constraint) if index.constraint is not None else None
        bare = replace(index, name=None, constraint=None, parent=None, valid=True, statistics=())
        if owner is not None:
            schema = add_constraints(schema, name, [replace(owner, name=None, backing=bare, local=True)])
        else:
            made = replace(bare, name=index_name(schema, name, bare))
            schema = add_index(schema, schema.tables[name], made)
    return schema


def _like_statistics(schema: Schema, name: Name, template: Table, wanted: frozenset[str]) -> Schema:
    """Copy the statistics objects under names of the server's choice; targets that are set for them are not copied."""
    for thing in [t for t in schema.things.values() if t.kind == STATISTICS and fact(t, "table") == str(template.name)]:
        columns = [c for c in (fact(thing, "columns") or "").split(", ") if c]
        parts = (*columns, *("expr",) * int(fact(thing, "expressions") or 0))
        copied = {"columns", "kinds", "expressions", *(("comment",) if "comments" in wanted else ())}
        facts = {w: v for w, v in thing.facts if w in copied}
        facts |= {"table": str(name)} | ({"owner": schema.role} if schema.role is not None else {})
        made = Thing(STATISTICS, statistics_name(schema, name, parts), tuple(sorted(facts.items())))
        schema = put_thing(schema, made)
    return schema
