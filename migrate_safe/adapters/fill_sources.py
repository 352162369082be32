"""Where the values of a table's columns come from: by type, from pools, or from the rows that foreign keys refer to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from migrate_safe.adapters.fill_catalog import Column, Reference, Table
from migrate_safe.adapters.fill_pools import Pools, Rules, lookup
from migrate_safe.adapters.fill_types import FIRST
from migrate_safe.model.names import quote_ident


class Source(Struct, frozen=True):
    """Expressions over the number `@g` for columns that go together.

    `size` is how many values there are, None for any number; `unique` says that they are to be distinct, `far` that
    they come from a foreign key, `optional` that all of them may be null; `loose` are those that may be so alone.
    """

    values: Mapping[str, str]
    size: int | None = None
    unique: bool = False
    far: bool = False
    optional: bool = False
    loose: frozenset[str] = frozenset()


class Lacking(Struct):
    """What stands in the way of any row at all."""

    reasons: list[str] = field(default_factory=list)


def sources_of(
    table: Table, pools: Pools, filled: Collection[int], planned: Mapping[int, Sequence[Source]], lacking: Lacking
) -> tuple[Source, ...]:
    """Say where the values of each column of a table come from.

    `filled` are the tables that have rows, `planned` the sources of those whose rows come with this one's. References
    to other tables stay null; what cannot stay so is added to `lacking`.
    """
    own = [r for r in table.references if r.parent in (table.oid, table.root) and r.parent not in filled]
    others = [r for r in table.references if r not in own and (r.parent in filled or r.parent in planned)]
    found = [*_far(table, pools, [r for r in others if r.parent in filled])]
    covered = {name for source in found for name in source.values}
    for reference in others:
        if reference.parent not in filled and covered.isdisjoint(reference.columns):
            found.append(_from_planned(table, reference, planned[reference.parent], pools))
            covered.update(reference.columns)
    covered_later = {c for r in own for c in r.columns} - covered
    missing = {c for r in table.references if r not in own and r not in others for c in r.columns} - covered
    for column in table.written:
        if column.name in covered | covered_later:
            continue
        if column.name in missing:
            if column.required:
                lacking.reasons.append(f'the table that "{column.name}" refers to is empty')
            found.append(Source({column.name: "NULL"}))
            continue
        source = _free(table, column, pools)
        if source is not None:
            found.append(source)
        elif column.required and column.default is None:
            why = pools.refusal(column.type, column.modifier)
            said = f" ({why})" if why else ""
            lacking.reasons.append(f'no value is known for "{column.name}" that its type and constraints accept{said}')
    for reference in own:
        found = _with_own(table, reference, found)
    return tuple(found)


def _free(table: Table, column: Column, pools: Pools) -> Source | None:
    """Give values of a column by its type, and by the rules that are about it."""
    about = [check for check in table.checks if column.name in check.columns]
    alone = tuple(check.expression for check in about if check.columns == {column.name})
    optional = not column.required
    if not about:
        values = pools.of_type(column.type, column.modifier)
    else:
        text = " ".join([*(f"{c.expression} {c.hint}" for c in about), column.default or ""])
        few = len(alone) < len(about)
        rules = Rules(column.name, alone, text)
        values = pools.under(column.type, column.modifier, rules, distinct=column.unique, few=few)
    if values is None:
        return Source({column.name: "NULL"}) if optional and column.default is None else None
    return Source({column.name: values.expression}, values.size, column.unique, optional=optional)


def _far(table: Table, pools: Pools, references: Sequence[Reference]) -> Iterator[Source]:
    """Give rows of the tables referred to; references that share a column must agree on it."""
    for group in _sharing(references):
        chosen: dict[str, str] = {}
        joins, conditions = [], []
        for number, reference in enumerate(group):
            joins.append(f"{reference.far} AS f{number}")
            for column, key in zip(reference.columns, reference.keys, strict=True):
                here = f"f{number}.{quote_ident(key)}"
                conditions.append(f"{here} = {chosen[column]}" if column in chosen else f"{here} IS NOT NULL")
                chosen.setdefault(column, here)
        listed = ", ".join(f"{here} AS {quote_ident(name)}" for name, here in chosen.items())
        query = f"SELECT pg_catalog.row_number() OVER () - 1 AS n, {listed} FROM {' CROSS JOIN '.join(joins)}"
        pool, size = pools.table(f"{query} WHERE {' AND '.join(conditions)} LIMIT {pools.rows}")
        yield Source(
            {name: lookup(pool, name, size) for name in chosen},
            size,
            unique=any(table.column(name).unique for name in chosen),
            far=True,
            optional=not any(table.column(name).required for name in chosen),
        )


def _sharing(references: Sequence[Reference]) -> list[list[Reference]]:
    groups: list[list[Reference]] = []
    for reference in references:
        near = [g for g in groups if any(set(r.columns) & set(reference.columns) for r in g)]
        groups = [g for g in groups if g not in near]
        groups.append([*(r for g in near for r in g), reference])
    return groups


def _from_planned(table: Table, reference: Reference, sources: Sequence[Source], pools: Pools) -> Source:
    """Give the keys that the rows of the table referred to will have under the same number."""
    known = {name: expression for source in sources for name, expression in source.values.items()}
    values = {}
    for column, key in zip(reference.columns, reference.keys, strict=True):
        made = pools.of_type(table.column(column).type, table.column(column).modifier)
        values[column] = known.get(key) or (made.expression if made is not None else "NULL")
    return Source(values, far=True)


def _with_own(table: Table, reference: Reference, sources: Sequence[Source]) -> list[Source]:
    """Let rows refer to an earlier one of their own table, that of half the number, or to themselves."""
    keyed = [s for s in sources if not s.values.keys().isdisjoint(reference.keys)]
    known = {name: expression for source in keyed for name, expression in source.values.items()}
    fixed = {name for source in sources for name in source.values}.intersection(reference.columns)
    alone = bool(fixed) or any(table.column(c).unique for c in reference.columns)
    number = "@g" if alone else f"({FIRST} + (@g - {FIRST}) / 2)"
    values = {
        column: known.get(key, "NULL").replace("@g", number)
        for column, key in zip(reference.columns, reference.keys, strict=True)
        if column not in fixed
    }
    if not keyed:
        return [*sources, Source(values)]
    whole = replace(
        keyed[0],
        values={name: e for source in keyed for name, e in source.values.items()} | values,
        unique=True,
        optional=False,
        loose=frozenset(c for c in values if not table.column(c).required).union(*(s.loose for s in keyed)),
    )
    return [*(s for s in sources if s not in keyed), whole]
