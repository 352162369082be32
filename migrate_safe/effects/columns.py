"""What ALTER TABLE does to columns."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import certain, domain_default, is_partitioned, known_type
from migrate_safe.catalog.evolve.columns import gives_null, inline_constraints, involves, kept_default
from migrate_safe.catalog.evolve.inheritance import handed_column
from migrate_safe.catalog.evolve.not_null import not_null_of
from migrate_safe.catalog.evolve.resting import on_column
from migrate_safe.catalog.evolve.sequences import drawing_columns
from migrate_safe.catalog.evolve.views import views_using
from migrate_safe.effects.combine import (
    Scene,
    breaking,
    column_text,
    family,
    locking,
    merge,
    reached,
    rewriting,
    scanning,
)
from migrate_safe.effects.constraints import add_constraint, column_proven, far_side, is_not_null
from migrate_safe.effects.doubts import Doubt, Rows
from migrate_safe.effects.programs import taking_along
from migrate_safe.effects.resting_views import views_over, with_indexes
from migrate_safe.effects.tables import named_by_default, sequences_drawn_from
from migrate_safe.effects.types import is_plain_type
from migrate_safe.effects.volatility import volatility
from migrate_safe.model.effect import BreakKind, Effect
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Constraint, ConstraintKind, Generated, Schema, Table, Trigger, TypeName
from migrate_safe.model.table_action import AddColumn, ColumnDef, DropColumn, SetDefault, SetExpression
from migrate_safe.model.values import replace

_AX = LockMode.ACCESS_EXCLUSIVE
_NAMED_NOT_NULL = 18


def add_column(scene: Scene, table: Table, action: AddColumn, *, only: bool = False) -> Effect:
    """ADD COLUMN: instant, unless every row needs a value of its own, or a constraint has to look at every row.

    A default that is not volatile is kept once in the catalog (since PostgreSQL 11).
    """
    column = action.definition.column
    says_default = column.default is not None  # DEFAULT NULL, too, makes the server check a foreign key
    column = replace(column, default=kept_default(scene.schema, column.default, column.type))
    action = replace(action, definition=replace(action.definition, column=column))
    members = reached(scene.schema, table, lambda t: t.column(column.name) is None) if not only else (table,)
    locks = locking(_AX, *(m.name for m in members))
    if table.column(column.name) is not None:
        return locking(_AX, table.name)
    merged = [m for m in members if m.column(column.name) is not None]
    why, depends = _needs_rewrite(scene, action.definition)
    new = tuple(m for m in members if m not in merged)
    size = merge(*(rewriting(m) for m in new)) if why else _new_constraint_scans(new, action.definition)
    fills = says_default or action.definition.serial or column.identity is not None
    others = [c for c in inline_constraints(action.definition) if c.kind is not ConstraintKind.NOT_NULL]
    constraints = [add_constraint(scene, table, c, only=only, new_column=True, filled=fills) for c in others]
    if says_default and column.default is None:
        constraints = [_of_nulls(e, new) if c.references else e for c, e in zip(others, constraints, strict=True)]
    drawn = sequences_drawn_from(scene, column, LockMode.ROW_EXCLUSIVE) if why else Effect()
    drawn = merge(drawn, named_by_default(scene, column.default))
    breaks = _add_breaks(table, column, action.definition)
    handed = _handed_to_merged(scene, merged, action.definition)
    unfilled = not fills and _refuses_null(scene.schema, known_type(scene.schema, column.type))
    nulls = [Rows.ANY.effect(m.name, column.name) for m in new] if unfilled else []
    return merge(locks, size, handed, *constraints, drawn, breaks, Effect(depends=depends), *nulls)


def _refuses_null(schema: Schema, type_name: TypeName) -> bool:
    """Say whether a type is a domain without a default that is, or rests on one that is, NOT NULL."""
    domain = schema.domains.get(Name(type_name.schema, type_name.name)) if not type_name.dimensions else None
    if domain is None or domain.default is not None:
        return False
    return domain.not_null or _refuses_null(schema, domain.base)


def _of_nulls(key: Effect, tables: Iterable[Table]) -> Effect:
    """Give what the check of a foreign key reads where all values are NULL: it looks for none of them."""
    own = {m.name for m in tables}
    return replace(key, scans=tuple(n for n in key.scans if n in own), looked_up=(), refused_by=())


def _handed_to_merged(scene: Scene, merged: Iterable[Table], definition: ColumnDef) -> Effect:
    """Check a new column's NOT NULL in children that have the column already: from 18 on it is a constraint."""
    kinds = {c.kind for c in inline_constraints(definition)}
    if scene.version < _NAMED_NOT_NULL or ConstraintKind.NOT_NULL not in kinds:
        return Effect()
    members = {m.name: m for child in merged for m in family(scene.schema, child)}
    name = definition.column.name
    unproven = [m.name for m in members.values() if not column_proven(m, name)]
    return merge(locking(_AX, *members), scanning(*unproven), *(Rows.NULLS.effect(n, name) for n in unproven))


def _needs_rewrite(scene: Scene, definition: ColumnDef) -> tuple[bool, tuple[str, ...]]:
    """Say whether a new column makes the server write the table anew, and what that answer rests on."""
    column = definition.column
    if column.generated is Generated.VIRTUAL:
        return False, ()
    if definition.serial or column.identity is not None or column.generated is Generated.STORED:
        return True, ()
    default = column.default or domain_default(scene.schema, column.type)
    if default is not None:
        judged = volatility(scene.schema, default)
        if judged.volatile:
            return True, judged.depends
    written = known_type(scene.schema, column.type)
    name = Name(written.schema, written.name)
    if name in scene.schema.domains and not written.dimensions:
        return scene.schema.is_constrained(name), ()
    if is_plain_type(scene.schema, written):
        return False, ()
    return True, (Doubt.TYPE_DOMAIN.because(column.type),)


def _new_constraint_scans(members: tuple[Table, ...], definition: ColumnDef) -> Effect:
    """NOT NULL without a default is checked on every row (and fails on the first)."""
    not_null = any(c.kind is ConstraintKind.NOT_NULL for c in inline_constraints(definition))
    kept = not gives_null(definition.column.default) and definition.column.generated is None
    if not_null and not kept:
        values = (Rows.ANY.effect(m.name, definition.column.name) for m in members)
        return merge(scanning(*(m.name for m in members)), *values)
    return Effect()


def _add_breaks(table: Table, column: Column, definition: ColumnDef) -> Effect:
    shape = breaking(BreakKind.SHAPE, str(table.name))
    filled = not gives_null(column.default) or definition.serial or column.identity is not None
    if column.not_null and not filled and column.generated is None:
        return merge(shape, breaking(BreakKind.WRITE_REFUSED, column_text(table.name, column.name)))
    return shape


def drop_column(scene: Scene, table: Table, action: DropColumn, *, only: bool = False) -> Effect:
    """DROP COLUMN: only the catalog changes, but what involves the column goes with it, and is locked."""
    name = action.column
    members, lost = _losing(scene, table, name, only=only)
    text = column_text(table.name, name)
    if table.column(name) is None and action.if_exists and not table.partial:
        return locking(_AX, table.name)
    gone = [Name(m.name.schema, i.name) for m in lost for i in m.indexes if name in i.columns and i.name]
    sequences = [s.name for s in scene.schema.owned_by(table.name, name)]
    far = [n for c in table.constraints if involves(c, name) for n in far_side(scene, c)]
    near = [t.name for t, c in scene.schema.referencing(table.name) if name in far_columns(c, table)]
    direct = [v.name for v in views_using(scene.schema, table.name, name)]
    views = list(dict.fromkeys(w for v in direct for w in (v, *views_over(scene.schema, v))))
    drawing = [t.name for s in sequences for t, _ in drawing_columns(scene.schema, s)]
    cascaded = [*near, *with_indexes(scene.schema, views), *drawing] if action.cascade else []
    arbiters = [i for i in table.indexes if i.unique and name in i.columns]
    return merge(
        locking(_AX, *(m.name for m in members), *gone, *sequences, *far, *cascaded),
        breaking(BreakKind.GONE, text),
        breaking(BreakKind.SHAPE, str(table.name)),
        *(_resting(scene, t, name) for t in (lost if action.cascade else ())),
        *(breaking(BreakKind.ARBITER, str(Name(table.name.schema, i.name or ""))) for i in arbiters),
        *(breaking(BreakKind.GONE, str(v)) for v in (views if action.cascade else ())),
        Effect(
            loses=(f"column {text}", *(f"column {column_text(table.name, g)}" for g in _generated_from(table, name)))
        ),
    )


def _resting(scene: Scene, table: Table, column: str) -> Effect:
    """Take along the policies, rules and functions that rest on a column, or may: names alone do not always tell."""
    sure = on_column(scene.schema, table, column)
    perhaps = [r for r in on_column(scene.schema, table, column, perhaps=True) if r not in sure]
    doubts = (Doubt.RESTING.effect(r, column_text(table.name, column)) for r in perhaps)
    return merge(taking_along(scene, [*sure, *perhaps]), *doubts)


def _losing(scene: Scene, table: Table, column: str, *, only: bool) -> tuple[tuple[Table, ...], tuple[Table, ...]]:
    """Give the tables that DROP COLUMN changes, and those of them that lose it: a child may keep it.

    A child loses it with the last of the parents that handed it down.
    """
    if only:
        return (table, *scene.schema.partitions_of(table.name)), (table,)
    lost = {table.name}

    def loses(child: Table) -> bool:
        known = child.column(column)
        others = replace(child, parents=tuple(p for p in child.parents if p not in lost))
        if known is None or known.local or handed_column(scene.schema, others, column):
            return False
        lost.add(child.name)
        return True

    members = reached(scene.schema, table, loses)
    return members, tuple(m for m in members if m.name in lost)


def _generated_from(table: Table, column: str) -> list[str]:
    """Give the generated columns that go with a column: with CASCADE, and before PostgreSQL 15 without a word."""
    return [c.name for c in table.columns if c.generated and c.default is not None and column in c.default.columns]


def far_columns(constraint: Constraint, table: Table) -> tuple[str, ...]:
    """Give the columns of a table that a foreign key references."""
    return tuple(constraint.references.columns or table.primary_key) if constraint.references is not None else ()


def set_default(scene: Scene, table: Table, action: SetDefault, *, only: bool = False) -> Effect:
    """SET DEFAULT and DROP DEFAULT: only the catalog changes; existing rows keep their values."""
    members = family(scene.schema, table, only=only)
    locks = merge(locking(_AX, *(m.name for m in members)), named_by_default(scene, action.default))
    column = table.column(action.column)
    text = column_text(table.name, action.column)
    if action.default is not None:
        return merge(locks, breaking(BreakKind.VALUE, text))
    if column is not None and not column.not_null:
        return merge(locks, breaking(BreakKind.VALUE, text))
    sure = column is not None or certain(scene.schema, table)
    doubt = Effect() if sure else Doubt.NOT_NULL.effect(text)
    filled = (Doubt.FILLED.effect(t.name, text) for t in table.triggers if _may_fill(t))
    return merge(locks, breaking(BreakKind.WRITE_REFUSED, text), doubt, *filled)


def _may_fill(trigger: Trigger) -> bool:
    """Say whether a trigger can give new rows values of its own."""
    fires = trigger.timing == "BEFORE" and trigger.for_each_row and trigger.enabled in "OA"
    return fires and "INSERT" in trigger.events


def set_not_null(scene: Scene, table: Table, column: str, *, only: bool = False) -> Effect:
    """SET NOT NULL: reads every row, unless a valid CHECK already proves that none is NULL (PostgreSQL 12)."""
    members = _marked(scene, table, column, only=only)
    locks = locking(_AX, *(m.name for m in members))
    waived = [m for m in members if _stays_unproven(table, m, column)]
    scanned = [m.name for m in members if m not in waived and not column_proven(m, column)]
    text = column_text(table.name, column)
    refused = Effect() if is_not_null(table, column) else breaking(BreakKind.WRITE_REFUSED, text)
    unsure = [m for m in members if m.partial and m.name in scanned]
    doubts = (Doubt.NOT_NULL_PROVEN.effect(column_text(m.name, column)) for m in unsure)
    return merge(locks, scanning(*scanned), refused, *doubts, *(Rows.NULLS.effect(n, column) for n in scanned))


def _marked(scene: Scene, table: Table, column: str, *, only: bool) -> tuple[Table, ...]:
    """Give the tables that SET NOT NULL looks at.

    None below a partitioned table that is NOT NULL already, nor, from PostgreSQL 18 on, below any that is.
    """
    if scene.version < _NAMED_NOT_NULL:
        if is_partitioned(table) and not only and is_not_null(table, column):
            return (table,)
        return family(scene.schema, table, only=only and not is_partitioned(table))
    own = not_null_of(table, column)
    if only or (own is not None and (own.validated or not own.local)):
        return (table,)
    if own is not None:
        return family(scene.schema, table)
    return reached(scene.schema, table, lambda t: not_null_of(t, column) is None)


def _stays_unproven(table: Table, member: Table, column: str) -> bool:
    """Say whether SET NOT NULL leaves a constraint NOT VALID: one of a child, or handed down to the table."""
    own, held = not_null_of(table, column), not_null_of(member, column)
    return held is not None and not held.validated and (own is None or not own.local)


def drop_not_null(scene: Scene, table: Table, column: str, *, only: bool = False) -> Effect:
    """DROP NOT NULL: only the catalog changes; readers may meet NULL from now on."""
    known = table.column(column)
    named = scene.version >= _NAMED_NOT_NULL
    idle = named and known is not None and not known.not_null
    members = family(scene.schema, table, only=idle or (only and not named))
    if only and not idle and named:
        members = (table, *scene.schema.partitions_of(table.name))
    locks = locking(_AX, *(m.name for m in members))
    return merge(locks, breaking(BreakKind.VALUE, column_text(table.name, column)))


def set_expression(scene: Scene, table: Table, action: SetExpression, *, only: bool = False) -> Effect:
    """SET EXPRESSION: a stored column is computed anew for every row, a virtual one never was."""
    members = family(scene.schema, table, only=only)
    known = table.column(action.column)
    changed = breaking(BreakKind.VALUE, column_text(table.name, action.column))
    if known is not None and known.generated is Generated.VIRTUAL:
        checked = scanning(*(m.name for m in members)) if known.not_null else Effect()
        return merge(locking(_AX, *(m.name for m in members)), checked, changed)
    return merge(*(rewriting(m) for m in members), changed)


def drop_expression(scene: Scene, table: Table, column: str, *, only: bool = False) -> Effect:
    """DROP EXPRESSION: only the catalog changes, but rows written from now on have no value there by themselves."""
    locks = locking(_AX, *(m.name for m in family(scene.schema, table, only=only)))
    return merge(locks, breaking(BreakKind.VALUE, column_text(table.name, column)))
