"""Copies of the indexes and constraints of a column for its new name, and the exchange of their names.

A copy is built while clients work and carries a name of its own until the column's old name is hidden: then the
originals are renamed out of the way and the copies take over their names, so that the end is that of a plain rename.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from migrate_safe.catalog.definition import constraint_definition, index_definition
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import Constraint, ConstraintKind, Expr, Index, Table
from migrate_safe.model.values import replace
from migrate_safe.planner.constraints import Held, hold
from migrate_safe.planner.draft import CannotPlan, Draft, Rank
from migrate_safe.planner.identifiers import copied, retired
from migrate_safe.planner.recipes.add_unique import attach
from migrate_safe.planner.recipes.create_index import build_index
from migrate_safe.planner.remarks import Carried, carry, said_of
from migrate_safe.sql.rewrite import rename_columns

_WRITES = ("SET NULL", "SET DEFAULT")


class Swap(Struct, frozen=True):
    """Names to exchange when the old column is hidden; `index` is true for an index that no constraint owns.

    `lifted` says that the original is gone by then.
    """

    table: Name
    original: str
    copy: str
    retired: str
    index: bool
    lifted: bool = False

    def forward(self) -> tuple[str, ...]:
        """Rename the original out of the way, then the copy into its place."""
        if self.lifted:
            return (self._rename(self.copy, self.original),)
        return self._rename(self.original, self.retired), self._rename(self.copy, self.original)

    def back(self) -> tuple[str, ...]:
        """Give both their names back."""
        if self.lifted:
            return (self._rename(self.original, self.copy),)
        return self._rename(self.original, self.copy), self._rename(self.retired, self.original)

    def _rename(self, old: str, new: str) -> str:
        if self.index:
            return f"ALTER INDEX {Name(self.table.schema, old)} RENAME TO {quote_ident(new)}"
        return f"ALTER TABLE {self.table} RENAME CONSTRAINT {quote_ident(old)} TO {quote_ident(new)}"


class Copies(Struct, frozen=True):
    """The steps that make the copies, and the exchange of names."""

    drafts: tuple[Draft, ...]
    swaps: tuple[Swap, ...]


def copies_of(table: Table, renames: Mapping[str, str], word: str, *, targets: bool = True) -> Copies:
    """Plan a copy of every index and constraint that mentions a renamed column; NOT NULL and defaults are apart.

    `targets` says that statistics targets of indexes are kept.
    """
    _refuse_marked(table, renames)
    drafts: list[Draft] = []
    swaps: list[Swap] = []
    for index in carried_indexes(table, renames):
        made = replace(_renamed_index(index, renames), name=copied(index.name or "", word), constraint=None)
        drafts.append(_build(table.name, made))
        drafts += carry(table.name, said_of(index, targets=targets), made.name or "", Rank.COPY)
        swaps.append(_swap(table.name, index.name or "", word, index=True))
    for constraint in carried_constraints(table, renames):
        drafts += _constraint_copy(table, constraint, renames, word)
        swaps.append(_swap(table.name, constraint.name or "", word, index=False))
    return Copies(tuple(drafts), tuple(swaps))


def said_of_copied(table: Table, renames: Mapping[str, str], *, targets: bool = True) -> tuple[Carried, ...]:
    """Give what is said of everything that gets a copy, indexes of constraints among it."""
    constraints = carried_constraints(table, renames)
    owned = (i for c in constraints for i in table.indexes if i.constraint == c.name)
    things: list[Constraint | Index] = [*carried_indexes(table, renames), *constraints, *owned]
    return tuple(said_of(thing, targets=targets) for thing in things)


def _refuse_marked(table: Table, renames: Mapping[str, str]) -> None:
    marked = table.index(table.clustered_on) if table.clustered_on is not None else None
    if marked is not None and marked.columns & set(renames):
        raise CannotPlan(
            f"CLUSTER ON {quote_ident(marked.name or '')} would be lost, for that index is built anew",
            f"ALTER TABLE {table.name} SET WITHOUT CLUSTER first, and mark it again after this plan",
        )


def carried_indexes(table: Table, renames: Mapping[str, str]) -> tuple[Index, ...]:
    """Give the indexes to copy: those that no constraint owns."""
    return tuple(i for i in table.indexes if i.constraint is None and i.columns & set(renames))


def carried_constraints(table: Table, renames: Mapping[str, str]) -> tuple[Constraint, ...]:
    """Give the constraints to copy."""
    kinds = (ConstraintKind.UNIQUE, ConstraintKind.CHECK, ConstraintKind.FOREIGN)
    return tuple(c for c in table.constraints if c.kind in kinds and _columns_of(c) & set(renames))


def going_with(table: Table, renamed: Iterable[str], dropped: Iterable[str]) -> tuple[Constraint | Index, ...]:
    """Give what mentions a renamed column and one that the same migration drops: DROP COLUMN takes it along."""
    held = [(c, _columns_of(c)) for c in table.constraints] + [(i, i.columns) for i in table.indexes]
    return tuple(x for x, columns in held if columns & set(renamed) and columns & set(dropped))


def without(table: Table, going: Iterable[Constraint | Index]) -> Table:
    """Give the table without these, found by their names."""
    names = {x.name for x in going}
    return replace(
        table,
        constraints=tuple(c for c in table.constraints if c.name not in names),
        indexes=tuple(i for i in table.indexes if i.name not in names),
    )


def _columns_of(constraint: Constraint) -> frozenset[str]:
    mentioned = constraint.expression.columns if constraint.expression is not None else frozenset()
    return frozenset({*constraint.columns, *constraint.include, *mentioned})


def _constraint_copy(table: Table, original: Constraint, renames: Mapping[str, str], word: str) -> Iterator[Draft]:
    name, far = copied(original.name or "", word), original.references
    made = replace(
        original,
        name=name,
        references=None if far is None else replace(far, cleared=_renamed(far.cleared, renames)),
        columns=_renamed(original.columns, renames),
        include=_renamed(original.include, renames),
        expression=_renamed_expression(original.expression, renames),
    )
    if original.kind is ConstraintKind.UNIQUE:
        yield from _unique_copy(table, original, made)
        return
    _refuse_shared_writes(original, renames)
    definition = constraint_definition(replace(made, validated=True))
    why = f"a copy of {quote_ident(original.name or '')} over the new name; the original holds for the same values"
    yield from hold(Held(table.name, name, definition, original.validated), Rank.HOLD, why)
    yield from carry(table.name, said_of(original, targets=False), name, Rank.HOLD)


def _refuse_shared_writes(original: Constraint, renames: Mapping[str, str]) -> None:
    """Raise CannotPlan when original and copy would both write a column that keeps its name.

    The first of the two to act changes the key of the other, which then finds no row: once the old name is hidden,
    the new one would keep what a deletion or update of the far row should have changed.
    """
    far = original.references
    if far is None or set(original.columns) <= set(renames):
        return
    sets = set(far.cleared or original.columns) if far.on_delete in _WRITES else set()
    if far.on_update in ("CASCADE", *_WRITES):
        sets |= set(original.columns)
    if sets & set(renames) and sets - set(renames):
        raise CannotPlan(
            f"foreign key {quote_ident(original.name or '')} writes several columns when what it refers to changes,"
            " and not all of them get new names",
            "drop that foreign key in a migration of its own, and add it again after this plan",
        )


def _unique_copy(table: Table, original: Constraint, made: Constraint) -> Iterator[Draft]:
    owned = next((i for i in table.indexes if i.constraint == original.name), None)
    if owned is None:
        raise CannotPlan(
            f"the index behind {quote_ident(original.name or '')} is not known here",
            "give the database or a dump with --schema",
        )
    keys = tuple(replace(k, column=c) for k, c in zip(owned.keys, made.columns, strict=True))
    index = replace(owned, name=made.name, keys=keys, include=made.include, constraint=None)
    built = _build(table.name, index)
    yield built
    yield attach(table.name, made, built)
    for said in (said_of(original, targets=False), said_of(owned, targets=False)):
        yield from carry(table.name, said, made.name or "", Rank.COPY)


def _build(table: Name, index: Index) -> Draft:
    return build_index(table, index, index_definition(table, index, concurrently=True), Rank.COPY)


def _swap(table: Name, original: str, word: str, *, index: bool) -> Swap:
    return Swap(table, original, copied(original, word), retired(original, word), index)


def _renamed_index(index: Index, renames: Mapping[str, str]) -> Index:
    keys = tuple(
        replace(
            k,
            column=None if k.column is None else renames.get(k.column, k.column),
            expression=_renamed_expression(k.expression, renames),
        )
        for k in index.keys
    )
    predicate = _renamed_expression(index.predicate, renames)
    return replace(index, keys=keys, include=_renamed(index.include, renames), predicate=predicate)


def _renamed(columns: tuple[str, ...], renames: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(renames.get(c, c) for c in columns)


def _renamed_expression(expression: Expr | None, renames: Mapping[str, str]) -> Expr | None:
    if expression is None or not expression.columns & set(renames):
        return expression
    return replace(expression, sql=rename_columns(expression.sql, renames))
