"""Which relations a statement makes, and which get another name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from migrate_safe.catalog.evolve import evolve
from migrate_safe.catalog.evolve.afterwards import moved_relations
from migrate_safe.catalog.evolve.routines import runs_of
from migrate_safe.catalog.evolve.views import created_name, view_name
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.model.effect import Effect
from migrate_safe.model.locks import Lock
from migrate_safe.model.names import Name
from migrate_safe.model.said import NewSchema, Renamed
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    AlterTable,
    Call,
    CreateSequence,
    CreateTable,
    CreateView,
    Dml,
    DmlKind,
    DoBlock,
    DropSequence,
    DropTable,
    DropView,
    Other,
    RenameTable,
    SetSchema,
    Statement,
)
from migrate_safe.model.values import replace


def born_after(schema: Schema, after: Schema, born: frozenset[Name], statement: Statement) -> frozenset[Name]:
    """Follow the relations that a migration created through one more statement; `after` is the schema that it leaves.

    CREATE ... IF NOT EXISTS creates nothing when the relation is known, and nobody knows when it is neither known
    nor known to be gone.
    """
    match statement.action:
        case CreateTable() as action:
            name = created_name(schema, action.table, temporary=action.persistence == "t")
            unsure = action.if_not_exists and not schema.lacks(name) and name.schema != "pg_temp"
            if unsure or relation_exists(schema, name):
                return born
            return born | {name} | _owned(schema, after, name)
        case CreateView() as action:
            name = view_name(schema, action)
            unsure = (action.if_not_exists or action.replace) and not schema.lacks(name)
            return born if unsure or relation_exists(schema, name) else born | {name}
        case CreateSequence(if_not_exists=unsure):
            return born if unsure and not schema.complete else born | (after.sequences.keys() - schema.sequences.keys())
        case AlterTable(table=name):
            return born | _owned(schema, after, schema.resolve(name))
        case Other(says=NewSchema()):
            return born | (_relations(after) - _relations(schema))
        case RenameTable() | SetSchema() | Other(says=Renamed()):
            moved = moves(schema, statement)
            return frozenset(moved.get(n, n) for n in born)
        case DropTable(tables=names) | DropView(views=names) | DropSequence(sequences=names):
            return born - {schema.resolve(n) for n in names}
        case DoBlock() | Call() | Dml(kind=DmlKind.SELECT):
            for run in runs_of(schema, statement.action):
                inside = run.within(schema)
                for each in run.block.inner:
                    after = evolve(inside, each)
                    born, inside = born_after(inside, after, born, each), after
                schema = run.over(inside, schema)
            return born
        case _:
            return born


def _owned(schema: Schema, after: Schema, table: Name) -> frozenset[Name]:
    """Give the sequences that columns of a table brought along."""
    return frozenset(s.name for s in after.owned_by(table) if s.name not in schema.sequences)


def _relations(schema: Schema) -> frozenset[Name]:
    return frozenset({*schema.tables, *schema.views, *schema.sequences})


def moves(schema: Schema, statement: Statement) -> Mapping[Name, Name]:
    """Give the relations that have another name after a statement, or a block: the old names with the new ones."""
    runs = runs_of(schema, statement.action)
    if runs:
        return _moves_of_all(schema, [each for run in runs for each in run.block.inner])
    return moved_relations(schema, statement.action)


def _moves_of_all(schema: Schema, statements: Iterable[Statement]) -> Mapping[Name, Name]:
    found: dict[Name, Name] = {}
    for statement in statements:
        step = moves(schema, statement)
        first = {old: new for old, new in step.items() if old not in found.values()}
        found = {**{old: step.get(new, new) for old, new in found.items()}, **first}
        schema = evolve(schema, statement)
    return found


def named(effect: Effect, names: Mapping[Name, Name]) -> Effect:
    """Give an effect with other names for relations."""

    def all_of(relations: Iterable[Name]) -> tuple[Name, ...]:
        return tuple(names.get(r, r) for r in relations)

    return replace(
        effect,
        locks=tuple(Lock(names.get(x.relation, x.relation), x.mode) for x in effect.locks),
        rewrites=all_of(effect.rewrites),
        scans=all_of(effect.scans),
        builds=all_of(effect.builds),
        looked_up=all_of(effect.looked_up),
    )


def beside(effect: Effect, schema: Schema, born: frozenset[Name]) -> Effect:
    """Give an effect without what it does to relations that were born before it, and to their indexes."""
    if not born:
        return effect

    def others(relations: Iterable[Name]) -> tuple[Name, ...]:
        return tuple(r for r in relations if not _is_of(schema, r, born))

    return replace(
        effect,
        locks=tuple(x for x in effect.locks if not _is_of(schema, x.relation, born)),
        rewrites=others(effect.rewrites),
        scans=others(effect.scans),
        builds=others(effect.builds),
        looked_up=others(effect.looked_up),
    )


def _is_of(schema: Schema, relation: Name, born: frozenset[Name]) -> bool:
    holder = schema.index_table(relation) or schema.index_view(relation)
    return relation in born or (holder is not None and holder.name in born)
